"""A sample goes to Label Studio and its verdicts come back, once."""

from __future__ import annotations

import base64
import json

import cv2
import numpy as np
import pytest

from pix2cap.annotate.decisions import DecisionLog
from pix2cap.annotate.draw_sample import SampleOptions, draw_sample
from pix2cap.annotate.label_studio import sample_to_label_studio, verdicts_from_label_studio
from pix2cap.annotate.sample import read_sample
from pix2cap.annotate.verdicts import AXES
from pix2cap.errors import InputError, UsageError
from tests.builders.bench import scripted_run
from tests.builders.label_studio import annotation, export_file
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.scripted_model import ScriptedModel

RIGHT = dict.fromkeys(AXES, "yes")


@pytest.fixture
def paths(tmp_path):
    return build_coco_panoptic(tmp_path / "data", n_images=1, n_segments=3)


@pytest.fixture
def run(paths, tmp_path):
    scripted_run(paths, tmp_path / "run", ScriptedModel())
    draw_sample(tmp_path / "run", SampleOptions(name="s", by=("class",)))
    return tmp_path / "run"


@pytest.fixture
def tasks(run, tmp_path):
    out = tmp_path / "out" / "tasks.json"
    written = sample_to_label_studio(run, out)
    assert (written.items, written.pictures) == (3, None)
    assert "<Choices" in out.with_suffix(".xml").read_text()
    return out


def test_a_task_shows_the_segment_and_its_caption(run, paths, tasks):
    sample = read_sample(run)
    rows = [task["data"] for task in json.loads(tasks.read_text())]
    assert [(r["item"], r["segment_id"], r["caption"]) for r in rows] == [
        (i.item, i.segment_id, i.text) for i in sample.items
    ]
    jpegs = [base64.b64decode(row["image"].partition(",")[2]) for row in rows]
    shown = [cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) for jpeg in jpegs]
    assert all(picture is not None for picture in shown)
    assert len(set(jpegs)) == 3  # Each with its own outline.


def test_pictures_beside_the_tasks(run, tmp_path):
    out = tmp_path / "tasks.json"
    written = sample_to_label_studio(run, out, sample="s", pictures_url="http://host/p/")
    rows = [task["data"] for task in json.loads(out.read_text())]
    assert rows[0]["image"] == "http://host/p/item-00001.jpg"
    assert written.pictures == str(tmp_path / "tasks-pictures")
    assert len(list((tmp_path / "tasks-pictures").glob("item-*.jpg"))) == 3
    with pytest.raises(UsageError, match=r"\.json"):
        sample_to_label_studio(run, tmp_path / "tasks.txt")


def test_verdicts_come_back_with_their_raters_and_only_once(run, tasks, tmp_path):
    given = [
        [annotation(RIGHT, by=1), annotation({**RIGHT, "place": "no"}, by=2, number=2, note="left")],
        [annotation({"object": "yes"}, by=1, number=3)],
    ]
    export = export_file(tasks, given, tmp_path / "export.json")
    first = verdicts_from_label_studio(run, export)
    assert (first.sample, first.verdicts, first.new, first.incomplete) == ("s", 2, 2, 1)
    assert first.raters == {"label-studio user 1": 1, "label-studio user 2": 1}
    again = verdicts_from_label_studio(run, export)
    assert (again.verdicts, again.new) == (2, 0)
    with DecisionLog(run, writable=False) as log:
        found = log.verdicts("s")
    assert [(v.reviewer, v.item, v.place, v.note) for v in found] == [
        ("label-studio user 1", 1, "yes", ""),
        ("label-studio user 2", 1, "no", "left"),
    ]


def test_an_answer_changed_and_changed_back_counts_as_it_stands(run, tasks, tmp_path):
    for number, answer in enumerate(["yes", "no", "yes"]):
        given = [[annotation({**RIGHT, "object": answer}, updated_at=f"2026-01-0{number + 1}")]]
        assert verdicts_from_label_studio(run, export_file(tasks, given, tmp_path / "e.json")).new == 1
        with DecisionLog(run, writable=False) as log:
            assert [v.object for v in log.verdicts("s")] == [answer]


@pytest.mark.parametrize(
    "change", [{"segment_id": 5}, {"caption": "Nicer."}, {"item": 99}, {"item": "1"}, {"image_id": 9}]
)
def test_what_is_not_of_this_sample_is_refused_and_nothing_is_kept(run, tasks, tmp_path, change):
    export = export_file(tasks, [[annotation(RIGHT)], [annotation(RIGHT)]], tmp_path / "export.json")
    rows = json.loads(export.read_text())
    rows[1]["data"] |= change
    export.write_text(json.dumps(rows))
    with pytest.raises(InputError, match="as it was drawn"):
        verdicts_from_label_studio(run, export)
    with DecisionLog(run, writable=False) as log:
        assert log.verdicts() == []


def test_a_file_without_verdicts_or_of_unknown_answers(run, tasks, tmp_path):
    with pytest.raises(InputError, match="nobody has annotated yet"):
        verdicts_from_label_studio(run, export_file(tasks, [], tmp_path / "export.json"))
    odd = [[annotation({**RIGHT, "object": "perhaps"})]]
    with pytest.raises(InputError, match="expected object out of"):
        verdicts_from_label_studio(run, export_file(tasks, odd, tmp_path / "export.json"))
