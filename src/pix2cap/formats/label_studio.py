"""Label Studio's JSON: tasks with a picture and a caption, and what people chose.

Tasks are of its basic import format (`data` alone), annotations of its export format "JSON", of which
`from_name`, `value.choices`, `value.text`, `completed_by`, `was_cancelled` and `updated_at` are read. The
format "JSON-MIN" does not tell by name who annotated, and is not read.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import orjson

from pix2cap.errors import InputError
from pix2cap.formats.json_stream import describe_type

PICTURE: Final = "picture"
"""Name of the tag that the choices belong to."""

NOTE: Final = "note"


@dataclass(frozen=True, slots=True)
class Annotated:
    """What one person chose for one task.

    Args:
        data: The task's `data`, as it was exported to Label Studio.
        rater: E-mail address or user name; `label-studio user N` where the export tells the number only.
        choices: Name of the question to what was chosen, for those that were answered.
        note: Free words.
        stamp: Changes whenever the annotation was changed.
    """

    data: Mapping[str, Any]
    rater: str
    choices: Mapping[str, str]
    note: str
    stamp: str


def labelling_config(questions: Mapping[str, str], choices: Sequence[str]) -> str:
    """The labelling configuration (XML) of a project: a picture, its caption, one choice a question.

    Args:
        questions: Name to the words shown.
        choices: What can be answered to each.

    Example:
        >>> "<Choices" in labelling_config({"object": "Is the thing right?"}, ["yes", "no"])
        True
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name=PICTURE, value="$image", zoom="true", zoomControl="true")
    ElementTree.SubElement(view, "Header", value="$class_name", size="5")
    ElementTree.SubElement(view, "Text", name="caption", value="$caption")
    for name, words in questions.items():
        ElementTree.SubElement(view, "Header", value=words, size="6")
        asked = ElementTree.SubElement(
            view,
            "Choices",
            name=name,
            toName=PICTURE,
            choice="single-radio",
            showInLine="true",
            required="true",
        )
        for choice in choices:
            ElementTree.SubElement(asked, "Choice", value=choice)
    ElementTree.SubElement(
        view,
        "TextArea",
        name=NOTE,
        toName=PICTURE,
        placeholder="Anything to add?",
        rows="2",
        maxSubmissions="1",
    )
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def data_uri(jpeg: bytes) -> str:
    """A JPEG as an address that holds the picture itself."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def write_tasks(tasks: Iterable[Mapping[str, Any]], path: Path) -> int:
    """Write tasks, given by their `data`, one at a time; return how many."""
    count = 0
    with path.open("wb") as stream:
        stream.write(b"[")
        for data in tasks:
            stream.write(b",\n" if count else b"\n")
            stream.write(orjson.dumps({"data": data}))
            count += 1
        stream.write(b"\n]\n")
    return count


def read_annotations(path: Path) -> list[Annotated]:
    """Read what people chose from an export of Label Studio; skipped tasks are left out.

    Raises:
        InputError: The file is no such export.
    """
    try:
        tasks = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected an export of Label Studio (JSON), got: {error}") from error
    if not isinstance(tasks, list):
        raise InputError(f"{path}: expected a list of tasks, got {describe_type(tasks)}")
    found = []
    for number, task in enumerate(tasks):
        where = f"{path}: task {number}"
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise InputError(
                f'{where}: expected `data` and `annotations` as Label Studio\'s export "JSON" has them, got'
                f' {describe_type(task)} without `data`; "JSON-MIN" and CSV do not tell who annotated'
            )
        annotations = task.get("annotations", [])
        if not isinstance(annotations, list):
            raise InputError(f"{where}: expected a list of annotations, got {describe_type(annotations)}")
        found += [
            _annotated(task["data"], annotation, where)
            for annotation in annotations
            if not (isinstance(annotation, dict) and annotation.get("was_cancelled"))
        ]
    return found


def _annotated(data: Mapping[str, Any], annotation: Any, where: str) -> Annotated:
    result = annotation.get("result") if isinstance(annotation, dict) else None
    if not isinstance(result, list):
        raise InputError(f"{where}: expected an annotation with a list `result`, got {describe_type(result)}")
    choices, note = {}, ""
    for one in result:
        value = one.get("value") if isinstance(one, dict) else None
        if not isinstance(value, dict):
            raise InputError(f"{where}: expected results with a `value`, got {describe_type(value)}")
        name = str(one.get("from_name"))
        picked, text = value.get("choices"), value.get("text")
        if isinstance(picked, list) and len(picked) == 1:
            choices[name] = str(picked[0])
        elif name == NOTE and text:
            note = " ".join(map(str, text)) if isinstance(text, list) else str(text)
    stamp = "/".join(str(annotation.get(key)) for key in ("id", "unique_id", "updated_at"))
    return Annotated(data, _rater(annotation.get("completed_by")), choices, note, stamp)


def _rater(completed_by: Any) -> str:
    """A name for who annotated; exports tell a number, or a record of the user."""
    if isinstance(completed_by, dict):
        for key in ("email", "username", "first_name"):
            if completed_by.get(key):
                return str(completed_by[key])
        completed_by = completed_by.get("id")
    return f"label-studio user {completed_by}"
