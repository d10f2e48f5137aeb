"""`pix2cap review`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.output import say


def review(
    target: Path,
    *,
    task: Literal["review", "verify"] = "review",
    sample: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8321,
    reviewer: str = "",
    findings: Path | None = None,
    images: Path | None = None,
    masks: Path | None = None,
    browser: Annotated[bool, Parameter(negative="--no-browser")] = True,
) -> int:
    """See, correct and verify captions in the browser; a dataset is shown read-only.

    Args:
        target: A run folder, a dataset folder, or a COCO panoptic JSON with captions.
        task: verify asks four questions about each caption of a frozen sample.
        sample: The sample to verify, as `pix2cap annotate sample` named it.
        host: Address to listen on; beyond this machine a random token is asked for.
        port: Port to listen on, 0 for any free one.
        reviewer: The name that decisions get; your user name otherwise.
        findings: What `pix2cap dataset check --format json` printed, to filter by.
        images: Folder of the pictures, where the target does not know it.
        masks: Folder or zip of the mask PNGs, where the target does not know it.
        browser: Open the page in the browser.
    """
    from pix2cap.web.serve import serve
    from pix2cap.web.settings import ReviewSettings

    settings = ReviewSettings(
        target=target,
        task=task,
        sample=sample,
        host=host,
        port=port,
        reviewer=reviewer,
        findings=findings,
        images=images,
        masks=masks,
    )

    def ready(address: str) -> None:
        print(address, flush=True)
        say("Ctrl-C stops the server; decisions are saved as they are made")

    say(f"reading {target}")
    try:
        serve(settings, on_ready=ready, open_browser=browser)
    except KeyboardInterrupt:
        say("stopped")
    return 0
