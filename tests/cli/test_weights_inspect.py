"""`pix2cap weights inspect`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from tests.builders.published import xdecoder_state
from tests.cli.conftest import Call


def test_every_key_is_listed(call: Call, tmp_path: Path) -> None:
    torch.save(xdecoder_state(), tmp_path / "x.pt")
    called = call("weights", "inspect", tmp_path / "x.pt")
    assert called.code == 0
    lines = called.out.splitlines()
    assert "extra       backbone_proj [64, 48]" in lines
    assert "missing     sem_seg_head.predictor.object_proj.bias [256]" in lines
    assert "X-Decoder" in called.out and "none fits" in called.out
    record = call("weights", "inspect", tmp_path / "x.pt", "--format", "json").json
    listed = [line.split()[1] for line in lines if line.startswith("missing  ")]
    assert list(record["keys"]["missing"]) == listed and len(listed) == record_missing(called.out)
    assert record["keys"]["extra"] == {"backbone_proj": [64, 48]}


def record_missing(table: str) -> int:
    """The count that the table tells."""
    (row,) = [line for line in table.splitlines() if "keys: missing" in line]
    return int(row.split("│")[2])


def test_what_is_no_file_of_weights(call: Call, tmp_path: Path) -> None:
    (tmp_path / "notes.pt").write_text("hello")
    call("weights", "inspect", tmp_path / "notes.pt").refused("notes.pt", "expected a file of weights")
    call("weights", "inspect", tmp_path / "gone.pt").refused("gone.pt", "got none")


def test_without_torch_it_tells_what_to_type(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from pix2cap.cli.main import main\n"
        "main(['weights', 'inspect', sys.argv[1]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "x.pt")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "pix2cap: this command needs torch, not installed here; type: pip install 'pix2cap[train]'\n"
    )
