"""Nothing lost: decisions whose writer is killed between and during them are all in the export."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from pix2cap.annotate.decisions import DecisionLog
from pix2cap.annotate.export import export_run
from pix2cap.formats.dataset_folder import read_dataset
from tests.builders.bench import journal_sql, scripted_run
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.scripted_model import ScriptedModel

PROJECT = Path(__file__).resolve().parents[2]
DECISIONS, KILLS = 200, 5


def start(run_dir: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.builders.deciding", str(run_dir)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def random_decisions(segments, rng):
    """Decisions of three people, and what they should make of each segment, told without the code tested."""
    rows, expected, stacks = [], {}, {}
    for number in range(DECISIONS):
        where = rng.choice(segments)
        stack = stacks.setdefault(where, [])
        who = rng.choice(["ada", "bob", "eve"])
        own = [entry for entry in stack if entry[0] == who]
        action = rng.choice(["accept", "edit", "reject", "ask_again", *(["undo"] if own else [])])
        row = {
            "reviewer": who,
            "image_id": where[0],
            "segment_id": where[1],
            "action": action,
            "text": f"Caption {number} of {who}.",
            "based_on": 0,
            "token": f"t{number}",
        }
        if action == "undo":
            stack.remove(own[-1])
        else:
            stack.append((who, action, row["text"]))
        rows.append(row)
    for where, stack in stacks.items():
        expected[where] = stack[-1] if stack else None
    return rows, expected


def test_all_of_200_decisions_are_in_the_export(tmp_path):
    paths = build_coco_panoptic(tmp_path / "data", n_images=10, n_segments=5)
    run_dir = tmp_path / "run"
    scripted_run(paths, run_dir, ScriptedModel())
    before = {
        (i, s): text for i, s, text in journal_sql(run_dir, "SELECT image_id, segment_id, text FROM outcomes")
    }
    rng = random.Random(7)
    rows, expected = random_decisions(sorted(before), rng)
    kills = dict.fromkeys(rng.sample(range(DECISIONS), KILLS))
    process = start(run_dir)
    for number, row in enumerate(rows):
        line = json.dumps(row) + "\n"
        process.stdin.write(line)
        process.stdin.flush()
        if number in kills:
            # In flight: whether it was committed nobody knows, so the client sends it again.
            kill(process)
            process = start(run_dir)
            process.stdin.write(line)
            process.stdin.flush()
        assert int(process.stdout.readline()) == number + 1
    kill(process)
    with DecisionLog(run_dir, writable=False) as log:
        assert [d.token for d in log.since(0)] == [row["token"] for row in rows]
    export_run(run_dir, tmp_path / "dataset")
    exported = {
        (item.image.image_id, caption.segment_id): caption
        for item in read_dataset(tmp_path / "dataset")
        for caption in item.captions
    }
    status_of = {"accept": "captioned", "edit": "captioned", "reject": "rejected", "ask_again": "pending"}
    for where, text in before.items():
        caption, decided = exported[where], expected.get(where)
        if decided is None:
            assert (caption.status, caption.text) == ("captioned", text)
            continue
        who, action, new_text = decided
        assert (caption.source.reviewer, caption.status) == (who, status_of[action])
        if action in ("accept", "edit"):
            assert caption.text == new_text
