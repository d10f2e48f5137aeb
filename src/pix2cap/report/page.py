"""Write a report: cards go to a spool while counts gather, then the page is put together around them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from markupsafe import Markup

from pix2cap import __version__
from pix2cap.core import CaptionStatus
from pix2cap.errors import ImageRefused
from pix2cap.report.figures import histogram, status_bar
from pix2cap.report.item import ReportItem, Row, rows_of
from pix2cap.report.shell import asset, csp_hash, one_script, replacing, template
from pix2cap.report.tally import Tally

Fact = str | int | float | None

MAX_ITEMS = 500
_CHUNK_CHARS = 1 << 20
_GREY = 128
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_SCRIPTS = ("cards.js", "paint.js", "pointing.js", "controls.js")


def write_report(
    items: Iterable[ReportItem],
    out: Path,
    *,
    title: str,
    facts: Mapping[str, Fact],
    notes: Sequence[str] = (),
    max_items: int = MAX_ITEMS,
    max_side: int = 1024,
    jpeg_quality: int = 85,
    language: str = "en",
) -> Path:
    """Write one self-contained HTML file that shows pictures, segments and captions.

    The file needs no network and no sibling file. Items are read one at a time and their pictures are
    written as they come, so memory does not grow with their number. All items are counted; pictures
    beyond `max_items` are left out and the page says how many. A picture whose loading raises
    `ImageRefused` is named, and its segments stand on grey. The same items give the same bytes.

    Args:
        items: Pictures with captions, in the order of the page.
        out: The HTML file; replaced only when the new one is complete. Its folder is made.
        title: Heading of the page.
        facts: Provenance: `model`, `prompt`, `cost_usd` and what else the reader should know. None reads
            `unknown`; a key that ends in `_usd` is shown in dollars.
        notes: Sentences for the head of the page, such as images that were refused.
        max_items: Most pictures on the page.
        max_side: Longest side of a picture in pixels.
        jpeg_quality: 1..100.
        language: BCP 47 tag of the captions.

    Returns:
        `out`.

    Raises:
        ValueError: A picture and its map differ in size, or a limit is below 1.
        StorageFull: The disk took no more; an earlier report at `out` is untouched.

    Example:
        write_report(items, Path("report.html"), title="Val", facts={"model": "describe", "cost_usd": 0.0})
    """
    if max_items < 1 or max_side < 1:
        raise ValueError(f"expected max_items and max_side of at least 1, got {max_items} and {max_side}")
    tally = Tally()
    with (
        replacing(out) as page,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace", dir=out.parent) as spool,
    ):
        spooled = _spool_cards(
            items, spool, tally, max_items=max_items, max_side=max_side, quality=jpeg_quality
        )
        spool.seek(0)
        head = _head(tally, title=title, facts=facts, notes=notes, language=language, spooled=spooled)
        page.writelines(template("page.html.j2").generate(cards=_chunks(spool), **head))
    return out


@dataclass
class _Spooled:
    """What went into the spool: cards written, and pictures that could not be loaded."""

    shown: int = 0
    refused: list[str] = field(default_factory=list)


def _spool_cards(
    items: Iterable[ReportItem], spool: IO[str], tally: Tally, *, max_items: int, max_side: int, quality: int
) -> _Spooled:
    """Count every item and write the cards of the first `max_items`; without its picture a card is grey."""
    from pix2cap.report.pictures import embed

    card = template("card.html.j2")
    spooled = _Spooled()
    for item in items:
        rows = rows_of(item)
        tally.add(rows)
        if spooled.shown == max_items:
            continue
        try:
            rgb = item.pixels()
        except ImageRefused as refused:
            spooled.refused.append(str(refused))
            width, height = item.captioned.panoptic.size_wh
            rgb = np.full((height, width, 3), _GREY, np.uint8)
        embedded = embed(rgb, item.captioned.panoptic, rows, max_side=max_side, quality=quality)
        spool.write(card.render(image=item.captioned.image, rows=rows, picture=embedded, alt=_alt(rows)))
        spooled.shown += 1
    return spooled


def _alt(rows: Sequence[Row]) -> str:
    """What a screen reader says of the picture: its classes, each once."""
    names = list(dict.fromkeys(row.class_name for row in rows))
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"Picture with {', '.join(names[:8])}{more}" if names else "Picture without segments"


def _head(
    tally: Tally,
    *,
    title: str,
    facts: Mapping[str, Fact],
    notes: Sequence[str],
    language: str,
    spooled: _Spooled,
) -> dict[str, object]:
    """Everything on the page but the cards."""
    script, style = one_script(*_SCRIPTS), asset("report.css")
    return {
        "title": title,
        "facts": [
            (_label(key), _DIGEST.sub(r"\1…", shown), shown)
            for key, shown in ((key, _shown(key, value)) for key, value in facts.items())
        ],
        "notes": list(notes),
        "language": language,
        "tally": tally,
        "shown": spooled.shown,
        "left_out": tally.pictures - spooled.shown,
        "refused": spooled.refused,
        "statuses": [(status, tally.statuses[status]) for status in CaptionStatus if tally.statuses[status]],
        "stretches": status_bar(tally.statuses),
        "histogram": histogram(tally.words.lengths),
        "frequent": tally.words.frequent(28),
        "reasons": sorted(tally.reasons.items(), key=lambda pair: (-pair[1], pair[0])),
        "script": Markup(script),
        "style": Markup(style),
        "script_hash": csp_hash(script),
        "style_hash": csp_hash(style),
        "version": __version__,
    }


def _label(key: str) -> str:
    """`prompt_version` to `prompt version`; the unit of money moves to the value."""
    return key.removesuffix("_usd").replace("_", " ")


def _shown(key: str, value: Fact) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, str):
        return value
    if key.endswith("_usd"):
        return f"${value:,.2f}" if value == 0 or value >= 1 else f"${value:.4f}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _chunks(spool: IO[str]) -> Iterator[Markup]:
    while chunk := spool.read(_CHUNK_CHARS):
        yield Markup(chunk)
