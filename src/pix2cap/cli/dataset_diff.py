"""`pix2cap dataset diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pix2cap.cli.image_progress import report_images
from pix2cap.cli.output import make_console, print_json, say
from pix2cap.errors import UsageError

if TYPE_CHECKING:
    from rich.text import Text

    from pix2cap.dataset.diff import Change

_STYLES = {"-": ("[-", "-]", "red strike"), "+": ("{+", "+}", "green")}


def diff(
    before: Path,
    after: Path,
    *,
    masks: Path | None = None,
    html: Path | None = None,
    format: Literal["table", "json"] = "table",
) -> int:
    """List what differs between two datasets, by image and segment id; exit code 1 where anything does.

    Images, segments, classes, masks, statuses and captions are compared; [-words-] went, {+words+} came.

    Args:
        before: Dataset folder, or COCO panoptic JSON with captions.
        after: Another.
        masks: Folder or zip of the mask PNGs of a JSON without masks beside it.
        html: Also write a page with the differences.
        format: table or json.
    """
    from pix2cap.dataset.diff import diff_datasets

    if html is not None and html.is_dir():
        raise UsageError(f"expected a file to write with --html, got the folder {html}")
    with report_images() as on_image:
        found = diff_datasets(before, after, masks=masks, on_image=on_image)
    if html is not None:
        from pix2cap.dataset.diff_page import report_diff

        report_diff(found, html)
        say(f"open {html} in a browser")
    if format == "json":
        print_json(found.to_json())
    else:
        console = make_console()
        for change in found.changes:
            console.print(_line(change), soft_wrap=True, highlight=False)
        counts = ", ".join(f"{n} {kind}" for kind, n in found.counts.items())
        say(f"{counts or 'nothing differs'}; {found.images} images and {found.segments} segments are in both")
    return 1 if found.changes else 0


def _line(change: Change) -> Text:
    """A change as one line: brackets for those who see no colours."""
    from rich.text import Text

    line = Text(str(change))
    for mark, text in change.words:
        if mark != "=":
            opening, closing, style = _STYLES[mark]
            line.highlight_words([f"{opening}{text}{closing}"], style=style)
    return line
