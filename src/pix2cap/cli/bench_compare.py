"""`pix2cap bench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.output import make_console, print_json, say
from pix2cap.errors import UsageError

if TYPE_CHECKING:
    from pix2cap.evaluate.bench_compare import BenchComparison


def compare(
    before: Path,
    after: Path,
    *,
    out: Path = Path("compare.html"),
    images: Path | None = None,
    gt: Path | None = None,
    gt_masks: Path | None = None,
    name: Annotated[list[str] | None, Parameter(negative="")] = None,
    rank_by: str | None = None,
    examples: int = 12,
    bootstrap: int = 1000,
    seed: int = 0,
    format: Literal["table", "json"] = "table",
) -> int:
    """Compare two results of one bench: every score's change with its interval, and a page of what changed.

    Args:
        before: Result of bench vg, bench vipbench or score (the JSON that --out wrote), or a folder with one.
        after: The same of another model, on the same split, files and questions.
        out: The page to write.
        images: Folder of the pictures, to show items in them.
        gt: Results of score only: the ground truth that was scored, to light up its segments.
        gt_masks: Results of score only: folder or zip of its masks.
        name: What to call each, in their order (twice); the file names otherwise.
        rank_by: Metric of single items by which they are better or worse; METEOR where they have it.
        examples: Most items of each kind on the page.
        bootstrap: Resamples behind the 95 % intervals; 0 for none.
        seed: Of the bootstrap.
        format: How to print the scores.
    """
    from pix2cap.annotate.bounds import require_range
    from pix2cap.evaluate.bench_compare import compare_results
    from pix2cap.evaluate.bench_scored import read_scored
    from pix2cap.report import report_comparison

    require_range("--examples", examples, least=0)
    require_range("--bootstrap", bootstrap, least=0)
    if out.is_dir():
        raise UsageError(
            f"expected a file to write with --out, got the folder {out}; name {out / 'compare.html'}"
        )
    names = _names(before, after, name)
    sides = read_scored(before), read_scored(after)
    found = compare_results(*sides, names=names, samples=bootstrap, seed=seed, rank_by=rank_by)
    report_comparison(found, *sides, out, images=images, gt=gt, gt_masks=gt_masks, examples=examples)
    if format == "json":
        print_json({**found.to_json(changes=False), "page": str(out)})
    else:
        _print(found)
    say(f"open {out} in a browser")
    return 0


def _names(before: Path, after: Path, given: list[str] | None) -> tuple[str, str]:
    if given is not None:
        if len(given) != 2:
            raise UsageError(f"expected --name twice, for BEFORE and AFTER, got {len(given)}")
        return given[0], given[1]
    stems = [path.absolute().name if path.is_dir() else path.stem for path in (before, after)]
    if stems[0] == stems[1]:
        parents = [path.absolute().parent.name for path in (before, after)]
        stems = [f"{parent}/{stem}" for parent, stem in zip(parents, stems, strict=True)]
    return ("before", "after") if stems[0] == stems[1] else (stems[0], stems[1])


def _print(found: BenchComparison) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    head, *rows = found.table()
    told = f"{found.title}, {found.units:,} {found.unit_name}"
    if "split" in found.identity:
        told += f", split {found.identity['split']}"
    table = Table(box=SIMPLE_HEAD, title=Text(told), title_justify="left")
    for place, title in enumerate(head):
        table.add_column(Text(title), justify="right" if place else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = make_console()
    console.print(table)
    if found.ranked_by:
        console.print(
            f"by {found.ranked_by}: {found.better:,} better, {found.worse:,} worse, {found.same:,} the same",
            highlight=False,
        )
