"""`pix2cap annotate status`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pix2cap.cli.output import print_status


def status(run: Path, *, format: Literal["table", "json"] = "table") -> int:
    """Count captioned, not visible, failed (by reason) and pending segments, requests and spend.

    Args:
        run: The run folder; it may be in use.
        format: table or json.
    """
    from pix2cap.annotate import read_status

    print_status(read_status(run), format=format)
    return 0
