"""Caption a folder of images with masks: plan, run, list what failed, write dataset and report.

    python examples/annotate_folder.py                 # the demo's sample, offline
    python examples/annotate_folder.py panoptic_val2017.json --images val2017 --model openai:gpt-4o

Run it again to go on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pix2cap.annotate import JobOptions, Progress, annotate, export_run, plan
from pix2cap.demo import run_demo
from pix2cap.errors import BudgetReached, Pix2CapError
from pix2cap.report import report_dataset


def tell(progress: Progress) -> None:
    spent = "price unknown" if progress.spent_usd is None else f"${progress.spent_usd:.4f}"
    print(f"\r{progress.images_done}/{progress.images} images, {spent}", end="", file=sys.stderr)


def main() -> int:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("source", type=Path, nargs="?", help="JSON or folder; the demo's sample without")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--model", default="describe")
    parser.add_argument("--max-cost", type=float, help="in USD")
    parser.add_argument("--out", type=Path, default=Path("annotated"), help="run, dataset and report")
    arguments = parser.parse_args()

    source, images, masks = arguments.source, arguments.images, arguments.masks
    if source is None:
        sample = run_demo(arguments.out / "demo").dataset.parent / "sample"
        source, images, masks = sample / "panoptic.json", sample / "images", sample / "panoptic"

    options = JobOptions(images=images, masks=masks, model=arguments.model)
    planned = plan(source, options)
    low, high = planned.cost_usd.low, planned.cost_usd.high
    cost = "unknown" if low is None or high is None else f"${low:.2f} to ${high:.2f}"
    print(f"{planned.images} images, {planned.segments} segments, {planned.requests} requests, cost {cost}")

    run = arguments.out / "run"
    try:
        status = annotate(
            source, run, options, max_cost_usd=arguments.max_cost, on_start=print, on_progress=tell
        )
    except BudgetReached as error:
        print(f"\n{error}")
        return error.exit_code
    counts = status.segments
    print(f"\ncaptioned {counts.captioned} of {counts.total}, not visible {counts.not_visible}")
    for reason, number in status.failed_reasons.items():
        print(f"failed, {reason}: {number}")

    export_run(run, arguments.out / "dataset")
    print(report_dataset(arguments.out / "dataset", arguments.out / "report.html", images=images))
    return 0 if status.is_clean else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Pix2CapError as error:
        sys.exit(f"annotate_folder: {error}")
