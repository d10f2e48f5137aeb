"""DLC-Bench's files: questions of each region, class names, COCO annotations, and recorded judgements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pix2cap.errors import InputError
from pix2cap.evaluate.bench_files import read_document, require_object, told, told_ids
from pix2cap.evaluate.region_view import RegionView
from pix2cap.formats.json_stream import is_number

Kind = Literal["recognition", "positive", "negative"]
KINDS: tuple[Kind, ...] = ("recognition", "positive", "negative")

CORRECT = "correct"
INCORRECT = "incorrect"
MOST_CHOICES = 26

_SHAPE = "questions {region id: [{question, choices, type}, ...]}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One option: its text, and what it is worth: -1..1, or `correct` or `incorrect` for recognition."""

    text: str
    value: float | str


@dataclass(frozen=True, slots=True)
class DLCQuestion:
    """One question about a description.

    Args:
        kind: `recognition`: is it the right thing at all; `positive`: what should be said of it;
            `negative`: what should not.
        text: The question.
        choices: The options, in the order of their letters.
    """

    kind: Kind
    text: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class RecordedRegion:
    """A description, its questions, and what a judge said to each of them."""

    description: str
    questions: tuple[DLCQuestion, ...]
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordedModel:
    """The judgements of one model's descriptions.

    Args:
        regions: By region id.
        stored: Averages that the file states, by name (`avg_pos`, `avg_neg`).
    """

    regions: Mapping[str, RecordedRegion]
    stored: Mapping[str, float]


def read_questions(path: Path, class_names: Path | None = None) -> dict[str, tuple[DLCQuestion, ...]]:
    """Read the questions, recognition first.

    Where a region has no recognition question, one of our own is put before the others if its class is known.

    Args:
        path: `{region id: [question, ...]}`.
        class_names: `{region id: name}`.

    Raises:
        InputError: A file is damaged, or a question has no options or no known type.
    """
    document = require_object(read_document(path, _SHAPE), str(path), _SHAPE)
    names = {} if class_names is None else _read_names(class_names)
    questions: dict[str, tuple[DLCQuestion, ...]] = {}
    for region_id, rows in document.items():
        found = parse_questions(rows, f"{path}, {region_id}")
        if not any(q.kind == "recognition" for q in found) and region_id in names:
            found = (recognition_question(names[region_id]), *found)
        questions[region_id] = found
    if not questions:
        raise InputError(f"{path}: expected {_SHAPE}, got none")
    return questions


def recognition_question(class_name: str) -> DLCQuestion:
    """Whether a description is of the right thing at all."""
    return DLCQuestion(
        "recognition",
        f"Could the thing described be {class_name}, or something of a similar kind? The name need not be the"
        " same.",
        (Choice("Yes", CORRECT), Choice("No", INCORRECT)),
    )


def parse_questions(rows: Any, where: str) -> tuple[DLCQuestion, ...]:
    """The questions of one region, recognition first.

    Raises:
        InputError: They are not what they should be.
    """
    if isinstance(rows, dict) and isinstance(rows.get("questions"), list):
        rows = rows["questions"]
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{where}: expected a list of questions, got {told(rows)}")
    found = [_question(row, f"{where}, question {number}") for number, row in enumerate(rows, start=1)]
    if sum(question.kind == "recognition" for question in found) > 1:
        raise InputError(f"{where}: expected one recognition question at most, got several")
    if found[0].kind != "recognition" and any(question.kind == "recognition" for question in found):
        raise InputError(f"{where}: expected the recognition question first, got {found[0].kind}")
    return tuple(found)


def _question(row: Any, where: str) -> DLCQuestion:
    entry = require_object(row, where, "an object with question, choices and type")
    text, choices, kind = entry.get("question"), entry.get("choices"), entry.get("type")
    if not isinstance(text, str) or kind not in KINDS:
        raise InputError(f"{where}: expected a question of type {', '.join(KINDS)}, got {told(entry)}")
    if not isinstance(choices, list) or not 2 <= len(choices) <= MOST_CHOICES:
        raise InputError(f"{where}: expected 2 to {MOST_CHOICES} choices, got {told(choices)}")
    return DLCQuestion(kind, text, tuple(_choice(choice, kind, where) for choice in choices))


def _choice(choice: Any, kind: Kind, where: str) -> Choice:
    if isinstance(choice, list) and len(choice) == 2 and isinstance(choice[0], str):
        text, value = choice
        if kind == "recognition" and value in (CORRECT, INCORRECT):
            return Choice(text, value)
        if kind != "recognition" and is_number(value) and math.isfinite(value) and -1 <= value <= 1:
            return Choice(text, float(value))
    worth = f"{CORRECT} or {INCORRECT}" if kind == "recognition" else "a number from -1 to 1"
    raise InputError(f"{where}: expected choices [text, {worth}], got {told(choice)}")


def _read_names(path: Path) -> dict[str, str]:
    shape = "class names {region id: name}"
    document = require_object(read_document(path, shape), str(path), shape)
    for region_id, name in document.items():
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"{path}: expected a name for {region_id!r}, got {told(name)}")
    return document


def read_views(annotations: Path, images: Path, region_ids: Sequence[str]) -> dict[str, RegionView]:
    """Where each region's picture and mask are.

    Args:
        annotations: COCO instances JSON; a region is the annotation of that id.
        images: The folder of pictures.
        region_ids: The regions wanted.

    Raises:
        InputError: A file is damaged, or an annotation or picture is missing.
    """
    shape = "COCO instances {images, annotations}"
    document = require_object(read_document(annotations, shape), str(annotations), shape)
    for name in ("images", "annotations"):
        if not isinstance(document.get(name), list):
            raise InputError(f"{annotations}: expected a list {name}, got {told(document.get(name))}")
    files = {row.get("id"): row.get("file_name") for row in document["images"] if isinstance(row, dict)}
    rows = {str(row.get("id")): row for row in document["annotations"] if isinstance(row, dict)}
    if missing := [region_id for region_id in region_ids if region_id not in rows]:
        raise InputError(f"{annotations}: expected an annotation for every region, lacks {told_ids(missing)}")
    views = {}
    for index, region_id in enumerate(region_ids):
        row = rows[region_id]
        file = files.get(row.get("image_id"))
        if not isinstance(file, str) or Path(file).is_absolute() or ".." in Path(file).parts:
            raise InputError(f"{annotations}, {region_id}: expected a picture in its folder, got {file!r}")
        if not (images / file).is_file():
            raise InputError(f"{images / file}: expected the picture of {region_id}, found no such file")
        views[region_id] = RegionView(images / file, index, (row.get("segmentation"),))
    return views


def read_recorded(path: Path) -> dict[str, RecordedModel]:
    """Recorded judgements by model.

    Args:
        path: `{model: {"items": {region id: {pred, questions, judge_responses}}}}`, or one such `items`.

    Raises:
        InputError: Another shape, or not one reply a question.
    """
    shape = "recorded judgements {model: {items: {id: {pred, questions, judge_responses}}}}"
    document = require_object(read_document(path, shape), str(path), shape)
    if isinstance(document.get("items"), dict):
        document = {path.stem: document}
    models = {}
    for name, record in document.items():
        entry = require_object(record, f"{path}, {name}", shape)
        items = require_object(entry.get("items"), f"{path}, {name}", shape)
        regions = {key: _recorded(item, f"{path}, {name}, {key}") for key, item in items.items()}
        stored = {key: float(entry[key]) for key in ("avg_pos", "avg_neg") if is_number(entry.get(key))}
        models[name] = RecordedModel(regions, stored)
    if not models:
        raise InputError(f"{path}: expected {shape}, got none")
    return models


def _recorded(item: Any, where: str) -> RecordedRegion:
    entry = require_object(item, where, "an object with pred, questions and judge_responses")
    questions = parse_questions(entry.get("questions"), where)
    replies = entry.get("judge_responses")
    if not isinstance(replies, list) or not all(isinstance(reply, str) for reply in replies):
        raise InputError(f"{where}: expected a list of texts as judge_responses, got {told(replies)}")
    if len(replies) != len(questions):
        raise InputError(
            f"{where}: expected {len(questions)} judge_responses, one a question, got {len(replies)}"
        )
    description = entry.get("pred")
    if not isinstance(description, str):
        raise InputError(f"{where}: expected a description as pred, got {told(description)}")
    return RecordedRegion(description, questions, tuple(replies))
