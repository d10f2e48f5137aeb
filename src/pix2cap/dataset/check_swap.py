"""Captions exchanged between two segments of a picture, told by class, colour and place together."""

from __future__ import annotations

from collections.abc import Mapping

from pix2cap.annotate.findings import Finding
from pix2cap.dataset.check_scene import CheckedScene


def check_swaps(texts: Mapping[int, str], scene: CheckedScene) -> dict[int, Finding]:
    """Placeholder until the evidence is measured."""
    return {}
