"""`pix2cap weights convert`."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from pix2cap.model.weights import load_weights
from tests.builders.published import (
    CATEGORIES,
    SMALL,
    bert_vocab,
    clip_bpe,
    grit_state,
    pix2cap_state,
    xdecoder_state,
)
from tests.cli.conftest import Call


def _categories(path: Path) -> Path:
    table = [{"id": c.id, "name": c.name, "isthing": int(c.is_thing)} for c in CATEGORIES]
    path.write_text(json.dumps({"categories": table}), "utf-8")
    return path


def test_a_published_file_becomes_a_folder(call: Call, tmp_path: Path) -> None:
    torch.save(pix2cap_state(), tmp_path / "p.pt")
    vocabularies = (
        *("--clip-bpe", clip_bpe(tmp_path / "bpe.gz")),
        *("--bert-vocab", bert_vocab(tmp_path / "vocab.txt")),
    )
    names = ("--categories", _categories(tmp_path / "c.json"))
    called = call("weights", "convert", tmp_path / "p.pt", "--out", tmp_path / "w", *vocabularies, *names)
    assert (called.code, called.out, called.err) == (0, f"{tmp_path / 'w'}\n", "")
    assert load_weights(tmp_path / "w").categories == CATEGORIES


def test_what_differs_is_listed(call: Call, tmp_path: Path) -> None:
    torch.save(xdecoder_state(), tmp_path / "x.pt")
    torch.save(grit_state(), tmp_path / "g.pth")
    arguments = (tmp_path / "x.pt", "--out", tmp_path / "w", "--categories", _categories(tmp_path / "c.json"))
    call("weights", "convert", *arguments, "--text-decoder", tmp_path / "g.pth").refused(
        "8 missing", "bbox_embed", "--allow-missing"
    )
    called = call("weights", "convert", *arguments, "--text-decoder", tmp_path / "g.pth", "--allow-missing")
    assert called.code == 0
    lines = called.err.splitlines()
    assert lines[:2] == ["1 extra, left out:", "  backbone_proj"]
    assert "  sem_seg_head.predictor.object_proj.weight" in lines
    assert "  roi_heads.box_head.0.fc1.bias" in lines
    assert lines[-1].startswith("predict will not work yet: ") and "--bert-vocab FILE" in lines[-1]
    assert load_weights(tmp_path / "w").config == SMALL


def test_wrong_use(call: Call, tmp_path: Path) -> None:
    torch.save(pix2cap_state(), tmp_path / "p.pt")
    file, out = tmp_path / "p.pt", ("--out", tmp_path / "w")
    call("weights", "convert", file, *out, "--preset", "huge").refused("focal-l, focal-t, tiny", "'huge'")
    call("weights", "convert", file, *out, "--preset", "focal-l").refused(
        "of another shape", "weights inspect"
    )
    call("weights", "convert", file, *out).refused("--categories FILE", "3 classes")
    call("weights", "convert", file, *out, "--categories", tmp_path / "none.json").refused("none.json")
    assert not (tmp_path / "w").exists()
