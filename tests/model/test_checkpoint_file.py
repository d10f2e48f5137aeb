"""Files of others: out of every wrapping, nothing run, damage told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from pix2cap.errors import InputError
from pix2cap.model.checkpoint_file import read_checkpoint

STATE = {"backbone.a": torch.arange(6.0).reshape(2, 3), "head.b": torch.tensor(True)}


def _prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + key: tensor for key, tensor in STATE.items()}


@pytest.mark.parametrize(
    ("content", "wrapping", "beside"),
    [
        (STATE, (), ()),
        ({"model": STATE, "optimizer": {"lr": 1.0}, "iteration": 7}, ("model",), ("optimizer", "iteration")),
        ({"state_dict": _prefixed("module.")}, ("state_dict", "module."), ()),
        ({"model": {"model_state_dict": STATE}}, ("model", "model_state_dict"), ()),
        (_prefixed("module.model."), ("module.", "model."), ()),
        (_prefixed("_orig_mod."), ("_orig_mod.",), ()),
        (STATE | {"epoch": 3}, (), ("epoch",)),
    ],
    ids=["bare", "detectron2", "lightning", "twice", "parallel", "compiled", "with a counter"],
)
@pytest.mark.parametrize("suffix", ["pt", "pth", "bin"])
def test_published_nestings(
    tmp_path: Path, content: dict[str, Any], wrapping: tuple[str, ...], beside: tuple[str, ...], suffix: str
) -> None:
    torch.save(content, tmp_path / f"x.{suffix}")
    checkpoint = read_checkpoint(tmp_path / f"x.{suffix}")
    assert list(checkpoint.state) == list(STATE)
    assert all(torch.equal(checkpoint.state[key], STATE[key]) for key in STATE)
    assert (checkpoint.wrapping, checkpoint.beside) == (wrapping, beside)


def test_a_prefix_is_only_taken_off_where_all_have_it(tmp_path: Path) -> None:
    torch.save({"module.a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "x.pt")
    assert list(read_checkpoint(tmp_path / "x.pt").state) == ["module.a", "b"]


def test_old_files_and_safetensors(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(_prefixed("module."), tmp_path / "new.safetensors", metadata={"format": "pt"})
    for name in ("old.pth", "new.safetensors"):
        state = read_checkpoint(tmp_path / name).state
        assert all(torch.equal(state[key], STATE[key]) for key in STATE)
    assert read_checkpoint(tmp_path / "new.safetensors").metadata == {"format": "pt"}


class _Intruder:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    torch.save({"model": STATE, "hook": _Intruder(tmp_path / "made")}, tmp_path / "x.pt")
    with pytest.raises(
        InputError, match=r"x\.pt: expected a file of nothing but weights.*save its state dict"
    ):
        read_checkpoint(tmp_path / "x.pt")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "damaged"),
        (b"a text file\n", "damaged or other"),
        (b"PK\x03\x04 broken", "expected a file"),
        (b"\x80\x02}q\x00.", "expected a file"),
        (bytes(range(256)), "expected a file"),
    ],
    ids=["empty", "text", "zip head", "pickle", "bytes"],
)
def test_damaged_files_are_told(tmp_path: Path, data: bytes, told: str) -> None:
    (tmp_path / "x.pt").write_bytes(data)
    with pytest.raises(InputError, match=told):
        read_checkpoint(tmp_path / "x.pt")


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.99])
def test_cut_files_are_told(tmp_path: Path, kept: float) -> None:
    torch.save({"x": torch.rand(500)}, tmp_path / "x.pt")
    data = (tmp_path / "x.pt").read_bytes()
    (tmp_path / "x.pt").write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(InputError, match=r"x\.pt"):
        read_checkpoint(tmp_path / "x.pt")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([torch.ones(1)], "got list"),
        (torch.ones(2), "got Tensor"),
        ({"epoch": 3, "lr": 0.1}, "a dictionary of epoch, lr"),
        ({"model": {}}, "a dictionary of nothing"),
    ],
    ids=str,
)
def test_files_without_names_are_told(tmp_path: Path, content: object, told: str) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(InputError, match=told):
        read_checkpoint(tmp_path / "x.pt")


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.pt"):
        with pytest.raises(InputError, match=r"expected a file of weights \(\.pt, \.pth, \.bin or"):
            read_checkpoint(path)
