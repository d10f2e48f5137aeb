"""LLaVA's conversations: one JSON list, `human` and `gpt` in turn, `<image>` before the first question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pix2cap.formats.llava_json import llava_turns
from pix2cap.sft.formats.row_format import Row, RowFormat, Spoken


def conversation(spoken: Spoken) -> list[dict[str, str]]:
    """The turns in LLaVA's keys."""
    return llava_turns(spoken.messages(image_token=True))


def llava_rows(spoken: Spoken) -> Iterator[Row]:
    """One row a conversation."""
    yield {**spoken.facts(), "image": spoken.picture, "conversations": conversation(spoken)}


def dataset_info(row_files: Mapping[str, str]) -> dict[str, Any]:
    """The same rows described for LLaMA-Factory, whose own defaults are LLaVA's tags."""
    columns = {"messages": "conversations", "images": "image"}
    return {
        "dataset_info.json": {
            f"pix2cap_{split}": {"file_name": name, "formatting": "sharegpt", "columns": columns}
            for split, name in row_files.items()
        }
    }


LLAVA: Final = RowFormat(
    name="llava",
    rows=llava_rows,
    boxes=("unit", "thousand", "absolute"),
    row_file="{split}.json",
    container="list",
    companions=dataset_info,
)
