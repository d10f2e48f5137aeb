"""`README.md` of a dataset: a card for dataset hubs, YAML header first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pix2cap.core.caption import CaptionStatus
from pix2cap.formats.card_evidence import Evidence
from pix2cap.formats.manifest import DatasetAbout, Tally

_MEANING = {
    CaptionStatus.CAPTIONED: "has a description",
    CaptionStatus.NOT_VISIBLE: "the captioner could not make it out",
    CaptionStatus.FAILED: "no attempt gave a caption that passed the checks",
    CaptionStatus.PENDING: "not asked yet",
    CaptionStatus.REJECTED: "a reviewer turned the caption down",
    CaptionStatus.CROWD: "a group drawn as one segment; never captioned",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_MOST_EXAMPLES: Final = 3

_FOLDER_FILES = """| file | content |
|---|---|
| `panoptic.json`, `panoptic/` | COCO panoptic; `description` and `caption_status` in each `segments_info` |
| `instances.json` | COCO instances with RLE and `caption`, for things and stuff |
| `captions.parquet` | one row a segment: text, status, reason, model, prompt, attempt, reviewer |
| `manifest.json` | counts, hashes, software, cost |
| `croissant.json` | Croissant 1.0 description |
"""
_PARQUET_FILES = """| file | content |
|---|---|
| `data/*.parquet` | one row an image: `image`, `panoptic` and the list `segments` |
| `manifest.json` | counts, hashes, categories |

`panoptic` is a picture of ids: `R + 256 G + 65536 B` of a pixel is the `segment_id` that it belongs to, 0 for
none.

```python
import numpy as np
from datasets import load_dataset

row = load_dataset("parquet", data_files="data/*.parquet", split="train")[0]
ids = np.asarray(row["panoptic"]) @ np.array([1, 256, 65536])
for segment in row["segments"]:
    mask = ids == segment["segment_id"]
    print(segment["class_name"], mask.sum(), segment["caption"])
```
"""
_TAR_FILES = """| file | content |
|---|---|
| `data/*.tar` | WebDataset shards: the picture, `KEY.panoptic.png` and `KEY.json` a sample |
| `manifest.json` | counts, hashes, categories |

`panoptic.png` is a picture of ids: `R + 256 G + 65536 B` of a pixel is the `segment_id` of `segments`
in `KEY.json`.
"""
_FILES: Final[Mapping[str, str]] = {
    "panoptic": _FOLDER_FILES,
    "parquet": _PARQUET_FILES,
    "webdataset": _TAR_FILES,
}
_DATA: Final[Mapping[str, str]] = {
    "panoptic": "captions.parquet",
    "parquet": "data/{split}-*.parquet",
    "webdataset": "data/{split}-*.tar",
}


def dataset_card(
    about: DatasetAbout, tally: Tally, *, image_root: str | None, evidence: Evidence | None = None
) -> str:
    """The card of a dataset folder; the same for the same content.

    Args:
        about: Name, model, prompt, spend, licence.
        tally: Counts of the data.
        image_root: Where its manifest says that the pictures are.
        evidence: What a look at the whole dataset adds: classes, licences, checks, agreement, limits.
    """
    if image_root is None:
        pictures = "The pictures are not part of this folder; name theirs with `--images`."
    elif image_root == "images":
        pictures = "The pictures lie in `images/`."
    else:
        pictures = f"The pictures are referred to, not copied: `{image_root}`."
    return _card(about, tally, kind="panoptic", split="train", pictures=pictures, evidence=evidence)


def shard_card(
    about: DatasetAbout, tally: Tally, *, kind: str, split: str, evidence: Evidence | None = None
) -> str:
    """The card of Parquet or WebDataset shards.

    Args:
        about: Name, model, prompt, spend, licence.
        tally: Counts of the data.
        kind: `parquet` or `webdataset`.
        split: The name of the split.
        evidence: As for `dataset_card`.
    """
    pictures = "The pictures are inside the shards, byte by byte as they were."
    return _card(about, tally, kind=kind, split=split, pictures=pictures, evidence=evidence)


def _card(
    about: DatasetAbout, tally: Tally, *, kind: str, split: str, pictures: str, evidence: Evidence | None
) -> str:
    parts = [
        _header(about, tally, _DATA[kind].format(split=split), split),
        _summary(about, tally, evidence),
        _examples(tally),
    ]
    if evidence is not None:
        parts += [
            _classes(evidence),
            _making(about),
            _checked(evidence),
            _agreed(evidence),
            _licences(about, evidence),
            _limits(tally, evidence),
        ]
    parts.append(_files(kind, pictures, told_licences=evidence is not None))
    return "\n".join(part for part in parts if part)


def _header(about: DatasetAbout, tally: Tally, data: str, split: str) -> str:
    segments = sum(tally.statuses.values())
    size = next((name for limit, name in _SIZES if segments < limit), "n>1M")
    return "\n".join(
        [
            "---",
            f"pretty_name: {json.dumps(about.name, ensure_ascii=False)}",
            f"license: {_yaml(about.license)}",
            "language:",
            f"- {about.language}",
            "task_categories:",
            "- image-segmentation",
            "- image-to-text",
            "size_categories:",
            f"- {size}",
            "tags:",
            "- panoptic-segmentation",
            "- region-captioning",
            "- coco",
            "configs:",
            "- config_name: default",
            "  data_files:",
            f"  - split: {split}",
            f"    path: {data}",
            "---",
            "",
        ]
    )


def _summary(about: DatasetAbout, tally: Tally, evidence: Evidence | None) -> str:
    counts = tally.to_json()
    rows = "\n".join(
        f"| `{status.value}` | {counts['segments'][status.value]} | {meaning} |"
        for status, meaning in _MEANING.items()
    )
    words = f", {tally.words_per_caption} words on average" if tally.captioned else ""
    by = f"by {_code(about.model)}" if about.model else "by a captioner that was not recorded"
    prompt = f" with prompt {_code(about.prompt_version)}" if about.prompt_version else ""
    if evidence is None or evidence.reviewed is None:
        column = "column `reviewer` of\n`captions.parquet`"
        reviewed = f"What people reviewed has a name in {column}; nobody has verified the rest."
    elif evidence.reviewed:
        reviewed = f"People decided about {evidence.reviewed} segments; nobody has verified the rest."
    else:
        reviewed = "Nobody has verified them one by one."
    refused = counts["refused_images"]
    left_out = (
        f"\n{refused} images could not be used; `manifest.json` lists them with reasons.\n" if refused else ""
    )
    return f"""# {" ".join(about.name.split())}

Panoptic segments with a caption of their own: {tally.images} images, {tally.captioned} captions{words}.
The captions were written {by}{prompt}. {reviewed}

| status | segments | |
|---|---|---|
{rows}
{left_out}"""


def _examples(tally: Tally) -> str:
    lines = [f"- **{_plain(name)}**: {_plain(caption)}" for name, caption in tally.examples[:_MOST_EXAMPLES]]
    return "\n".join(lines) + "\n" if lines else ""


def _classes(evidence: Evidence) -> str:
    rows = (
        ("things", f"{evidence.things} segments of {evidence.thing_classes} classes"),
        ("stuff", f"{evidence.stuff} segments of {evidence.stuff_classes} classes"),
        ("words a caption", evidence.told_words()),
        ("captions said more than once", str(evidence.repeated)),
    )
    most = ", ".join(f"{_plain(name)} ({count})" for name, count in evidence.most_classes)
    told = f"\nMost frequent classes: {most}.\n" if most else ""
    return "## Content\n\n" + _table(("", "number"), rows) + told


def _making(about: DatasetAbout) -> str:
    rows = [
        ("model", _code(about.model) if about.model else "not recorded"),
        ("prompt", _code(about.prompt_version) if about.prompt_version else "not recorded"),
        ("captions' language", about.language),
        ("made", about.created_at or "not recorded"),
    ]
    rows += [(key.replace("_", " "), _value(key, value)) for key, value in (about.spend or {}).items()]
    if about.spend is None:
        rows.append(("spend", "not recorded"))
    return "## How it was made\n\n" + _table(("", ""), rows)


def _value(key: str, value: Any) -> str:
    if value is None:
        return "unknown"
    if key.endswith("_usd") and isinstance(value, int | float):
        return f"${value:.4f}"
    return f"{value:,}" if isinstance(value, int) else _plain(str(value))


def _checked(evidence: Evidence) -> str:
    if evidence.checks is None:
        return (
            "## Machine checks\n\nNo results of `pix2cap dataset check` were given for this card; run it"
            " before you rely on the captions.\n"
        )
    total = sum(evidence.checks.values())
    if not total:
        return "## Machine checks\n\n`pix2cap dataset check` found nothing to doubt in any caption.\n"
    rows = [(_code(name), f"{count}") for name, count in sorted(evidence.checks.items())]
    captions = evidence.doubted
    return (
        f"## Machine checks\n\n`pix2cap dataset check` doubts {captions} captions, with {total} findings."
        " A finding is a doubt, not a verdict.\n\n" + _table(("check", "findings"), rows)
    )


def _agreed(evidence: Evidence) -> str:
    told = evidence.verified
    if told is None or not told.rated:
        return "## Human verification\n\nNo verdicts of people were given for this card.\n"
    rows = [
        (one.axis, str(one.n), one.told_rate(), "-" if one.alpha is None else f"{one.alpha:.3f}")
        for one in told.rows
    ]
    people = "one person" if told.raters == 1 else f"{told.raters} people"
    head = ("question", "captions decided", "right (95 % Wilson interval)", "Krippendorff's alpha")
    return (
        f"## Human verification\n\n{told.rated} of {told.items} captions of a frozen, stratified sample were"
        f" judged by {people}; weighted, they stand for {100 * told.covered:.0f} % of the captions.\n\n"
        + _table(head, rows)
    )


def _licences(about: DatasetAbout, evidence: Evidence) -> str:
    rows = [
        (_plain(one.name), f"<{one.url}>" if one.url else "-", str(one.images)) for one in evidence.licences
    ]
    if evidence.unlicensed:
        rows.append(("not stated", "-", str(evidence.unlicensed)))
    lines = [f"- {_plain(source)}" for source in evidence.sources]
    sources = ("\nMade of:\n\n" + "\n".join(lines) + "\n") if lines else ""
    return (
        f"## Licences\n\nThe captions: `{about.license}`. Each picture keeps its own licence, whatever"
        " this dataset's is:\n\n" + _table(("licence of the picture", "", "images"), rows) + sources
    )


def _limits(tally: Tally, evidence: Evidence) -> str:
    open_segments = sum(
        tally.statuses[s] for s in (CaptionStatus.FAILED, CaptionStatus.PENDING, CaptionStatus.NOT_VISIBLE)
    )
    unseen = tally.captioned - min(tally.captioned, evidence.reviewed or 0)
    limits = [
        f"{unseen} of {tally.captioned} captions were never looked at by a person; models invent objects,"
        " colours and relations.",
        f"{open_segments} segments have no caption (failed, pending or not visible): what is hard to see is"
        " missing more often than what is easy.",
        "Masks and classes are those of the source; where they are loose, split or wrong, so are captions.",
        "Captions may name age, sex or origin of people as the captioner guessed them.",
    ]
    if evidence.repeated:
        limits.append(f"{evidence.repeated} captions have the same words as another one.")
    if tally.refused:
        limits.append(
            f"{len(tally.refused)} images of the source are missing, as their files could not be used."
        )
    if evidence.unlicensed:
        limits.append(f"The licence of {evidence.unlicensed} pictures is not known.")
    return "## Known limits\n\n" + "\n".join(f"- {limit}" for limit in limits) + "\n"


def _files(kind: str, pictures: str, *, told_licences: bool) -> str:
    licence = (
        ""
        if told_licences
        else (
            " Each picture keeps its own licence (`images[].license` of `panoptic.json`, where known)."
            if kind == "panoptic"
            else " Each picture keeps its own licence."
        )
    )
    check = "; `pix2cap dataset validate .` checks it" if kind == "panoptic" else ""
    return f"## Files\n\n{_FILES[kind]}\n{pictures}{licence}\n\nMade with pix2cap{check}.\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        + "\n"
    )


def _yaml(text: str) -> str:
    """A word as it stands, anything else in quotes."""
    return text if re.fullmatch(r"[A-Za-z][\w.-]*", text) else json.dumps(text, ensure_ascii=False)


def _plain(text: str) -> str:
    """On one line, and as text: a caption with a tag or a link shows as it was written."""
    joined = " ".join(text.split())
    for mark in ("\\", "`", "*", "_", "[", "]", "<", ">"):
        joined = joined.replace(mark, f"\\{mark}")
    return joined


def _code(text: str) -> str:
    return f"`{' '.join(text.replace('`', '').split())}`"
