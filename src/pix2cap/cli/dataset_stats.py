"""`pix2cap dataset stats`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pix2cap.cli.output import Format, make_console, print_json, say
from pix2cap.cli.progress import Pace, now_and_then
from pix2cap.errors import UsageError


def stats(
    *sources: Path,
    html: Path | None = None,
    tag_share: float = 1.0,
    format: Format = "table",
) -> int:
    """Count images, segments, captions and words of datasets; the paper's own figures stand beside.

    Args:
        sources: Dataset folders, folders of splits, or COCO panoptic JSONs with captions, such as the
            published Pix2Cap-COCO files; each gets a column, and all together one.
        html: Also write a page with plots.
        tag_share: Share of the captions whose nouns, adjectives and verbs are counted; 0 for none.
        format: table or json.
    """
    from pix2cap.dataset.stats import dataset_stats
    from pix2cap.report.stats import MAX_SOURCES, write_stats

    if html is not None and html.is_dir():
        raise UsageError(
            f"expected a file to write with --html, got the folder {html}; name {html / 'stats.html'}"
        )
    found = dataset_stats(sources, tag_share=tag_share, on_progress=_told()).to_json()
    if html is not None and len(found["sources"]) > MAX_SOURCES:
        raise UsageError(f"expected at most {MAX_SOURCES} datasets with --html, got {len(found['sources'])}")
    if found["tagger"] is None and tag_share:
        say(f"nouns, adjectives and verbs are missing: {found['tagger_missing']}")
    if format == "json":
        print_json(found)
    else:
        _print_table(found)
    if html is not None:
        write_stats(found, html)
        say(f"open {html} in a browser")
    return 0


def _print_table(found: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from pix2cap.report.stats import columns, notes, table_rows

    table = Table()
    table.add_column("", min_width=24)
    for name in columns(found):
        table.add_column(Text(name), justify="right", overflow="fold")
    table.add_column(Text(found["published"]["name"]), justify="right", style="italic")
    for row in table_rows(found):
        if row.group:
            table.add_section()
            table.add_row(Text(row.group, style="bold"))
        table.add_row(Text(row.label), *(Text("missing" if v is None else v) for v in row.values), row.theirs)
    make_console().print(table)
    for note in (
        *notes(found),
        f"Last column: {found['published']['source']}; their figures, not counted here.",
    ):
        say(note)


def _told() -> Callable[[int], None]:
    """A plain line every ten seconds, so that a large dataset does not look like a dead one."""
    is_due, pace = now_and_then(), None

    def advance(captions: int) -> None:
        nonlocal pace
        pace = pace or Pace()  # Not before: opening a dataset takes its time.
        if is_due():
            say(f"{captions:,} captions, {pace.rate(captions):,.0f} a second")

    return advance
