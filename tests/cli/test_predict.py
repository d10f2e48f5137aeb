"""`predict`: from pictures and weights to a folder that `score` and `report` take."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2cap.dataset.generate import generate_dataset
from tests.builders.small_weights import build_weights
from tests.cli.conftest import Call, start

CPU = ("--device", "cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_weights(tmp_path_factory.mktemp("files") / "weights")


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files") / "truth"
    generate_dataset(folder, images=3, size_wh=(80, 64), seed=3, workers=1)
    return folder


def test_generated_scenes_are_predicted_and_scored(
    call: Call, weights: Path, truth: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    called = call("predict", truth / "images", "--weights", weights, "--out", out, *CPU, "--format", "json")
    assert called.code == 0, called.err
    assert called.json["predicted"] == 3 and called.json["refused"] == []
    assert "next: " in called.err and f"score GT {out}" in called.err
    assert (out / "report.html").stat().st_size > 1000
    assert len(list((out / "overlays").iterdir())) == 3
    scored = call(
        *("score", truth, out, "--metrics", "rouge_l", "--bootstrap", 0, "--format", "json"),
    )
    assert scored.code == 0, scored.err
    document = json.loads((out / "panoptic.json").read_text())
    segments = [s for a in document["annotations"] for s in a["segments_info"]]
    assert len(segments) == called.json["segments"] > 0
    assert scored.json["tp"] + scored.json["fp"] <= len(segments)
    assert "no predicted segment has a score" not in scored.err
    reported = call("report", out, "--out", tmp_path / "page.html")
    assert reported.code == 0, reported.err


def test_the_same_command_again_has_nothing_to_do(
    call: Call, weights: Path, truth: Path, tmp_path: Path
) -> None:
    words = ("predict", truth / "images", "--weights", weights, "--out", tmp_path / "out", *CPU)
    assert call(*words, "--limit", 1).code == 0
    called = call(*words, "--format", "json")
    assert (called.code, called.json["predicted"], called.json["kept"]) == (0, 2, 1)
    assert "3 pictures, 1 of them done before" in called.err
    assert call(*words, "--format", "json").json["predicted"] == 0
    assert call(*words, "--overwrite", "--format", "json").json["predicted"] == 3
    call(*words, "--beam-size", 2).refused("beam size 1 then, 2 now", "--overwrite")


def test_pictures_that_cannot_be_read_are_listed(
    call: Call, weights: Path, truth: Path, tmp_path: Path
) -> None:
    good = sorted((truth / "images").iterdir())[0]
    (tmp_path / "notes.txt").write_text("Dear all,")
    called = call(
        "predict", tmp_path / "notes.txt", good, "--weights", weights, "--out", tmp_path / "out", *CPU
    )
    assert called.code == 1
    assert "not read: " in called.err and "notes.txt: not a picture" in called.err
    assert (tmp_path / "out" / "panoptic.json").is_file()


def test_bad_input_is_told_in_one_line(call: Call, weights: Path, truth: Path, tmp_path: Path) -> None:
    images, out = truth / "images", tmp_path / "out"
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("Dear all,")
    to = ("--weights", weights, "--out", out, *CPU)
    call("predict", tmp_path / "notes.txt", *to).refused("notes.txt", "not a picture", "pix2cap predict")
    call("predict", tmp_path / "empty", *to).refused("empty", "an empty folder", "name another folder")
    call("predict", tmp_path / "nowhere", *to).refused("nowhere", "no such file", "--help")
    call("predict", *to).refused("got none")
    call("predict", images, *to, "--limit", 0).refused("--limit")
    call("predict", images, *to, "--beam-size", 0).refused("--beam-size: expected 1 or more, got 0")
    call("predict", images, *to, "--precision", "fp8").refused("fp8", "pix2cap predict --help")
    call("predict", images, "--weights", tmp_path / "nowhere", "--out", out).refused("weights convert")
    call("predict", images, *to, "--image-json", tmp_path / "notes.txt").refused(
        "notes.txt", "not a JSON file"
    )
    assert not out.exists()


def test_weights_without_vocabulary(call: Call, truth: Path, tmp_path: Path) -> None:
    weights = build_weights(tmp_path / "weights")
    (weights / "captions.tokenizer.json").unlink()
    called = call("predict", truth / "images", "--weights", weights, "--out", tmp_path / "out", *CPU)
    called.refused("captions.tokenizer.json", "pix2cap weights convert", "--clip-bpe", "--bert-vocab")
    assert not (tmp_path / "out").exists()


def test_without_torch_it_says_how_to_get_it(weights: Path, truth: Path, tmp_path: Path) -> None:
    words = ["predict", truth / "images", "--weights", weights, "--out", tmp_path / "out"]
    script = (
        "import sys; sys.modules['torch'] = None; from pix2cap.cli.main import main;"
        f" main({[str(word) for word in words]!r})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert "torch" in done.stderr and "pip install 'pix2cap[train]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_killed_call_is_gone_on_with(weights: Path, tmp_path: Path) -> None:
    out, journal = tmp_path / "out", tmp_path / "out" / "predictions.jsonl"
    rng = np.random.default_rng(0)
    pictures = [tmp_path / f"{number}.png" for number in range(8)]
    for path in pictures:
        Image.fromarray(rng.integers(0, 256, (64, 80, 3), np.uint8)).save(path)
    data = pictures[5].read_bytes()
    pictures[5].unlink()
    os.mkfifo(pictures[5])  # Whoever reads it waits.
    words = ("predict", *pictures, "--weights", weights, "--out", out, *CPU, "--format", "json")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with start(*words, env=environment) as process:
        while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < 6):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (out / "panoptic.json").exists()
    pictures[5].unlink()
    pictures[5].write_bytes(data)
    with start(*words, env=environment) as process:
        told, _ = process.communicate()
    assert process.returncode == 0
    record = json.loads(told)
    assert (record["kept"], record["predicted"]) == (5, 3)
    document = json.loads((out / "panoptic.json").read_text())
    assert [image["id"] for image in document["images"]] == list(range(8))
    assert {path.name for path in (out / "panoptic").iterdir()} == {f"{n}.png" for n in range(8)}
