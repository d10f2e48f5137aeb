"""`pix2cap dataset agreement`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pix2cap.cli.output import make_console, print_json, say

if TYPE_CHECKING:
    from rich.table import Table

    from pix2cap.dataset.agreement import Agreement, AxisResult, Rate
    from pix2cap.dataset.judge_agreement import JudgeAgreement


def agreement(
    run: Path,
    *,
    sample: str | None = None,
    judge: Path | None = None,
    format: Literal["table", "json"] = "table",
) -> int:
    """Print how many captions people found right, and how far they agree: overall and by stratum.

    Args:
        run: The run folder with a sample that people have verified.
        sample: Name of the sample; not needed where there is one.
        judge: Result of `dataset check --judge`, to be compared with the people.
        format: table or json.
    """
    from pix2cap.dataset.agreement import measure_agreement

    found = measure_agreement(run, sample=sample, judge=judge)
    if format == "json":
        print_json(found.to_json())
    else:
        _print(found)
    if found.rated < found.items:
        say(
            f"{found.items - found.rated} of {found.items} items of sample {found.sample} have no verdict yet"
        )
    return 0


def _print(found: Agreement) -> None:
    console = make_console()
    raters = ", ".join(f"{name} {count}" for name, count in found.raters.items()) or "nobody"
    title = f"Sample {found.sample}: {found.rated} of {found.items} captions rated by {raters}"
    told = f"{title}; shares are weighted to {found.covered:.1%} of the run's captions"
    console.print(told, style="italic", markup=False, highlight=False, soft_wrap=True)
    overall = _table("all captions", "right", "95 %", "unweighted", "decided", "twice", "alike", "alpha")
    for axis, result in found.overall.axes.items():
        overall.add_row(
            axis,
            _share(result.weighted.share),
            _interval(result.weighted),
            _share(result.accepted.share),
            str(result.decided),
            str(result.rated_twice),
            _share(result.agreeing),
            _number(result.alpha),
        )
    console.print(overall)
    console.print("\nright in per cent, its 95 % interval, and alpha", style="italic", highlight=False)
    for name, groups in found.by.items():
        table = _table(name, "rated/all", *found.overall.axes)
        for value, group in groups.items():
            rated = max(result.items for result in group.axes.values())
            counts = f"{rated}/{group.population}"
            table.add_row(value, counts, *(_cell(result) for result in group.axes.values()))
        console.print()
        console.print(table)
    if found.judge is not None:
        console.print()
        console.print(_judge_table(found.judge))


def _cell(result: AxisResult) -> str:
    """A rate, its interval and alpha, as narrow as can be: they stand five in a row."""
    rate = result.weighted
    if rate.share is None or rate.low is None or rate.high is None:
        return "-"
    told = f"{rate.share * 100:.0f} {rate.low * 100:.0f}-{rate.high * 100:.0f}"
    return told if result.alpha is None else f"{told}\nα {result.alpha:.2f}"


def _judge_table(judge: JudgeAgreement) -> Table:
    table = _table("judge and people", "captions", "decided", "alike", "caught", "false alarms", "alpha")
    for axis, one in judge.axes.items():
        shares = (_share(one.accuracy), _share(one.caught), _share(one.false_alarms))
        table.add_row(axis, str(one.captions), str(one.decided), *shares, _number(one.alpha))
    return table


def _table(*columns: str) -> Table:
    from rich.table import Table

    # Without lines, so that five questions fit a terminal of 80 columns.
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(rate: Rate) -> str:
    if rate.low is None or rate.high is None:
        return "-"
    return f"{rate.low:.1%}-{rate.high:.1%}"
