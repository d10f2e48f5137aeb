"""Results as tables: plain text, rich, LaTeX, CSV and HTML."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from pix2cap.evaluate.result import PanopticCaptioningResult
from pix2cap.evaluate.result_columns import Cell, ScoreTable, score_table

if TYPE_CHECKING:
    from rich.console import RenderableType

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    # After `\\` these would be read as its argument.
    "[": "{[}",
    "*": "{*}",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def to_text(results: Sequence[PanopticCaptioningResult], names: Sequence[str]) -> str:
    """A plain table, one score a line; `*` marks the best of several.

    Args:
        results: One or more.
        names: One a result.

    Raises:
        ValueError: No result, or another number of names.
    """
    table = score_table(results, names, full=True)
    rows = [["", *(_one_line(name) for name in table.names)]]
    for column, cells in zip(table.columns, table.cells, strict=True):
        rows.append([column.label, *(_text(cell) for cell in cells)])
    for label, values in _counts(results):
        rows.append([label, *values])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", *_small_print(table)])


def to_rich(results: Sequence[PanopticCaptioningResult], names: Sequence[str]) -> RenderableType:
    """The same for a terminal, the best of several in bold.

    Args:
        results: One or more.
        names: One a result.

    Raises:
        ValueError: No result, or another number of names.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = score_table(results, names, full=True)
    shown = Table(box=SIMPLE_HEAD)
    shown.add_column("")
    for name in table.names:
        shown.add_column(Text(_one_line(name)), justify="left")
    for column, cells in zip(table.columns, table.cells, strict=True):
        shown.add_row(column.label, *(_rich_cell(cell) for cell in cells))
    shown.add_section()
    for label, values in _counts(results):
        shown.add_row(label, *values)
    return Group(shown, Text("\n".join(_small_print(table)), style="dim"))


def _rich_cell(cell: Cell) -> RenderableType:
    from rich.text import Text

    text = Text(cell.text, style="bold green" if cell.best else "")
    if cell.interval:
        text.append(f"  [{cell.interval}]", style="dim")
    if cell.note:
        text.append(f" ({cell.note})", style="dim")
    return text


def to_latex(results: Sequence[PanopticCaptioningResult], names: Sequence[str]) -> str:
    r"""The paper's table for `\usepackage{booktabs}`: best in bold, intervals as small print below.

    Args:
        results: One or more.
        names: One a result; LaTeX's special characters are escaped.

    Raises:
        ValueError: No result, or another number of names.
    """
    table = score_table(results, names)
    width = len(table.columns) + 1
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{tabular}{l" + "r" * (width - 1) + "}",
        r"\toprule",
        " & ".join(["", *(_latex(column.label) for column in table.columns)]) + r" \\",
        r"\midrule",
    ]
    for number, name in enumerate(table.names):
        cells = [row[number] for row in table.cells]
        lines.append(" & ".join([_latex(name), *(_latex_cell(cell) for cell in cells)]) + r" \\")
        if any(cell.interval for cell in cells):
            small = [rf"{{\tiny [{cell.interval}]}}" if cell.interval else "" for cell in cells]
            lines.append(" & ".join(["", *small]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", r"\par\smallskip"]
    lines += [rf"{{\footnotesize {_latex(note)}\par}}" for note in _small_print(table)]
    return "\n".join([*lines, ""])


def _latex_cell(cell: Cell) -> str:
    text = rf"\textbf{{{cell.text}}}" if cell.best else cell.text
    return rf"{text}\textsuperscript{{{cell.note}}}" if cell.note else text


def _latex(text: str) -> str:
    return "".join(_LATEX.get(char, char) for char in _one_line(text))


def to_csv(results: Sequence[PanopticCaptioningResult], names: Sequence[str]) -> str:
    """Every score of every result in full precision on the scale 0..1 (CIDEr 0..10), one result a line.

    Columns are paths of the JSON, with `.low` and `.high` where there are intervals; a missing score is
    empty and the last column says why.

    Args:
        results: One or more.
        names: One a result.

    Raises:
        ValueError: No result, or another number of names.
    """
    if not results or len(results) != len(names):
        raise ValueError(
            f"expected one name for each of at least one result, got {len(names)} for {len(results)}"
        )
    paths = list(dict.fromkeys(path for result in results for path, _ in scores_of(result)))
    header = ["name", "mode", "images", "tp", "fp", "fn"]
    for path in paths:
        header.append(path)
        if any(path in result.intervals for result in results):
            header += [f"{path}.low", f"{path}.high"]
    out = io.StringIO()
    writer = csv.DictWriter(out, [*header, "missing"], lineterminator="\n", restval="")
    writer.writeheader()
    for result, name in zip(results, names, strict=True):
        row: dict[str, object] = dict(scores_of(result))
        for path, interval in result.intervals.items():
            if path in row:
                row |= {f"{path}.low": interval.low, f"{path}.high": interval.high}
        row |= {key: getattr(result, key) for key in header[1:6]} | {"name": name}
        row["missing"] = "; ".join(f"{metric}: {reason}" for metric, reason in result.missing.items())
        writer.writerow(row)
    return out.getvalue()


def scores_of(result: PanopticCaptioningResult) -> Iterator[tuple[str, float | int | None]]:
    """Every single score by its path: panoptic, captions, mAP without its thresholds, caption-PQ."""
    for group in ("panoptic", "captions", "map", "caption_pq"):
        yield from _leaves(getattr(result, group), group)


def _leaves(node: object, path: str) -> Iterator[tuple[str, float | int | None]]:
    if dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            yield from _leaves(getattr(node, field.name), f"{path}.{field.name}")
    elif node is None or isinstance(node, int | float):
        yield path, node


def to_html(results: Sequence[PanopticCaptioningResult], names: Sequence[str]) -> str:
    """A small table for notebooks, without a style sheet.

    Args:
        results: One or more.
        names: One a result.

    Raises:
        ValueError: No result, or another number of names.
    """
    table = score_table(results, names, full=True)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.names)
    rows = [f"<tr><th></th>{head}</tr>"]
    for column, cells in zip(table.columns, table.cells, strict=True):
        row = "".join(f"<td>{_html_cell(cell)}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{escape(column.label)}</th>{row}</tr>')
    for label, values in _counts(results):
        row = "".join(f"<td>{escape(value)}</td>" for value in values)
        rows.append(f'<tr><th scope="row">{label}</th>{row}</tr>')
    notes = "<br>".join(escape(line) for line in _small_print(table))
    return f"<table>{''.join(rows)}</table><p><small>{notes}</small></p>"


def _html_cell(cell: Cell) -> str:
    text = f"<b>{cell.text}</b>" if cell.best else cell.text
    interval = f" <small>[{cell.interval}]</small>" if cell.interval else ""
    return text + interval + (f"<sup>{cell.note}</sup>" if cell.note else "")


def _text(cell: Cell) -> str:
    interval = f"  [{cell.interval}]" if cell.interval else ""
    return f"{cell.text}{'*' if cell.best else ''}{interval}{f' ({cell.note})' if cell.note else ''}"


def _counts(results: Sequence[PanopticCaptioningResult]) -> list[tuple[str, list[str]]]:
    return [
        ("mode", [result.mode for result in results]),
        ("images", [f"{result.images:,}" for result in results]),
        ("TP / FP / FN", [f"{result.tp:,} / {result.fp:,} / {result.fn:,}" for result in results]),
    ]


def _small_print(table: ScoreTable) -> list[str]:
    return [*table.remarks, *(f"({letter}) {_one_line(reason)}" for letter, reason in table.notes.items())]


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text)
