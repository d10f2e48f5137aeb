"""`pix2cap sft train` and `sft caption` on the command line; what they learn is tested in tests/sft."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.tiny_lmm import write_squares
from tests.cli.conftest import Call

# Libraries warn of each other's deprecations.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

CONFIG = """
log_every = 1

[data]
train = "data"
max_regions = 2

[model]
base = "tiny"

[model.region]
layers = [-1]
width = 16

[model.tiny]
picture = 32
patch = 16
vision_width = 16
vision_layers = 1
text_width = 16
text_layers = 1
heads = 2
vocabulary = 300

[[stages]]
name = "all"
train = ["vision", "projector", "regions", "language"]
lr = 1e-3
steps = 2
batch = 2
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    write_squares(tmp_path / "data", images=3)
    with contextlib.chdir(tmp_path):
        yield tmp_path


def test_from_captions_to_a_model_to_scores(here: Path, call: Call) -> None:
    arguments = ("sft", "train", "config.toml", "--out", "tuned", "--device", "cpu", "--format", "json")
    called = call(*arguments, "--set", "stages.0.steps=3")
    assert called.code == 0, called.err
    assert called.json["steps"] == 3 and called.json["model"] == "tuned/model"
    assert called.json["learnt"]["all"] > 1000
    assert "step 3/3" in called.err and "stage all: 3 steps" in called.err
    assert "sft caption DATASET --model tuned/model" in called.err.splitlines()[-1]
    call(*arguments, "--set", "stages.0.steps=9").refused("stages.0.steps: 3 then, 9 now")

    caption = ("sft", "caption", "data", "--model", "tuned/model", "--out", "said", "--max-tokens", "4")
    captioned = call(*caption, "--device", "cpu", "--format", "json")
    assert captioned.code == 0, captioned.err
    assert captioned.json["pictures"] == 3
    assert captioned.json["captions"] + captioned.json["empty"] == 9
    assert captioned.err.splitlines()[-1].endswith("score data said")
    scored = call("score", "data", "said", "--metrics", "rouge_l", "--format", "json")
    assert scored.code == 0, scored.err
    assert scored.json["panoptic"]["all"]["pq"] == 1.0
    (here / "data" / "images" / "2.png").unlink()
    again = call(*caption[:-4], "--out", "other", "--max-tokens", "4", "--device", "cpu")
    assert again.code == 1 and "refused: 2.png" in again.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sft", "train", "none.toml", "--out", "x"), ("none.toml", "TOML")),
        (("sft", "train", "config.toml", "--out", "x", "--set", "model.bse=1"), ("model.bse", "base")),
        (("sft", "train", "config.toml", "--out", "x", "--set", "data.train=nowhere"), ("nowhere",)),
        (("sft", "caption", "data", "--model", "none", "--out", "x"), ("none",)),
        (
            ("sft", "caption", "data", "--model", "none", "--out", "x", "--beam", "0"),
            ("--beam", "at least 1"),
        ),
    ],
)
def test_wrong_use_is_told(
    here: Path, call: Call, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    call(*arguments).refused(*words)
