"""The journal keeps what was paid for."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess

import pytest

from pix2cap.annotate.group_commit import GroupCommitter
from pix2cap.annotate.journal import Journal, Outcome, ReplyRecord, RequestRecord
from pix2cap.annotate.migrations import MIGRATIONS
from pix2cap.core import CaptionStatus, ImageRef
from pix2cap.errors import InputError, StorageFull
from pix2cap.formats.source import SegmentInfo, SourceImage


def request(key: str) -> RequestRecord:
    return RequestRecord(key, 7, "first", "test", (1, 2), "style", "prompt", 0.01)


@contextlib.contextmanager
def journal(path, *, writable=True):
    with contextlib.closing(Journal(path, writable=writable)) as opened:
        yield opened


async def test_a_reply_is_readable_once_awaited(tmp_path):
    path = tmp_path / "journal.sqlite"
    reply = ReplyRecord("k", "text", None, "stop", 10, 20, 0.5, "r-1", "m", 2)
    with journal(path) as opened:
        await opened.add_request(request("k"))
        await opened.add_reply(reply)
        assert opened.reply("k") == reply
        assert opened.reply("other") is None
    with journal(path, writable=False) as opened:
        assert opened.reply("k") == reply


async def test_a_second_reply_for_a_key_is_an_error_not_an_overwrite(tmp_path):
    with journal(tmp_path / "journal.sqlite") as opened:
        await opened.add_request(request("k"))
        await opened.add_reply(ReplyRecord("k", "first"))
        with pytest.raises(sqlite3.IntegrityError):
            await opened.add_reply(ReplyRecord("k", "second"))
        assert opened.reply("k").text == "first"


async def test_the_latest_outcome_counts_and_the_earlier_stays_in_the_file(tmp_path):
    path = tmp_path / "journal.sqlite"
    image = SourceImage(ImageRef(7, "a.jpg", 4, 4), (SegmentInfo(1, 1), SegmentInfo(2, 1, is_crowd=True)))
    with journal(path) as opened:
        await opened.add_image(image, 0)
        await opened.settle(
            7, [Outcome(1, CaptionStatus.FAILED, reason="missing")], round_number=0, rules="a"
        )
        await opened.settle(7, [Outcome(1, CaptionStatus.CAPTIONED, "A cat.")], round_number=1, rules="a")
        assert opened.outcomes(7)[1].text == "A cat."
        assert opened.settled(7).round == 1
        assert opened.image_ids() == [7]
        with opened.query() as sql:
            assert sql.execute("SELECT count(*) FROM outcomes").fetchone() == (2,)


def test_a_reader_cannot_write_and_needs_a_journal(tmp_path):
    with pytest.raises(InputError, match="found no such file"):
        Journal(tmp_path / "journal.sqlite", writable=False)
    (tmp_path / "journal.sqlite").write_text("this is no database, but it is long enough to look at" * 20)
    with pytest.raises(InputError, match="expected an SQLite journal"):
        Journal(tmp_path / "journal.sqlite", writable=True)


def test_a_journal_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "journal.sqlite"
    with journal(path):
        pass
    with contextlib.closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("INSERT INTO migrations VALUES (?, 'later', '')", (len(MIGRATIONS) + 1,))
    with pytest.raises(InputError, match="upgrade pix2cap"):
        Journal(path, writable=True)


def test_one_failing_write_fails_its_batch_and_leaves_nothing_behind(tmp_path):
    connection = sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    committer = GroupCommitter(connection)
    good = committer.submit(lambda c: c.execute("INSERT INTO t VALUES (1)"))
    good.result(timeout=30)
    bad = committer.submit(lambda c: c.execute("INSERT INTO t VALUES (1)"))
    with pytest.raises(sqlite3.IntegrityError):
        bad.result(timeout=30)
    committer.submit(lambda c: c.execute("INSERT INTO t VALUES (2)")).result(timeout=30)
    committer.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "x.sqlite")) as raw:
        assert raw.execute("SELECT n FROM t").fetchall() == [(1,), (2,)]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MiB; needs root and `mount`."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"mounting a small disk failed: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_stops_and_loses_no_reply(small_disk):
    path = small_disk / "journal.sqlite"
    kept = 0
    with journal(path) as opened:
        with pytest.raises(StorageFull, match="free some space"):
            for number in range(400):
                await opened.add_request(request(f"k{number}"))
                # The reply that meets the full disk is still committed, into the space held back.
                kept = number + 1
                await opened.add_reply(ReplyRecord(f"k{number}", "x" * 50_000))
        assert 10 < kept < 400
    with contextlib.closing(sqlite3.connect(path)) as raw:
        count = raw.execute("SELECT count(*) FROM replies").fetchone()[0]
    assert count == kept
    with contextlib.closing(sqlite3.connect(path)) as raw:
        stored = raw.execute("SELECT count(*) FROM replies JOIN requests USING (key)").fetchone()[0]
    assert stored == count
