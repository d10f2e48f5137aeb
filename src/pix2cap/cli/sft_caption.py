"""`pix2cap sft caption`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.extras import need_extra
from pix2cap.cli.image_progress import report_images
from pix2cap.cli.output import print_record, say
from pix2cap.cli.program import program

_LISTED = 20


def caption(
    dataset: Path,
    *,
    model: Path,
    out: Path,
    images: Path | None = None,
    masks: Path | None = None,
    limit: int | None = None,
    max_tokens: int = 128,
    beam: int = 1,
    batch: int = 8,
    captioned_only: Annotated[bool, Parameter(negative="")] = False,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    format: Literal["table", "json"] = "table",
) -> int:
    """Caption every segment of a dataset with a tuned model; the same command again goes on.

    Args:
        dataset: A dataset folder, or a COCO panoptic JSON; its captions, if any, are not looked at.
        model: The model/ folder of a run of `pix2cap sft train`.
        out: The folder of predictions: panoptic.json, panoptic/, manifest.json.
        images: Folder of the pictures, where the dataset does not know it.
        masks: Folder or zip of the masks, where they do not lie beside the JSON.
        limit: Only the first so many pictures.
        max_tokens: Longest caption in tokens.
        beam: Sentences kept while a caption is written; 1 is greedy.
        batch: Regions that are captioned at once.
        captioned_only: Leave out segments that have no caption in the dataset.
        device: auto takes a GPU where there is one.
        precision: bf16 takes half the memory of fp32.
        format: How to print the result.
    """
    need_extra("sft")
    from pix2cap.annotate.bounds import require_range
    from pix2cap.sft.answer import RegionAnswerer
    from pix2cap.sft.caption_dataset import CaptionOptions, caption_dataset, model_facts

    for name, value in (
        ("--limit", limit),
        ("--max-tokens", max_tokens),
        ("--beam", beam),
        ("--batch", batch),
    ):
        require_range(name, value, least=1)
    answerer = RegionAnswerer.load(model, device=device, precision=precision, batch_size=batch)
    options = CaptionOptions(
        masks=masks,
        images=images,
        limit=limit,
        max_tokens=max_tokens,
        num_beams=beam,
        captioned_only=captioned_only,
    )
    facts = {**model_facts(model), "precision": precision}
    with report_images() as advance:
        summary = caption_dataset(dataset, answerer, out, options, model=facts, on_progress=advance)
    print_record(summary.to_json(), format=format, title="Captions")
    for name, reason in summary.refused[:_LISTED]:
        print(f"refused: {name}: {reason}", file=sys.stderr)
    truth, predicted = shlex.quote(str(dataset)), shlex.quote(str(out))
    say(f"next: {program()} score {truth} {predicted}")
    return 1 if summary.refused else 0
