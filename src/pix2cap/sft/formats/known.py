"""All formats by the name that `--to` takes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from pix2cap.sft.formats.llava import LLAVA
from pix2cap.sft.formats.marked import MARKED
from pix2cap.sft.formats.messages import MESSAGES
from pix2cap.sft.formats.ms_swift import MS_SWIFT
from pix2cap.sft.formats.region_records import REGIONS
from pix2cap.sft.formats.row_format import RowFormat
from pix2cap.sft.formats.trl import TRL

FormatName = Literal["trl", "messages", "ms-swift", "llava", "regions", "marked"]

FORMATS: Final[Mapping[str, RowFormat]] = MappingProxyType(
    {row_format.name: row_format for row_format in (TRL, MESSAGES, MS_SWIFT, LLAVA, REGIONS, MARKED)}
)
