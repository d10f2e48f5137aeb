"""From a run to a sample, verdicts and agreement on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pix2cap.annotate.decisions import Action, DecisionLog, NewDecision
from pix2cap.annotate.verdicts import AXES
from tests.builders.label_studio import annotation, export_file
from tests.builders.panoptic import CocoPaths
from tests.builders.recorded import write_recorded
from tests.cli.conftest import Call, source


@pytest.fixture
def finished(call: Call, small: CocoPaths, tmp_path: Path) -> Path:
    out = tmp_path / "run"
    replay = f"replay:{write_recorded(small)}"
    assert call("annotate", "run", *source(small), "--out", out, "--model", replay).code == 0
    return out


def test_sample_rate_and_agree(call: Call, finished: Path, tmp_path: Path) -> None:
    sample = ("annotate", "sample", finished, "--per-stratum", 2, "--by", "class,size", "--raters", 2)
    drawn = call(*sample, "--overlap", 1, "--name", "first", "--format", "json")
    assert drawn.code == 0
    items = drawn.json["items"]
    assert drawn.json["each_rater"] == [items, items]
    assert "review" in drawn.err and "--task verify --sample first" in drawn.err
    call(*sample, "--name", "first").refused("drawn once", "--name")
    tasks, export = tmp_path / "tasks.json", tmp_path / "export.json"
    written = call("annotate", "to-label-studio", finished, "--out", tasks, "--format", "json")
    assert written.json["items"] == items
    right = dict.fromkeys(AXES, "yes")
    given = [
        [
            annotation(right, by=1, number=n),
            annotation(right if n else right | {"object": "no"}, by=2, number=n),
        ]
        for n in range(items)
    ]
    export_file(tasks, given, export)
    taken = call("annotate", "from-label-studio", finished, export, "--format", "json")
    assert (taken.json["verdicts"], taken.json["new"]) == (2 * items, 2 * items)
    found = call("dataset", "agreement", finished, "--sample", "first", "--format", "json")
    axis = found.json["overall"]["axes"]["object"]
    assert axis["rated_twice"] == axis["decided"] == items
    assert axis["accepted"]["share"] == pytest.approx(1 - 0.5 / items)
    table = call("dataset", "agreement", finished)
    assert table.code == 0
    for word in ("object", "attributes", "relations", "place", "caption", "alpha", "unweighted", "α"):
        assert word in table.out
    assert max(map(len, table.out.splitlines()[1:])) <= 80


def test_a_sample_nobody_has_rated(call: Call, finished: Path) -> None:
    call("annotate", "sample", finished, "--per-stratum", 1, "--by", "size")
    table = call("dataset", "agreement", finished)
    assert table.code == 0
    assert "rated by nobody" in table.out
    assert "have no verdict yet" in table.err
    call("dataset", "agreement", finished, "--sample", "other").refused("the run has: verify")
    call("annotate", "sample", finished, "--per-stratum", 1, "--by", "colour").refused("--by", "colour")


def test_status_and_export_tell_of_decisions(call: Call, finished: Path, tmp_path: Path) -> None:
    with DecisionLog(finished) as log:
        keys = json.loads((tmp_path / "small" / "captions.json").read_text())["captions"]
        (one, two) = [(row["image_id"], row["segment_id"]) for row in keys[:2]]
        log.add(NewDecision("ada", *one, Action.REJECT))
        log.add(NewDecision("bob", *one, Action.EDIT, "By hand."))
        log.add(NewDecision("ada", *two, Action.REJECT, reason="wrong"))
    review = call("annotate", "status", finished, "--format", "json").json["review"]
    assert (review["decided"], review["edited"], review["rejected"], review["conflicts"]) == (2, 1, 1, 1)
    assert review["reviewers"] == ["ada", "bob"]
    out = tmp_path / "dataset"
    exported = call("annotate", "export", finished, "--out", out, "--format", "json").json
    assert (exported["segments"]["rejected"], exported["decided"], exported["conflicts"]) == (1, 2, 1)
    document = json.loads((out / "panoptic.json").read_text())
    told = {(a["image_id"], s["id"]): s for a in document["annotations"] for s in a["segments_info"]}
    assert told[one]["description"] == "By hand."
    assert (told[two]["description"], told[two]["caption_status"]) == ("", "rejected")
