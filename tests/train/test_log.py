"""The log of a training run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pix2cap.errors import InputError
from pix2cap.train.log import LOG_NAME, TrainLog, read_log


def test_what_was_added_is_read(tmp_path: Path) -> None:
    log = TrainLog(tmp_path, step=0)
    log.add("train", 1, loss=0.1 + 0.2)
    log.add("eval", 1, scores={"a": 1.0})
    log.close()
    assert read_log(tmp_path / LOG_NAME) == [
        {"event": "train", "step": 1, "loss": 0.1 + 0.2},
        {"event": "eval", "step": 1, "scores": {"a": 1.0}},
    ]


def test_later_steps_are_forgotten(tmp_path: Path) -> None:
    log = TrainLog(tmp_path, step=0)
    for step in range(1, 6):
        log.add("train", step)
    log.close()
    log = TrainLog(tmp_path, step=3)
    assert log.has("train", 3) and not log.has("train", 4)
    log.add("train", 4, again=True)
    log.close()
    assert [r["step"] for r in read_log(tmp_path / LOG_NAME)] == [1, 2, 3, 4]


def test_a_last_line_cut_off_is_left_out_and_another_is_told(tmp_path: Path) -> None:
    path = tmp_path / LOG_NAME
    path.write_bytes(b'{"event":"train","step":1}\n{"event":"tra')
    assert [r["step"] for r in read_log(path)] == [1]
    path.write_bytes(b'{"event":"tra\n{"event":"train","step":1}\n')
    with pytest.raises(InputError, match=r"log\.jsonl, line 1: expected a record"):
        read_log(path)
