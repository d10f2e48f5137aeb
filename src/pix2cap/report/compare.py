"""A page of before and after: every score's change, and where captions got better or worse."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from pix2cap import __version__
from pix2cap.evaluate.bench_compare import BenchComparison
from pix2cap.evaluate.paired import Scored
from pix2cap.report.compare_pictures import ItemPictures
from pix2cap.report.compare_view import cards_of, change_rows, choose_changes, histogram_of, item_label
from pix2cap.report.shell import asset, csp_hash, one_script, replacing, template

_DIGEST_SHOWN = 12


def report_comparison(
    comparison: BenchComparison,
    before: Scored,
    after: Scored,
    out: str | Path,
    *,
    images: str | Path | None = None,
    gt: str | Path | None = None,
    gt_masks: str | Path | None = None,
    examples: int = 12,
) -> Path:
    """Show a comparison in one self-contained HTML page. The same arguments give the same bytes.

    Args:
        comparison: Of the two.
        before: The baseline.
        after: What is compared with it.
        out: The page to write; replaced when the new one is complete.
        images: Folder of the pictures, found by their ids or by the names that items have.
        gt: Of `pix2cap score`: the ground truth, whose shapes light up segments.
        gt_masks: Folder or zip of its masks, where they do not lie beside it.
        examples: Most items of each kind.

    Returns:
        `out`.

    Raises:
        InputError: `images` or `gt` is missing or damaged.
        StorageFull: The disk took no more.
    """
    pictures = ItemPictures(_path(images), _path(gt), _path(gt_masks))
    worse, better = choose_changes(comparison, before, examples)
    rows, reach = change_rows(comparison)
    script, style = (
        one_script("page_tabs.js", "compare.js"),
        "".join(map(asset, ("report.css", "scores.css", "compare.css"))),
    )
    page = {
        "title": f"{comparison.names[0]} to {comparison.names[1]}",
        "comparison": comparison,
        "sides": (before, after),
        "rows": rows,
        "reach": reach,
        "histogram": histogram_of(comparison),
        "metric": item_label(comparison.ranked_by) if comparison.ranked_by else None,
        "cards": {
            "worse": cards_of(worse, before, after, comparison, pictures),
            "better": cards_of(better, before, after, comparison, pictures),
        },
        "shared": [(name, value, _short(value)) for name, value in comparison.identity.items()],
        "pictures": pictures,
        "version": __version__,
        "script": Markup(script),
        "style": Markup(style),
        "script_hash": csp_hash(script),
        "style_hash": csp_hash(style),
    }
    target = Path(out)
    with replacing(target) as file:
        file.writelines(template("compare.html.j2").generate(page))
    return target


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _short(value: str) -> str:
    """A hash cut to what a person compares by eye."""
    name, marker, digest = value.partition(" sha256 ")
    return f"{name} {digest[:_DIGEST_SHOWN]}…" if marker else value
