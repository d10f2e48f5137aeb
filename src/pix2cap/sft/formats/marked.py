"""TRL's rows on pictures into which the marks are drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pix2cap.sft.formats.trl import TRL

MARKED: Final = replace(TRL, name="marked", regions=("mark",))
