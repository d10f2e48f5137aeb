"""Rows of text as a plain table or one for a terminal; the first row is the head, the last the sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType


def to_text(rows: Sequence[Sequence[str]]) -> str:
    """A plain table; the first column is flush left, the others right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip())
    return "\n".join(lines)


def to_rich(rows: Sequence[Sequence[str]], *, title: str) -> RenderableType:
    """The same for a terminal, the last row set off."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=Text(title), title_justify="left")
    for number, name in enumerate(rows[0]):
        table.add_column(Text(name), justify="left" if number == 0 else "right")
    for row in rows[1:-1]:
        table.add_row(*(Text(cell) for cell in row))
    table.add_section()
    table.add_row(*(Text(cell) for cell in rows[-1]), style="bold")
    return table
