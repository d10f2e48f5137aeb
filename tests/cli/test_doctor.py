"""`pix2cap doctor`: what is there, what is missing, no key shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pix2cap.doctor import diagnose
from pix2cap.errors import UsageError
from pix2cap.metrics.spice_tools import CORENLP_MODELS, NASHORN
from tests.builders.fake_java import fake_java, put_spice_jars


def _run(arguments: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pix2cap", "doctor", *arguments]
    return subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, check=False)


def test_all_of_spice_is_there(tmp_path: Path) -> None:
    put_spice_jars(tmp_path / "jars")
    fake_java(tmp_path / "bin", version="21.0.1")
    diagnosis = diagnose({"PATH": str(tmp_path / "bin"), "PIX2CAP_SPICE_HOME": str(tmp_path / "jars")})
    assert diagnosis.versions["java"] == "21"
    assert diagnosis.lacking(["spice"]) == []


def test_what_spice_lacks(tmp_path: Path) -> None:
    (part,) = diagnose({"PATH": str(tmp_path)}).lacking(["spice", "spice"])
    for word in ("Java", "stanford-corenlp-3.6.0-models.jar", "nashorn-core-15.4.jar"):
        assert word in " ".join(part.missing)
    for artifact in (CORENLP_MODELS, NASHORN):
        assert f"mvn dependency:copy -Dartifact={artifact} -DoutputDirectory=spice-jars" in part.commands
    assert part.commands[-1].startswith("export PIX2CAP_SPICE_HOME=")


def test_an_unknown_need() -> None:
    with pytest.raises(
        UsageError, match=r"expected parts out of meteor, spice, spice_sg, vendors; got 'spyce'"
    ):
        diagnose({}).lacking(["spyce"])


def test_exit_codes_and_keys(tmp_path: Path) -> None:
    secret = "sk-never-shown-0123456789"
    bare = {"PATH": str(tmp_path), "JAVA_HOME": "", "PIX2CAP_SPICE_HOME": "", "OPENAI_API_KEY": secret}
    table = _run([], **bare)
    assert table.returncode == 0
    assert "mvn dependency:copy -Dartifact=edu.stanford.nlp:stanford-corenlp:3.6.0 -Dout" in table.stdout
    record = _run(["--format", "json", "--need", "spice"], **bare)
    assert record.returncode == 1
    assert "spice is needed and not ready" in record.stderr
    parsed = json.loads(record.stdout)
    assert parsed["keys"]["OPENAI_API_KEY"] is True
    assert parsed["versions"]["numpy"]
    assert {part["name"]: part["ready"] for part in parsed["parts"]}["spice"] is False
    assert secret not in table.stdout + table.stderr + record.stdout + record.stderr
    assert _run(["--need", "nonsense"], **bare).returncode == 2
