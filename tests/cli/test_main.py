"""The command tree: help, examples that work, errors, streams."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from pix2cap import __version__
from pix2cap.cli.commands import COMMANDS, GROUPS
from pix2cap.cli.main import main
from tests.cli.conftest import Call, start

EXAMPLES = {name: examples for name, (_, _, examples) in COMMANDS.items()}
EXAMPLES |= {name: examples for name, (_, examples) in GROUPS.items()}
RUN_HERE = [name for name in EXAMPLES if name.split()[0] in ("annotate", "dataset", "demo", "report")]
RUN_HERE.remove("annotate from-label-studio")  # It needs what Label Studio exports.

_DRAW = "annotate sample demo/run --per-stratum 2"
ON_A_COPY = {"annotate sample": [], "annotate to-label-studio": [_DRAW], "dataset agreement": [_DRAW]}
"""Examples that write into the run or need more than `pix2cap demo`, and what is called before them."""


def test_without_arguments_it_tells_what_it_can_do(call: Call) -> None:
    called = call()
    assert called.code == 0
    assert "annotate" in called.out and "pix2cap demo" in called.out
    assert called.err == ""


@pytest.mark.parametrize("name", ["", *EXAMPLES])
def test_every_help_ends_with_two_examples_that_can_be_pasted(call: Call, name: str) -> None:
    called = call(*name.split(), "--help")
    assert called.code == 0
    assert called.err == ""
    _, _, ending = called.out.rpartition("Examples")
    title, _, *lines = ending.splitlines()
    assert title in (":", ", after `pix2cap demo`:")
    assert max(map(len, lines)) < 80
    # What a shell makes of the lines as they stand, blanks before the end of a line included.
    pasted = "\n".join(lines).replace("\\\n", "").splitlines()
    expected = EXAMPLES.get(name, ("pix2cap demo", "pix2cap annotate run --help"))
    assert [shlex.split(line) for line in pasted] == [shlex.split(example) for example in expected]


@pytest.mark.parametrize("name", RUN_HERE)
def test_the_examples_work_after_the_demo(call: Call, demo_folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "demo").symlink_to(demo_folder / "demo")
    with contextlib.chdir(tmp_path):
        for example in EXAMPLES[name]:
            words = shlex.split(example)
            if name in ON_A_COPY and example == EXAMPLES[name][0]:
                (tmp_path / "demo").unlink()
                shutil.copytree(demo_folder / "demo", tmp_path / "demo")
                for before in ON_A_COPY[name]:
                    assert call(*shlex.split(before)).code == 0
            if words == ["pix2cap", "demo"]:
                (tmp_path / "demo").unlink()
            called = call(*words[1:])
            assert called.code == 0, called.err
            if words[-2:] == ["--format", "json"]:
                assert called.json is not None


def test_the_version(call: Call) -> None:
    assert call("--version").out.strip() == __version__


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["anotate"], ["anotate", "annotate", "`pix2cap --help`"]),
        (["annotate", "statu"], ["status", "`pix2cap annotate --help`"]),
        (["annotate", "status"], ["requires an argument", "`pix2cap annotate status --help`"]),
        (["annotate", "plan", "x.json", "--limmit", "3"], ["--limmit", "--limit"]),
        (["annotate", "plan", "x.json", "--limit", "three"], ["--limit", "three"]),
        (["annotate", "plan", "x.json", "--format", "xml"], ["xml", "table", "json"]),
        (["annotate", "run", "x.json"], ["--out"]),
    ],
)
def test_wrong_words_are_refused_with_the_command_to_type(
    call: Call, arguments: list[str], words: list[str]
) -> None:
    call(*arguments).refused(*words)


def test_a_traceback_only_with_debug(tmp_path: Path, call: Call) -> None:
    call("annotate", "status", tmp_path).refused("run.toml")
    with pytest.raises(Exception, match=r"run\.toml"):
        main(["annotate", "status", str(tmp_path), "--debug"])


def test_a_reader_that_goes_away_is_no_failure(demo_folder: Path) -> None:
    run = demo_folder / "demo" / "run"
    for arguments in (["annotate", "status", run], ["annotate", "run", "--help"]):
        read_end, write_end = os.pipe()
        os.close(read_end)
        process = start(*arguments, stdout=write_end)
        os.close(write_end)
        _, talk = process.communicate()
        assert (process.returncode, talk) == (0, "")


def test_output_that_cannot_be_written_is_told_without_traceback(demo_folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = start("annotate", "status", demo_folder / "demo" / "run", stdout=full)
        _, talk = process.communicate()
    assert process.returncode == 2
    assert talk.startswith("pix2cap: ") and "No space left" in talk
    assert len(talk.splitlines()) == 1


@pytest.mark.parametrize("format", ["table", "json"])
def test_a_terminal_without_unicode(demo_folder: Path, tmp_path: Path, format: str) -> None:
    (tmp_path / "für dich").symlink_to(demo_folder / "demo" / "sample")
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    arguments = ["annotate", "plan", tmp_path / "für dich", "--format", format]
    process = start(*arguments, env=environment, encoding="utf-8")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert '"segments": 81' in out if format == "json" else "f\\xfcr dich" in out


def test_names_that_are_no_utf8_are_refused_not_crashed_on(small, tmp_path: Path) -> None:
    out = os.fsencode(tmp_path) + b"/run-\xff"
    done = subprocess.run(
        [*map(os.fsencode, _python_m()), b"annotate", b"run", os.fsencode(small.folder), b"--images",
         os.fsencode(small.images), b"--out", out],
        capture_output=True,
    )  # fmt: skip
    assert done.returncode in (0, 2)
    assert b"Traceback" not in done.stderr and b"internal error" not in done.stderr


def _python_m() -> list[str]:
    import sys

    return [sys.executable, "-m", "pix2cap"]
