"""`pix2cap report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pix2cap.cli.output import say
from pix2cap.errors import UsageError


def report(
    *sources: Path,
    out: Path = Path("report.html"),
    images: Path | None = None,
    gt: Path | None = None,
    gt_masks: Path | None = None,
    name: Annotated[list[str] | None, Parameter(negative="")] = None,
) -> int:
    """Show a dataset, or compare results of `pix2cap score`, in one self-contained HTML page.

    Args:
        sources: A dataset folder, or one result JSON or more; the first is what others are compared with.
        out: The page to write.
        images: Folder of the pictures, where the dataset does not know it, or to show captions beside them.
        gt: Results only: the ground truth that was scored, to light up its segments.
        gt_masks: Results only: folder or zip of its masks.
        name: Results only: what to call each, in their order; the file names otherwise.
    """
    folders = [source for source in sources if source.is_dir()]
    if not sources or (folders and len(sources) > 1):
        raise UsageError(
            "expected one dataset folder, or one result JSON or more, got"
            f" {', '.join(map(str, sources)) or 'nothing'}"
        )
    if out.is_dir():
        raise UsageError(
            f"expected a file to write with --out, got the folder {out}; name {out / 'report.html'}"
        )
    if folders:
        from pix2cap.report import report_dataset

        if gt or gt_masks or name:
            raise UsageError(
                f"expected --gt, --gt-masks and --name with results only, got a folder: {folders[0]}"
            )
        print(report_dataset(folders[0], out, images=images))
    else:
        print(_report_results(sources, out, images=images, gt=gt, gt_masks=gt_masks, names=name))
    say(f"open {out} in a browser")
    return 0


def _report_results(
    sources: tuple[Path, ...],
    out: Path,
    *,
    images: Path | None,
    gt: Path | None,
    gt_masks: Path | None,
    names: list[str] | None,
) -> Path:
    from pix2cap.evaluate.result import PanopticCaptioningResult
    from pix2cap.report import report_scores
    from pix2cap.report.scores import MAX_RESULTS

    if len(sources) > MAX_RESULTS:
        raise UsageError(f"expected at most {MAX_RESULTS} results on a page, got {len(sources)}")
    if names is not None and len(names) != len(sources):
        raise UsageError(f"expected one --name for each of {len(sources)} results, got {len(names)}")
    results = [PanopticCaptioningResult.read(source) for source in sources]
    named = zip(names or _names(sources), results, strict=True)
    return report_scores(list(named), out, images=images, gt=gt, gt_masks=gt_masks)


def _names(sources: tuple[Path, ...]) -> list[str]:
    """File names without ending; with their folder where two are the same."""
    stems = [source.stem for source in sources]
    if len(set(stems)) == len(stems):
        return stems
    return [f"{source.absolute().parent.name}/{source.stem}" for source in sources]
