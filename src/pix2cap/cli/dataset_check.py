"""`pix2cap dataset check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.output import print_json, say
from pix2cap.dataset.judge_options import JudgeOptions


def check(
    source: Path,
    *,
    masks: Path | None = None,
    images: Path | None = None,
    checks: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    language: str = "en",
    min_confidence: float = 0.5,
    parser: Literal["auto", "own", "spacy"] = "auto",
    judge: Annotated[JudgeOptions, Parameter(name="*", negative="")] = JudgeOptions(),  # noqa: B008
    format: Literal["table", "json"] = "table",
) -> int:
    """List captions that are probably not true, worst first; exit code 1 where there are any.

    Args:
        source: A dataset folder, or a COCO panoptic JSON whose segments have a description or caption.
        masks: Folder or zip of the mask PNGs.
        images: Folder of the pictures; without it colours are not looked at.
        checks: Run these only, out of refusal, mark_talk, language, cut, repeat, class, swap, side, colour.
        language: Language that the captions should be in.
        min_confidence: Leave out findings that are less sure, 0 to 1.
        parser: Who reads what a caption is about: own, spacy, or auto: own, and spaCy where it is installed
            on captions that own would accuse.
        judge: A second model that says which statements of every caption are true.
        format: table or json.
    """
    from pix2cap.cli.dataset_judge import add_findings, plan_judge, run_judge
    from pix2cap.cli.image_progress import report_images
    from pix2cap.dataset.check import CHECKS, check_dataset

    if judge.is_asked and judge.plan:
        return plan_judge(source, judge, masks=masks, images=images, format=format)
    judged = run_judge(source, judge, masks=masks, images=images) if judge.is_asked else ()
    with report_images() as on_progress:
        report = check_dataset(
            source,
            masks=masks,
            images=images,
            checks=[name for names in checks for name in names.split(",") if name] or CHECKS,
            language=language,
            min_confidence=min_confidence,
            parser=parser,
            on_progress=on_progress,
        )
    for line in report.skipped:
        say(line)
    if report.read_by:
        say(report.read_by)
    add_findings(report, judged, min_confidence)
    if format == "json":
        print_json(report.to_json())
    else:
        for found in report.findings:
            where = f"image {found.image_id}, segment {found.segment_id}"
            print(f"{found.confidence:.2f}  {found.check:<9}  {where}: {found.reason}")
        say(f"{len(report.findings)} findings in {report.captions} captions on {report.images} images")
    return 1 if report.findings else 0
