"""Provenance: hashes that anyone can make again, and no folder of this machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pix2cap import __version__
from pix2cap.evaluate.result_provenance import collect_provenance, hash_input


def test_a_file_s_hash_is_the_one_sha256sum_prints(tmp_path: Path) -> None:
    path = tmp_path / "gt.json"
    path.write_bytes(b"{}" * 1000)
    found = hash_input(path)
    assert (found.name, found.sha256) == ("gt.json", hashlib.sha256(b"{}" * 1000).hexdigest())


def _masks(folder: Path, names: dict[str, bytes]) -> Path:
    for name, data in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_folder_s_hash_follows_names_and_contents_alone(tmp_path: Path) -> None:
    files = {"1.png": b"one", "2.png": b"two"}
    first = hash_input(_masks(tmp_path / "a" / "masks", files))
    moved = hash_input(_masks(tmp_path / "b" / "masks", dict(reversed(files.items()))))
    assert first == moved
    swapped = hash_input(_masks(tmp_path / "c" / "masks", {"1.png": b"two", "2.png": b"one"}))
    renamed = hash_input(_masks(tmp_path / "d" / "masks", {"1.png": b"one", "3.png": b"two"}))
    assert len({first.sha256, swapped.sha256, renamed.sha256}) == 3


def test_of_a_dataset_folder_only_what_is_scored_counts(tmp_path: Path) -> None:
    files = {"panoptic.json": b"{}", "panoptic/1.png": b"one"}
    bare = hash_input(_masks(tmp_path / "a" / "d", files))
    full = hash_input(_masks(tmp_path / "b" / "d", files | {"images/1.jpg": b"photo", "README.md": b"card"}))
    other = hash_input(_masks(tmp_path / "c" / "d", files | {"panoptic/1.png": b"two"}))
    assert bare == full
    assert bare != other


def test_no_folder_of_this_machine_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "gt.json"
    path.write_text("{}")
    made = collect_provenance(
        arguments={"gt": path, "metrics": ["bleu", "cider"], "workers": 2, "masks": None, "more": {path}},
        inputs={"gt": path, "gt_masks": None},
        seed=7,
        created_at="2026-01-01T00:00:00+00:00",
        libraries=("numpy", "no-such-distribution"),
    )
    assert made.arguments == {
        "gt": "gt.json", "metrics": ["bleu", "cider"], "workers": 2, "masks": None, "more": ["gt.json"],
    }  # fmt: skip
    assert list(made.inputs) == ["gt"]
    assert list(made.libraries) == ["numpy"]
    assert (made.pix2cap, made.seed) == (__version__, 7)
    told = json.dumps([made.arguments, [[f.name, f.sha256] for f in made.inputs.values()]])
    assert str(tmp_path) not in told


def test_a_missing_input_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hash_input(tmp_path / "nothing.json")
