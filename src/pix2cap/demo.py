"""The main job on a built-in sample: scenes and photos -> annotate -> export -> report, offline."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pix2cap.annotate import JobOptions, RunStatus, annotate, export_run
from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.core import ImageRef
from pix2cap.draw.encode import encode_png
from pix2cap.errors import UsageError
from pix2cap.formats.coco_panoptic_write import CocoItem, write_coco_panoptic
from pix2cap.report import report_dataset
from pix2cap.scenes.photos import demo_items

_MARKER = ".pix2cap-demo"


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo made.

    Args:
        report: The page to open.
        dataset: The dataset folder.
        status: What became of every segment.
        next_commands: Three commands to try.
    """

    report: Path
    dataset: Path
    status: RunStatus
    next_commands: tuple[str, str, str]


def run_demo(
    out: str | Path,
    *,
    seed: int = 0,
    program: str = "pix2cap",
    say: Callable[[str], None] | None = None,
) -> Demo:
    """Caption a handful of rendered scenes and public-domain photos with the offline describer.

    Args:
        out: Folder for `sample/` (pictures, masks, panoptic.json), `run/`, `dataset/` and `report.html`;
            an earlier demo there is replaced.
        seed: Of the scenes.
        program: How the next commands begin.
        say: Told what is being done.

    Returns:
        Where everything lies.

    Raises:
        UsageError: The folder holds something else than a demo.

    Example:
        >>> run_demo("demo").report  # doctest: +SKIP
        PosixPath('demo/report.html')
    """
    folder = Path(out)
    tell = say or (lambda _: None)
    _clear(folder)
    sample = folder / "sample"
    images = _write_sample(sample, seed)
    tell(f"{sample}: {images} pictures with their masks, as COCO panoptic")
    options = JobOptions(images=sample / "images", masks=sample / "panoptic", model="describe")
    status = annotate(sample / "panoptic.json", folder / "run", options)
    counts = status.segments
    tell(
        f"{folder / 'run'}: captioned {counts.captioned} of {counts.total} segments, offline"
        f" ({counts.not_visible} not visible, {counts.failed} failed)"
    )
    dataset = folder / "dataset"
    export_run(folder / "run", dataset)
    tell(f"{dataset}: panoptic.json with a description per segment, masks, Parquet, instances, card")
    page = report_dataset(
        dataset,
        folder / "report.html",
        images=sample / "images",
        title="pix2cap: a caption for every segment",
    )
    tell(f"{page}: open it in a browser, point at a segment, read its caption")
    return Demo(page, dataset, status, _next_commands(folder, program))


def _write_sample(sample: Path, seed: int) -> int:
    items = demo_items(seed)
    coco = [
        CocoItem(ImageRef(n, f"{name}.png", *panoptic.size_wh), panoptic, encode_png(rgb))
        for n, (name, rgb, panoptic, _) in enumerate(items, start=1)
    ]
    write_coco_panoptic(sample, coco, categories=items[0][3])
    return len(items)


def _clear(folder: Path) -> None:
    make_out_folder(folder)
    if any(folder.iterdir()) and not (folder / _MARKER).exists():
        raise UsageError(f"{folder}: expected an empty folder or an earlier demo; give another --out")
    for name in ("sample", "run", "dataset"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / _MARKER).touch()


def _next_commands(folder: Path, program: str) -> tuple[str, str, str]:
    def quoted(*parts: str) -> str:
        return shlex.quote(str(folder.joinpath(*parts)))

    source = (
        f"{quoted('sample', 'panoptic.json')} --images {quoted('sample', 'images')}"
        f" --masks {quoted('sample', 'panoptic')}"
    )
    return (
        f"{program} annotate preview {source} --image-id 1 --out {quoted('preview')}",
        f"{program} annotate plan {source} --model openai:gpt-4o",
        f"{program} dataset validate {quoted('dataset')} --images {quoted('sample', 'images')}",
    )
