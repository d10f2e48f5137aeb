"""`README.md` of a dataset folder: a card for dataset hubs, YAML header first."""

from __future__ import annotations

import json

from pix2cap.core.caption import CaptionStatus
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


def dataset_card(about: DatasetAbout, tally: Tally, *, image_root: str | None) -> str:
    """The card's text; the same for the same content."""
    return f"{_header(about, tally)}\n{_body(about, tally, image_root)}"


def _header(about: DatasetAbout, tally: Tally) -> str:
    segments = sum(tally.statuses.values())
    size = next((name for limit, name in _SIZES if segments < limit), "n>1M")
    return "\n".join(
        [
            "---",
            f"pretty_name: {json.dumps(about.name, ensure_ascii=False)}",
            f"license: {about.license}",
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
            "  - split: train",
            "    path: captions.parquet",
            "---",
            "",
        ]
    )


def _body(about: DatasetAbout, tally: Tally, image_root: str | None) -> str:
    counts = tally.to_json()
    rows = "\n".join(
        f"| `{status.value}` | {counts['segments'][status.value]} | {meaning} |"
        for status, meaning in _MEANING.items()
    )
    words = f", {tally.words_per_caption} words on average" if tally.captioned else ""
    by = f"by `{about.model}`" if about.model else "by a captioner that was not recorded"
    prompt = f" with prompt `{about.prompt_version}`" if about.prompt_version else ""
    refused = counts["refused_images"]
    left_out = (
        f"\n{refused} images could not be used; `manifest.json` lists them with reasons.\n" if refused else ""
    )
    if image_root is None:
        pictures = "The pictures are not part of this folder; name theirs with `--images`."
    elif image_root == "images":
        pictures = "The pictures lie in `images/`."
    else:
        pictures = f"The pictures are referred to, not copied: `{image_root}`."
    return f"""# {about.name}

Panoptic segments with a caption of their own: {tally.images} images, {tally.captioned} captions{words}.
The captions were written {by}{prompt}. What people reviewed has a name in column `reviewer` of
`captions.parquet`; nobody has verified the rest.

| status | segments | |
|---|---|---|
{rows}
{left_out}{_examples(tally)}
## Files

| file | content |
|---|---|
| `panoptic.json`, `panoptic/` | COCO panoptic; `description` and `caption_status` in each `segments_info` |
| `instances.json` | COCO instances with RLE and `caption`, for things and stuff |
| `captions.parquet` | one row a segment: text, status, reason, model, prompt, attempt, reviewer |
| `manifest.json` | counts, hashes, software, cost |
| `croissant.json` | Croissant 1.0 description |

{pictures} Each picture keeps its own licence (`images[].license` of `panoptic.json`, where known).

Made with pix2cap; `pix2cap dataset validate .` checks it.
"""


def _examples(tally: Tally) -> str:
    if not tally.examples:
        return ""
    lines = [f"- **{name}**: {' '.join(caption.split())}" for name, caption in tally.examples]
    return "\n" + "\n".join(lines) + "\n"
