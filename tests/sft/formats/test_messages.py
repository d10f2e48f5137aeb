"""Messages: the documented schema of LLaMA-Factory and ms-swift, and a description that fits the files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.builders.talks import read_rows
from tests.sft.formats.conftest import Exporter


@pytest.mark.parametrize(
    ("to", "messages", "role", "content", "user", "assistant"),
    [
        ("messages", "messages", "role", "content", "user", "assistant"),
        # LLaVA's tags are LLaMA-Factory's defaults.
        ("llava", "conversations", "from", "value", "human", "gpt"),
    ],
)
def test_rows_are_what_dataset_info_says(
    exported: Exporter, to: str, messages: str, role: str, content: str, user: str, assistant: str
) -> None:
    out = exported(to, split=0.34)
    info = json.loads((out / "dataset_info.json").read_text())
    assert list(info) == ["pix2cap_train", "pix2cap_validation"]
    for entry in info.values():
        assert entry["formatting"] == "sharegpt"
        assert entry["columns"]["messages"] == messages
        tags = entry.get("tags", {"role_tag": "from", "content_tag": "value", "user_tag": "human"})
        assert (tags["role_tag"], tags["content_tag"], tags["user_tag"]) == (role, content, user)
        for row in read_rows(out / entry["file_name"]):
            turns = row[messages]
            assert [turn[role] for turn in turns] == [user, assistant] * (len(turns) // 2)
            pictures = row[entry["columns"]["images"]]
            pictures = pictures if isinstance(pictures, list) else [pictures]
            assert sum(turn[content].count("<image>") for turn in turns) == len(pictures) == 1
            assert turns[0][content].startswith("<image>\n")
            # `media_dir` is the folder of dataset_info.json unless somebody says otherwise.
            assert all((out / picture).is_file() for picture in pictures)


def test_datasets_reads_the_lines(exported: Exporter, load: Callable[..., Any]) -> None:
    out = exported("messages")
    rows = load("json", data_files=str(out / "train.jsonl"), split="train")
    assert {"messages", "images", "segment_ids"} <= set(rows.features)
    assert len(rows) == len(read_rows(out / "train.jsonl"))
