"""`pix2cap predict`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.extras import need_extra
from pix2cap.cli.image_progress import report_images
from pix2cap.cli.output import print_record, say
from pix2cap.cli.program import program
from pix2cap.train.predict_options import PredictOptions

if TYPE_CHECKING:
    from pix2cap.train.predict import PredictionSummary

_LISTED = 20


def predict(
    *images: str,
    weights: Path,
    out: Path,
    options: Annotated[PredictOptions, Parameter(name="*")] = PredictOptions(),  # noqa: B008
    image_json: Path | None = None,
    limit: int | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """Segment pictures and caption every segment; the same command again goes on where it stopped.

    Args:
        images: Pictures, folders of pictures, and globs (in quotes, `**` for folders below).
        weights: A weights folder: model.safetensors and both vocabularies.
        out: Gets panoptic.json and panoptic/ for `score`, overlays/ and report.html for people.
        options: How to predict.
        image_json: COCO JSON whose `images` give file names their ids; else a number as name is the id.
        limit: Only the first so many pictures.
        overwrite: Throw away what stands in OUT instead of going on with it.
        format: How to print the counts at the end.
    """
    need_extra("train")
    from pix2cap.train.predict import predict as run

    with report_images() as on_image:
        summary = run(
            images,
            weights,
            out,
            options,
            image_json=image_json,
            limit=limit,
            overwrite=overwrite,
            on_start=say,
            on_progress=on_image,
        )
    _tell(summary, out, format)
    return 1 if summary.refused else 0


def _tell(summary: PredictionSummary, out: Path, format: Literal["table", "json"]) -> None:
    record = summary.to_json()
    if format == "table":
        record["refused"] = len(summary.refused)
    print_record(record, format=format, title=f"Predictions in {out}")
    for _, reason in summary.refused[:_LISTED]:
        say(f"not read: {reason}")
    if len(summary.refused) > _LISTED:
        say(f"and {len(summary.refused) - _LISTED} more; {out / 'manifest.json'} lists them all")
    numbered = summary.id_sources.get("numbered", 0)
    if numbered:
        say(
            f"image ids were made up for {numbered} pictures whose names are no numbers"
            f" ({out / 'panoptic.json'} lists them); --image-json gives them those of a ground truth"
        )
    say(f"open {out / 'report.html'} in a browser; next: {program()} score GT {shlex.quote(str(out))}")
