"""Progress: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pix2cap.cli.progress import Told, now_and_then, report
from tests.builders.terminal import watch_terminal

TWO_BARS = """
from pix2cap.cli.image_progress import report_images
from pix2cap.cli.progress import Told, report

def tell(name, done):
    return Told(doing=name, done=done, total=2, line="", aside=f"{name} {done}")

with report_images() as on_image, report(tell, several=True) as on_step:
    for done in (1, 2):
        on_image(done, 2)
    for name in ("answers", "grades"):
        for done in (1, 2):
            on_step(name, done)
print("done")
"""


def test_two_bars_take_turns_on_a_terminal() -> None:
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    process, out, shown = watch_terminal(
        lambda stderr: subprocess.Popen(
            [sys.executable, "-c", TWO_BARS],
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            text=True,
        )
    )
    assert (process.returncode, out) == (0, "done\n"), shown
    for words in ("images", "2/2", "answers 2", "grades 2"):
        assert words in shown


def test_elsewhere_only_what_is_due_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    def tell(done: int) -> Told:
        return Told(doing="images", done=done, total=9, line=f"{done} of 9", is_due=done == 9)

    for at_once in (False, True):
        with report(tell, at_once=at_once) as advance:
            for done in range(1, 10):
                advance(done)
    assert capsys.readouterr().err.splitlines() == ["9 of 9", "1 of 9", "9 of 9"]


def test_ten_seconds_lie_between_two_plain_lines() -> None:
    is_due = now_and_then(at_once=True)
    assert [is_due() for _ in range(3)] == [True, False, False]
    assert not now_and_then()()
