"""Label Studio's configuration, tasks and export."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pix2cap.errors import InputError
from pix2cap.formats.label_studio import data_uri, labelling_config, read_annotations, write_tasks
from tests.builders.label_studio import annotation, export_file


def test_the_configuration_asks_each_question_about_the_picture() -> None:
    view = ElementTree.fromstring(
        labelling_config({"object": "Right & true?", "place": "Where?"}, ["yes", "no"])
    )
    asked = view.findall("Choices")
    assert [one.get("name") for one in asked] == ["object", "place"]
    picture = view.find("Image")
    assert picture is not None
    assert {one.get("toName") for one in asked} == {picture.get("name")}
    assert [choice.get("value") for choice in asked[0]] == ["yes", "no"]
    assert picture.get("value") == "$image"


@pytest.mark.parametrize(
    ("by", "rater"),
    [
        (7, "label-studio user 7"),
        ({"id": 3, "email": "ada@example.org", "first_name": "Ada"}, "ada@example.org"),
        ({"id": 3, "email": "", "first_name": "Ada"}, "Ada"),
        ({"id": 3}, "label-studio user 3"),
    ],
)
def test_what_comes_back(tmp_path: Path, by: object, rater: str) -> None:
    tasks = tmp_path / "tasks.json"
    image = data_uri(b"jpeg")
    assert base64.b64decode(image.partition(",")[2]) == b"jpeg"
    assert write_tasks(({"image": image, "item": n} for n in (1, 2)), tasks) == 2
    skipped = annotation({}, number=3, was_cancelled=True)
    given = [[annotation({"object": "yes"}, by=by, note="Nice."), skipped]]
    found = read_annotations(export_file(tasks, given, tmp_path / "export.json"))
    assert [(one.data["item"], one.rater, one.choices, one.note) for one in found] == [
        (1, rater, {"object": "yes"}, "Nice.")
    ]


def test_no_tasks_are_an_empty_list(tmp_path: Path) -> None:
    assert write_tasks([], tmp_path / "tasks.json") == 0
    assert json.loads((tmp_path / "tasks.json").read_text()) == []
    assert read_annotations(tmp_path / "tasks.json") == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "expected an export of Label Studio"),
        ("{}", "expected a list of tasks"),
        ('[{"image": "x", "object": "yes", "annotator": 1}]', "JSON-MIN"),
        ("[1]", "task 0: expected `data`"),
        ('[{"data": {}, "annotations": 3}]', "expected a list of annotations"),
        ('[{"data": {}, "annotations": [{"result": "x"}]}]', "expected an annotation with a list"),
        (
            '[{"data": {}, "annotations": [{"result": [{"from_name": "a"}]}]}]',
            "expected results with a `value`",
        ),
    ],
)
def test_what_is_no_export(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(InputError, match=told):
        read_annotations(path)
    with pytest.raises(InputError, match="expected an export"):
        read_annotations(tmp_path / "none.json")
