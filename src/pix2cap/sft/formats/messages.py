"""`messages` with `images`, as LLaMA-Factory (by `dataset_info.json`) and ms-swift read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pix2cap.sft.formats.row_format import Row, RowFormat, Spoken


def message_rows(spoken: Spoken) -> Iterator[Row]:
    """One row a conversation; the first question begins with `<image>`, once for the one picture."""
    yield {**spoken.facts(), "messages": spoken.messages(image_token=True), "images": [spoken.picture]}


def dataset_info(row_files: Mapping[str, str]) -> dict[str, Any]:
    """LLaMA-Factory's description: `pix2cap_train` and, where there is one, `pix2cap_validation`."""
    return {
        "dataset_info.json": {
            f"pix2cap_{split}": {
                "file_name": name,
                "formatting": "sharegpt",
                "columns": {"messages": "messages", "images": "images"},
                "tags": {
                    "role_tag": "role",
                    "content_tag": "content",
                    "user_tag": "user",
                    "assistant_tag": "assistant",
                },
            }
            for split, name in row_files.items()
        }
    }


MESSAGES: Final = RowFormat(name="messages", rows=message_rows, companions=dataset_info)
