"""One writer per run folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from pix2cap.annotate.lock import run_lock
from pix2cap.errors import RunLocked

HOLD = """
import sys, pathlib
from pix2cap.annotate.lock import run_lock
with run_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path):
    with run_lock(tmp_path), pytest.raises(RunLocked, match=rf"process {os.getpid()}"), run_lock(tmp_path):
        pytest.fail("two holders")
    with run_lock(tmp_path):
        pass


def test_a_killed_holder_leaves_no_lock(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RunLocked), run_lock(tmp_path):
            pytest.fail("two holders")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with run_lock(tmp_path):
        pass
