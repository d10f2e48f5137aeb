"""A frozen sample to Label Studio, and the verdicts back into the run's journal."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from pix2cap.annotate.decisions import DecisionLog
from pix2cap.annotate.export import open_run_source
from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.annotate.sample import Sample, read_sample
from pix2cap.annotate.settings import RunConfig
from pix2cap.annotate.verdicts import AXES, AxisAnswer, NewVerdict
from pix2cap.draw.encode import encode_jpeg
from pix2cap.draw.marks import MarkStyle, draw_marks
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.label_studio import (
    Annotated,
    data_uri,
    labelling_config,
    read_annotations,
    write_tasks,
)

QUESTIONS: Final = {
    "object": "Object: is the outlined thing what the caption says it is?",
    "attributes": "Attributes: are colour, material, shape, clothing and state right?",
    "relations": "Relations: is what it does with its neighbours right?",
    "place": "Place: is where it is right?",
}
_KEYS: Final = ("sample", "item", "image_id", "segment_id")
_LONGEST_SIDE = 1024


@dataclass(frozen=True, slots=True)
class ExportedTasks:
    """What was written for Label Studio.

    Args:
        tasks: File to import.
        config: File with the labelling configuration.
        pictures: Folder of the pictures; None where the tasks hold them.
        items: How many tasks.
    """

    tasks: str
    config: str
    pictures: str | None
    items: int


@dataclass(frozen=True, slots=True)
class ImportedVerdicts:
    """What came back.

    Args:
        sample: The sample's name.
        verdicts: Whole verdicts in the file.
        new: Those that the journal did not have.
        incomplete: Annotations without an answer to each question; left out.
        raters: Name to number of verdicts in the file.
    """

    sample: str
    verdicts: int
    new: int
    incomplete: int
    raters: dict[str, int]


def sample_to_label_studio(
    run_dir: str | Path, out: str | Path, *, sample: str | None = None, pictures_url: str | None = None
) -> ExportedTasks:
    """Write the tasks of a sample, and beside them the labelling configuration (`.xml`).

    Args:
        run_dir: The run folder.
        out: The JSON file to write.
        sample: The sample's name; None for the only one.
        pictures_url: Where `<out>-pictures/` will be served; None puts the pictures into the tasks.

    Raises:
        UsageError: No such sample, or no pictures are known.
        InputError: The run or its source cannot be read.
        ImageRefused: A picture is gone.

    Example:
        >>> sample_to_label_studio("run", "tasks.json", sample="verify")  # doctest: +SKIP
    """
    run_path, out_path = Path(run_dir), Path(out)
    if out_path.suffix != ".json":
        raise UsageError(f"expected --out as a .json file, got {out_path}")
    frozen = read_sample(run_path, sample)
    make_out_folder(out_path.parent)
    folder = None if pictures_url is None else out_path.with_name(f"{out_path.stem}-pictures")
    if folder is not None:
        make_out_folder(folder)
    config = out_path.with_suffix(".xml")
    config.write_text(labelling_config(QUESTIONS, [str(a) for a in AxisAnswer]), encoding="utf-8")
    count = write_tasks(_tasks(run_path, frozen, folder, pictures_url), out_path)
    return ExportedTasks(str(out_path), str(config), None if folder is None else str(folder), count)


def _tasks(
    run_dir: Path, sample: Sample, folder: Path | None, pictures_url: str | None
) -> Iterator[dict[str, Any]]:
    source = open_run_source(RunConfig.read(run_dir).paths, run_dir)
    if source.pictures is None:
        raise UsageError(f"{run_dir}: expected a run over pictures, got one that knows of none")
    style = MarkStyle(max_long_side=_LONGEST_SIDE)
    for item in sample.items:
        picture = source.picture(item.image_id).rgb
        marked = draw_marks(picture, source.panoptic(item.image_id), [item.segment_id], style=style).rgb
        jpeg = encode_jpeg(marked, quality=88)
        if folder is None:
            image = data_uri(jpeg)
        else:
            name = f"item-{item.item:05}.jpg"
            (folder / name).write_bytes(jpeg)
            image = f"{(pictures_url or '').rstrip('/')}/{name}"
        yield {
            "image": image,
            "caption": item.text,
            "class_name": item.class_name,
            "raters": ", ".join(map(str, item.raters)),
            **dict(zip(_KEYS, (sample.name, item.item, item.image_id, item.segment_id), strict=True)),
        }


def verdicts_from_label_studio(run_dir: str | Path, file: str | Path) -> ImportedVerdicts:
    """Take over what people chose; the same file again adds nothing, a changed answer replaces the old one.

    Args:
        run_dir: The run folder.
        file: Label Studio's export, format "JSON".

    Raises:
        InputError: Not such an export, or of another sample, or of a caption that was changed.

    Example:
        >>> verdicts_from_label_studio("run", "export.json")  # doctest: +SKIP
    """
    run_path, path = Path(run_dir), Path(file)
    annotated = read_annotations(path)
    names = {str(one.data.get("sample")) for one in annotated}
    if len(names) != 1:
        raise InputError(
            f"{path}: expected annotations of one sample, got {len(names)}"
            f" ({', '.join(sorted(names)) or 'nobody has annotated yet'})"
        )
    sample = read_sample(run_path, names.pop())
    whole = [one for one in annotated if set(AXES) <= set(one.choices)]
    verdicts = [_verdict(sample, one, path) for one in whole]
    with DecisionLog(run_path) as log:
        tokens = {verdict.token for verdict in verdicts if verdict.token is not None}
        new = sum(not log.has_verdict(token) for token in tokens)
        for verdict in verdicts:
            log.add_verdict(verdict)
    raters = Counter(verdict.reviewer for verdict in verdicts)
    return ImportedVerdicts(
        sample.name,
        len(verdicts),
        new,
        len(annotated) - len(whole),
        dict(sorted(raters.items())),
    )


def _verdict(sample: Sample, one: Annotated, path: Path) -> NewVerdict:
    number = one.data.get("item")
    item = sample.by_number.get(number) if isinstance(number, int) else None
    here = None if item is None else (sample.name, item.item, item.image_id, item.segment_id)
    told = tuple(one.data.get(key) for key in _KEYS)
    if item is None or told != here or one.data.get("caption") != item.text:
        raise InputError(
            f"{path}: expected item {number} of sample {sample.name} as it was drawn, got another image,"
            " segment or caption; import what `annotate to-label-studio` wrote for this run"
        )
    answers = {axis: one.choices[axis] for axis in AXES}
    token = hashlib.sha256(orjson.dumps([told, one.rater, answers, one.note, one.stamp])).hexdigest()[:32]
    return NewVerdict(
        one.rater,
        sample.name,
        item.item,
        item.image_id,
        item.segment_id,
        **answers,
        note=one.note,
        token=token,
    )
