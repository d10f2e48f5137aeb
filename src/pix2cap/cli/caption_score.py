"""`pix2cap caption-score`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pix2cap.cli.output import print_json, say
from pix2cap.cli.suite_progress import report_suite_progress

if TYPE_CHECKING:
    from pix2cap.evaluate.caption_suite import CaptionSuiteResult


def caption_score(
    hypotheses: Path,
    references: Path,
    *,
    metrics: str = "bleu,rouge_l,cider,meteor",
    format: Literal["table", "json", "csv"] = "table",
    processes: int | None = None,
) -> int:
    """Score captions against reference captions, corpus and each caption.

    Args:
        hypotheses: JSON file {id: text}.
        references: JSON file {id: [text, ...]} with the same ids.
        metrics: Some of bleu, rouge_l, cider, meteor, meteor_exact_stem, spice and spice_sg, with commas.
            One that cannot be computed here is reported as missing, with the reason.
        format: table (corpus scores), json (also each caption's), or csv (a row a caption).
        processes: How many processes spice and spice_sg may use; as many as cores by default.
    """
    from pix2cap.evaluate.caption_files import read_candidates, read_references
    from pix2cap.evaluate.caption_suite import check_metrics, score_captions

    names = check_metrics(name.strip() for name in metrics.split(",") if name.strip())
    candidates, expected = read_candidates(hypotheses), read_references(references)
    with report_suite_progress() as advance:
        result = score_captions(candidates, expected, metrics=names, on_progress=advance, processes=processes)
    if format == "json":
        print_json(result.to_json())
    elif format == "csv":
        _print_csv(result)
    else:
        _print_table(result, len(candidates))
    if format != "json":
        for name, reason in result.missing.items():
            say(f"{name} is missing: {reason}")
    return 0


def _print_table(result: CaptionSuiteResult, n_captions: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{n_captions:,} captions", title_justify="left")
    table.add_column("metric", style="bold")
    table.add_column("corpus score", justify="right")
    for name, value in result.corpus.items():
        table.add_row(name, "missing" if value is None else f"{value:.4f}")
    Console().print(table)


def _print_csv(result: CaptionSuiteResult) -> None:
    """A row a caption, then one of the corpus, whose id is empty."""
    names = list(result.corpus)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["id", *names])
    for key, scores in result.per_item.items():
        writer.writerow([key, *(scores.get(name) for name in names)])
    writer.writerow(["", *(result.corpus[name] for name in names)])
