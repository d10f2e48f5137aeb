"""`pix2cap demo`."""

from __future__ import annotations

from pathlib import Path

from pix2cap.cli.output import say
from pix2cap.cli.program import program


def demo(*, out: Path = Path("demo")) -> int:
    """Caption a built-in sample offline, check it, export it and show it in one page.

    Args:
        out: Folder for the sample, the run, the dataset and report.html.
    """
    from pix2cap.demo import run_demo

    made = run_demo(out, program=program(), say=say)
    print(made.report)
    say("Try next:")
    for command in made.next_commands:
        say(f"  {command}")
    return 0
