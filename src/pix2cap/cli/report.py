"""`pix2cap report`."""

from __future__ import annotations

from pathlib import Path

from pix2cap.cli.output import say


def report(dataset: Path, *, out: Path = Path("report.html"), images: Path | None = None) -> int:
    """Show a dataset in one self-contained HTML page.

    Args:
        dataset: A dataset folder.
        out: The page to write.
        images: Folder of the pictures, where the dataset does not know it.
    """
    from pix2cap.report import report_dataset

    print(report_dataset(dataset, out, images=images))
    say(f"open {out} in a browser")
    return 0
