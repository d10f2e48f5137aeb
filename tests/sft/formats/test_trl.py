"""TRL rows: `datasets` reads them with pictures, and each answer is learnt once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.builders.panoptic import CocoPaths
from tests.builders.talks import captions_of, read_rows
from tests.sft.formats.conftest import Exporter


@pytest.mark.parametrize("to", ["trl", "marked"])
@pytest.mark.parametrize("split", [0.0, 0.34])
def test_datasets_reads_the_folder_with_an_image_feature(
    exported: Exporter, load: Callable[..., Any], to: str, split: float
) -> None:
    datasets = pytest.importorskip("datasets")
    out = exported(to, split=split)
    for loaded in (load(str(out)), load("imagefolder", data_dir=str(out))):
        assert list(loaded) == (["train", "validation"] if split else ["train"])
        features = loaded["train"].features
        assert features["images"] == datasets.List(datasets.Image())
        assert features["prompt"] == features["completion"]
        assert set(features["prompt"].feature) == {"role", "content"}
        for name, rows in loaded.items():
            assert len(rows) == len(read_rows(out / name / "metadata.jsonl"))
            assert all(picture.mode == "RGB" for picture in rows[-1]["images"])


def test_datasets_reads_a_single_picture(
    small_set: CocoPaths, exported: Exporter, load: Callable[..., Any]
) -> None:
    rows = load(str(exported("trl", limit=1, rows="segment")))["train"]
    truth = [text for (image_id, _), text in captions_of(small_set).items() if image_id == 1]
    assert sorted(completion[0]["content"] for completion in rows["completion"]) == sorted(truth)
    assert rows[0]["images"][0].size == (64, 48)


def test_a_conversation_is_a_row_a_turn_with_the_turns_before_as_prompt(exported: Exporter) -> None:
    rows = read_rows(exported("trl", rows="picture", limit=1) / "train" / "metadata.jsonl")
    assert len(rows) >= 4
    whole = rows[-1]["prompt"] + rows[-1]["completion"]
    for number, row in enumerate(rows, start=1):
        assert row["id"] == f"1.{number}"
        assert row["prompt"] + row["completion"] == whole[: 2 * number]
        assert [message["role"] for message in row["prompt"]] == (["user", "assistant"] * number)[:-1]
        assert [message["role"] for message in row["completion"]] == ["assistant"]
        assert len(row["segment_ids"]) == len(row["styles"]) == number


def test_every_answer_is_the_completion_of_exactly_one_row_a_conversation(
    small_set: CocoPaths, exported: Exporter
) -> None:
    rows = read_rows(exported("trl", rows="both") / "train" / "metadata.jsonl")
    learnt = Counter(row["completion"][0]["content"] for row in rows)
    assert learnt == Counter({text: 2 * n for text, n in Counter(captions_of(small_set).values()).items()})


def test_no_row_has_a_column_that_puts_loss_on_questions(exported: Exporter) -> None:
    for row in read_rows(exported("trl") / "train" / "metadata.jsonl"):
        assert "messages" not in row and "text" not in row


def test_tokens_refer_to_regions_with_masks(exported: Exporter) -> None:
    from pix2cap.core.rle import rle_to_mask

    out: Path = exported("trl", region="token")
    for row in read_rows(out / "train" / "metadata.jsonl"):
        questions = [message["content"] for message in row["prompt"] if message["role"] == "user"]
        assert sum(question.count("<region>") for question in questions) == len(row["regions"])
        assert [entry["segment_id"] for entry in row["regions"]] == row["segment_ids"]
        for entry in row["regions"]:
            x0, y0, x1, y1 = entry["box_xyxy"]
            mask = rle_to_mask(entry["rle"])
            assert mask.shape == (48, 64) and mask[y0:y1, x0:x1].sum() == mask.sum() > 0
