"""`pix2cap dataset card`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal

from pix2cap.cli.image_progress import report_images
from pix2cap.cli.output import print_record, say
from pix2cap.cli.program import program


def card(
    dataset: Path,
    *,
    checks: Path | None = None,
    agreement: Path | None = None,
    name: str | None = None,
    license: str | None = None,
    cite: str | None = None,
    format: Literal["table", "json"] = "table",
) -> int:
    """Describe a dataset for a hub: README.md, croissant.json, manifest.json and SHA256SUMS, counted anew.

    Args:
        dataset: A dataset folder, or one of Parquet or WebDataset shards.
        checks: What `dataset check --format json` printed; checks.json in the folder otherwise.
        agreement: What `dataset agreement --format json` printed; agreement.json in the folder otherwise.
        name: Title of the card.
        license: Licence of the captions, such as cc-by-4.0.
        cite: How to cite the dataset.
        format: table or json.
    """
    from pix2cap.dataset.card import CardOptions, write_card

    options = CardOptions(checks=checks, agreement=agreement, name=name, license=license, cite=cite)
    with report_images() as advance:
        written = write_card(dataset, options, on_progress=advance)
    print_record(written.to_json(), format=format, title=f"Card of {dataset}")
    for one in written.changed:
        say(f"changed since the manifest before: {one}")
    if written.findings is None:
        say("no results of checks: the card says so (dataset check --format json > checks.json)")
    if written.verdicts is None:
        say("no verdicts of people: the card says so (dataset agreement --format json > agreement.json)")
    if written.unlicensed:
        say(f"{written.unlicensed} pictures state no licence: see to it before you publish them")
    say(f"next: {program()} dataset push {shlex.quote(str(dataset))} NAME/DATASET --dry-run")
    return 0
