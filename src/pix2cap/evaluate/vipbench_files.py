"""ViP-Bench's published files: meta data, questions, answers, grades, and the regions of the plain pictures.

A folder as published holds `vip-bench-meta-data.json`, `bbox/` and `human/` (each with `questions.jsonl` and
`images/`, whose pictures have the prompts drawn in) and `source_image/` (plain pictures, each with the
labelme JSON of its regions).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.bench_files import read_document, require_object, told, told_ids
from pix2cap.formats.json_stream import is_number

Prompts = Literal["bbox", "human", "marks", "boxes"]
PROMPTS: tuple[Prompts, ...] = ("bbox", "human", "marks", "boxes")
DRAWN_IN: frozenset[Prompts] = frozenset({"bbox", "human"})

META_NAME = "vip-bench-meta-data.json"
ID_PREFIX = "v1_"
_PLACEHOLDER = re.compile(r"<(obj\d*)>")


@dataclass(frozen=True, slots=True)
class ViPBenchPaths:
    """Where the files of a bench lie; None for what is not there."""

    meta: Path
    questions: Path | None
    images: Path | None


@dataclass(frozen=True, slots=True)
class ViPBenchItem:
    """One item.

    Args:
        item_id: `v1_0`.
        index: Its place in the meta data, from 0.
        question: As asked where prompts are drawn in; with `<obj>` in place of a region elsewhere.
        reference: The answer, with `<AND>` and `<OR>`.
        capabilities: Sorted, each once.
        picture: File name of the picture to show; None where only grades are at hand.
    """

    item_id: str
    index: int
    question: str
    reference: str
    capabilities: tuple[str, ...]
    picture: str | None


@dataclass(frozen=True, slots=True)
class SourceRegion:
    """One region of a plain picture: a polygon of `(x, y)` in pixels, and its label (`obj`, `obj2`)."""

    label: str
    polygon_xy: tuple[tuple[float, float], ...]


def find_files(
    data: Path, prompts: Prompts, *, questions: Path | None = None, images: Path | None = None
) -> ViPBenchPaths:
    """Find the files of one kind of prompt.

    Args:
        data: The published folder, or its meta data JSON.
        prompts: `bbox` and `human` have prompts drawn in; `marks` and `boxes` start from the plain pictures.
        questions: The question file, where it lies elsewhere.
        images: The folder of pictures, where it lies elsewhere.

    Raises:
        UsageError: There is no meta data, or something named is missing.
    """
    meta = data / META_NAME if data.is_dir() else data
    if not meta.is_file():
        raise UsageError(f"{data}: expected a ViP-Bench folder or its {META_NAME}, found none")
    for flag, path in (("--questions", questions), ("--images", images)):
        if path is not None and not path.exists():
            raise UsageError(f"expected to find what {flag} names, found nothing at {path}")
    folder = meta.parent
    if prompts in DRAWN_IN:
        found, pictures = folder / prompts / "questions.jsonl", folder / prompts / "images"
    else:
        found, pictures = folder / "questions.jsonl", folder / "source_image"
    return ViPBenchPaths(
        meta,
        questions or (found if found.is_file() else None),
        images or (pictures if pictures.is_dir() else None),
    )


def read_items(paths: ViPBenchPaths, prompts: Prompts) -> tuple[ViPBenchItem, ...]:
    """Read the meta data and, where prompts are drawn in, how each question was worded for that.

    Raises:
        InputError: A file is damaged or says too little, or the question file lacks items.
    """
    document = require_object(
        read_document(paths.meta, "meta data {id: {question, answer, capability}}"),
        str(paths.meta),
        "meta data {id: {question, answer, capability}}",
    )
    if not document:
        raise InputError(f"{paths.meta}: expected at least one item, got none")
    worded: Mapping[str, tuple[str, str]] = {}
    if prompts in DRAWN_IN and paths.questions is not None:
        worded = _read_questions(paths.questions)
        if missing := sorted(document.keys() - worded.keys()):
            raise InputError(
                f"{paths.questions}: expected a question for every item, lacks {told_ids(missing)}"
            )
    return tuple(
        _item(paths.meta, index, item_id, record, prompts, worded.get(item_id))
        for index, (item_id, record) in enumerate(document.items())
    )


def _item(
    path: Path, index: int, item_id: str, record: Any, prompts: Prompts, worded: tuple[str, str] | None
) -> ViPBenchItem:
    where = f"{path}, {item_id}"
    entry = require_object(record, where, "an object with question, answer and capability")
    for name in ("question", "answer"):
        if not isinstance(entry.get(name), str):
            raise InputError(f"{where}: expected a text as {name}, got {told(entry.get(name))}")
    named = entry.get("capability")
    if not isinstance(named, list) or not named or not all(isinstance(one, str) and one for one in named):
        raise InputError(f"{where}: expected a list of capabilities, got {told(named)}")
    keys = ("image", "imagename") if prompts in DRAWN_IN else ("image_source", "imagesource")
    picture = next((entry[key] for key in keys if isinstance(entry.get(key), str)), None)
    question = entry["question"]
    if worded is not None:
        question, picture = worded
    if picture is not None and (Path(picture).is_absolute() or ".." in Path(picture).parts):
        # What lies elsewhere on this machine is not to be sent to a model.
        raise InputError(f"{where}: expected the name of a picture in its folder, got {picture!r}")
    return ViPBenchItem(item_id, index, question, entry["answer"], tuple(sorted(set(named))), picture)


def _read_questions(path: Path) -> dict[str, tuple[str, str]]:
    """Item id to question and picture name."""
    shape = 'rows {"question_id", "image", "text"}'
    rows = read_document(path, shape)
    questions: dict[str, tuple[str, str]] = {}
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], start=1):
        where = f"{path}, row {number}"
        entry = require_object(row, where, shape)
        name, image, text = entry.get("question_id"), entry.get("image"), entry.get("text")
        if isinstance(name, bool) or not isinstance(name, int | str):
            raise InputError(f"{where}: expected a question_id, got {told(name)}")
        if not isinstance(image, str) or not isinstance(text, str):
            raise InputError(f"{where}: expected image and text, got {told(row)}")
        item_id = str(name) if str(name).startswith(ID_PREFIX) else f"{ID_PREFIX}{name}"
        if item_id in questions:
            raise InputError(f"{path}: expected each question once, got {name!r} twice")
        questions[item_id] = text, image
    return questions


def read_grades(path: Path, item_ids: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Recorded grades, `{id: {"score": [0.5, ...]}}` as the released evaluator keeps them; one a run.

    A plain list or number in place of the object does too.

    Raises:
        InputError: An item is missing or unknown, a grade is no number from 0 to 1, or the runs differ.
    """
    shape = 'grades {id: {"score": [...]}}'
    document = require_object(read_document(path, shape), str(path), shape)
    if missing := [item_id for item_id in item_ids if item_id not in document]:
        raise InputError(f"{path}: expected grades of every item, lacks {told_ids(missing)}")
    if unknown := sorted(document.keys() - set(item_ids)):
        raise InputError(f"{path}: expected grades of items of the meta data, got {told_ids(unknown)}")
    grades = {item_id: _grades(f"{path}, {item_id}", document[item_id]) for item_id in item_ids}
    runs = {len(values) for values in grades.values()}
    if len(runs) != 1:
        fewest = next(item_id for item_id in item_ids if len(grades[item_id]) == min(runs))
        raise InputError(
            f"{path}: expected as many grades of every item, got {min(runs)} of {fewest} and up to"
            f" {max(runs)} of others"
        )
    return grades


def _grades(where: str, record: Any) -> tuple[float, ...]:
    scores = record.get("score") if isinstance(record, dict) else record
    values: list[Any] = scores if isinstance(scores, list) else [scores]
    if not values:
        raise InputError(f"{where}: expected at least one grade, got none")
    for value in values:
        if not is_number(value) or not math.isfinite(value) or not 0 <= value <= 1:
            raise InputError(f"{where}: expected grades from 0 to 1, got {told(value)}")
    return tuple(float(value) for value in values)


def placeholders(question: str) -> tuple[str, ...]:
    """The labels of the regions that a question speaks of, each once, in the order of the text.

    Example:
        >>> placeholders("Is <obj1> nearer than <obj2>? <obj1> is red.")
        ('obj1', 'obj2')
    """
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(question)))


def fill_placeholders(question: str, words: Mapping[str, str]) -> str:
    """The question with each `<obj>` replaced by its words."""
    return _PLACEHOLDER.sub(lambda found: words[found[1]], question)


def read_regions(images: Path, item: ViPBenchItem) -> tuple[SourceRegion, ...]:
    """The regions that an item's question speaks of, from the labelme JSON beside its plain picture.

    Raises:
        InputError: The JSON is missing or damaged, or lacks a region that the question names.
    """
    path = images / f"{Path(item.picture or '').stem}.json"
    record = require_object(read_document(path, "regions of labelme"), str(path), "regions of labelme")
    shapes = record.get("shapes")
    if not isinstance(shapes, list):
        raise InputError(f"{path}: expected a list of shapes, got {told(shapes)}")
    by_label: dict[str, SourceRegion] = {}
    for number, shape in enumerate(shapes, start=1):
        entry = require_object(shape, f"{path}, shape {number}", "an object with label and points")
        region = _region(f"{path}, shape {number}", entry)
        by_label.setdefault(region.label, region)
    named = placeholders(item.question)
    if missing := [label for label in named if label not in by_label]:
        raise InputError(f"{path}: expected a region for each of {item.item_id}'s, lacks {told_ids(missing)}")
    return tuple(by_label[label] for label in named)


def _region(where: str, shape: Mapping[str, Any]) -> SourceRegion:
    label, points, kind = shape.get("label"), shape.get("points"), shape.get("shape_type", "polygon")
    are_points = isinstance(points, list) and all(
        isinstance(p, list) and len(p) == 2 and all(is_number(v) and math.isfinite(v) for v in p)
        for p in points
    )
    if not isinstance(label, str) or not are_points or not isinstance(points, list):
        raise InputError(f"{where}: expected a label and points [x, y], got {told(dict(shape))}")
    corners = tuple((float(x), float(y)) for x, y in points)
    if kind == "rectangle" and len(corners) == 2:
        (x0, y0), (x1, y1) = corners
        corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    if kind not in ("rectangle", "polygon") or len(corners) < 3:
        raise InputError(f"{where}: expected a rectangle or a polygon, got {kind} of {len(corners)} points")
    return SourceRegion(label.strip("<>"), corners)
