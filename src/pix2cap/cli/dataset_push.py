"""`pix2cap dataset push`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pix2cap.cli.extras import need_extra
from pix2cap.cli.output import print_json, print_record, say

if TYPE_CHECKING:
    from pix2cap.dataset.push import PushProgress


def push(
    dataset: Path,
    repo_id: str,
    *,
    private: Annotated[bool, Parameter(negative="")] = False,
    revision: str | None = None,
    endpoint: str | None = None,
    message: str = "Upload with pix2cap",
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    format: Literal["table", "json"] = "table",
) -> int:
    """Send a described dataset to a hub; go on where an interrupted push ended.

    The token comes from HF_TOKEN or from `hf auth login`; it is never printed or stored.

    Args:
        dataset: A folder that `dataset card` has described.
        repo_id: The repository, NAME/DATASET.
        private: Make it private; a public one is refused.
        revision: The branch; made where it is missing.
        endpoint: Another hub than that of HF_ENDPOINT, as https://host.
        message: Of the commits.
        dry_run: List what would be sent; send nothing, ask nobody.
        format: table or json.
    """
    from pix2cap.dataset.push import PushOptions, check_target, crowded, plan_push, push_dataset

    if dry_run:
        check_target(repo_id, endpoint)
        files = plan_push(dataset)
        if format == "json":
            print_json([{"name": one.name, "bytes": one.bytes, "sha256": one.sha256} for one in files])
        else:
            for one in files:
                print(f"{one.bytes:>12,}  {one.name}")
        say(f"{len(files)} files, {sum(one.bytes for one in files):,} bytes for {repo_id}; nothing was sent")
        if crowded(files):
            say("more files in a folder than hubs advise; `dataset convert --to parquet` makes few of them")
    else:
        need_extra("hub")
        options = PushOptions(private=private, revision=revision, endpoint=endpoint, message=message)
        pushed = push_dataset(dataset, repo_id, options, on_progress=_say)
        print_record(pushed.to_json(), format=format, title=f"Pushed {dataset}")
        if pushed.strangers:
            say(
                f"{len(pushed.strangers)} files there are not of this dataset and stay: {pushed.strangers[0]}"
            )
    return 0


def _say(progress: PushProgress) -> None:
    say(f"{progress.done}/{progress.total} files are there")
