"""Open a run folder: a new one, one to go on with, or one that is better left alone."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pix2cap.annotate.events import EVENTS_NAME
from pix2cap.annotate.journal import JOURNAL_NAME, Journal, has_tables
from pix2cap.annotate.lock import LOCK_NAME
from pix2cap.annotate.settings import CONFIG_NAME, RunConfig
from pix2cap.errors import InputError, UsageError

_OURS_BEFORE_THE_JOURNAL = {LOCK_NAME, CONFIG_NAME, f"{CONFIG_NAME}.new", "reserve.bin"}
_JOURNAL_FILES = (JOURNAL_NAME, f"{JOURNAL_NAME}-wal", f"{JOURNAL_NAME}-shm")


def open_run(run_dir: Path, config: RunConfig) -> Journal:
    """Open the journal of a run for writing, with `run.toml` beside it.

    A folder in which nothing was answered yet may be begun anew with other settings: a first call with a
    wrong model name or folder leaves nothing that is worth keeping.

    Raises:
        UsageError: The folder holds other files.
        RunMismatch: Replies that were paid for belong to other settings.
        InputError: What the folder should hold is damaged or gone.
    """
    path = run_dir / JOURNAL_NAME
    names = require_ours(run_dir)
    if JOURNAL_NAME in names or EVENTS_NAME in names:
        _require_whole(path, names)
        earlier = RunConfig.read(run_dir)
        if not earlier.sends_the_same(config):
            if _has_replies(path):
                earlier.require_same(config, run_dir)
            else:
                for name in _JOURNAL_FILES:
                    (run_dir / name).unlink(missing_ok=True)
    config.write(run_dir)
    return Journal(path, writable=True)


def require_ours(run_dir: Path) -> set[str]:
    """The names in a folder that is a run, or may become one.

    Raises:
        UsageError: The folder holds other files.
    """
    names = {entry.name for entry in run_dir.iterdir()}
    others = sorted(names - _OURS_BEFORE_THE_JOURNAL)
    if others and JOURNAL_NAME not in names and EVENTS_NAME not in names:
        raise UsageError(
            f"{run_dir}: expected an empty folder or a run, found other files"
            f" ({', '.join(others[:3])}{', ...' if len(others) > 3 else ''}); give another --out"
        )
    return names


def _require_whole(path: Path, names: set[str]) -> None:
    """Refuse to pay again for what a lost journal held, or to guess the settings it belongs to.

    A folder killed while it was being made has no events yet, and may begin anew.
    """
    if EVENTS_NAME in names and not (path.is_file() and has_tables(path)):
        found = "one without content" if JOURNAL_NAME in names else "no such file"
        raise InputError(
            f"{path}: expected the journal of the run that {EVENTS_NAME} tells of, found {found}:"
            " it held what was paid for; put it back, or give another --out to pay anew"
        )
    if CONFIG_NAME not in names:
        raise InputError(
            f"{path.with_name(CONFIG_NAME)}: expected the settings of the run that {JOURNAL_NAME} belongs to,"
            " found no such file; put it back, or give another --out to pay anew"
        )


def _has_replies(path: Path) -> bool:
    if not has_tables(path):
        return False
    with contextlib.closing(Journal(path, writable=False)) as journal, journal.query() as sql:
        return bool(sql.execute("SELECT EXISTS (SELECT 1 FROM replies)").fetchone()[0])
