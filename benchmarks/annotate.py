"""The annotation pipeline measured: preparation, client, end to end, memory.

    python benchmarks/annotate.py --coco DIR            all parts
    python benchmarks/annotate.py --coco DIR --only memory --images 200 20000

Preparation and client are in `prepare.py` and `client.py`, each against peers in the same run.
End to end runs the command line with `describe`. Memory runs it on the same pictures repeated
under new image ids, and compares the peak resident memory of a short and a long run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT_COCO = HERE.parents[1] / "shared" / "data" / "coco"


def repeat_source(coco: Path, n_images: int, out: Path) -> Path:
    """A panoptic JSON of `n_images` entries that cycle through the pictures of the val sample."""
    document = json.loads((coco / "panoptic_val.json").read_text())
    images, annotations = document["images"], {a["image_id"]: a for a in document["annotations"]}
    new_images, new_annotations = [], []
    for n in range(n_images):
        image = images[n % len(images)]
        annotation = annotations[image["id"]]
        new_images.append({**image, "id": n + 1})
        new_annotations.append({**annotation, "image_id": n + 1})
    path = out / f"repeated-{n_images}.json"
    path.write_text(json.dumps({**document, "images": new_images, "annotations": new_annotations}))
    return path


def run_describe(source: Path, coco: Path, out: Path) -> tuple[float, float]:
    """`(seconds, peak MiB)` of `pix2cap annotate run ... --model describe` in a process of its own."""
    command = [
        sys.executable, "-m", "pix2cap", "annotate", "run", str(source), "--images", str(coco / "val2017"),
        "--masks", str(coco / "panoptic_val2017"), "--model", "describe", "--out", str(out),
    ]  # fmt: skip
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"annotate run ended with {process.returncode}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def end_to_end(coco: Path) -> None:
    """Images per second of the whole command, start of Python included."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, peak = run_describe(repeat_source(coco, 240, Path(folder)), coco, Path(folder) / "run")
    rate = 240 / seconds
    print(f"end to end, describe: 240 images in {seconds:.1f} s = {rate:.1f} images/s, peak {peak:.0f} MiB")


def memory(coco: Path, sizes: list[int]) -> None:
    """Peak memory of runs over more and more images."""
    peaks = []
    for n_images in sizes:
        with tempfile.TemporaryDirectory() as folder:
            source = repeat_source(coco, n_images, Path(folder))
            seconds, peak = run_describe(source, coco, Path(folder) / "run")
        peaks.append(peak)
        print(
            f"memory: {n_images} images, peak {peak:.0f} MiB, {n_images / seconds:.1f} images/s", flush=True
        )
    growth = (peaks[-1] - peaks[0]) / (sizes[-1] - sizes[0]) * 1024
    ratio = peaks[-1] / peaks[0]
    print(f"memory: {ratio:.2f}x from {sizes[0]} to {sizes[-1]} images, {growth:.2f} KiB an image")


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--coco", type=Path, default=DEFAULT_COCO, help="folder with panoptic_val.json")
    parser.add_argument("--only", choices=["prepare", "client", "end-to-end", "memory"])
    parser.add_argument("--images", type=int, nargs=2, default=[200, 20000], help="sizes of the memory runs")
    args = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    if args.only in (None, "prepare"):
        subprocess.run([sys.executable, HERE / "prepare.py", "--coco", args.coco], check=True)
    if args.only in (None, "client"):
        subprocess.run([sys.executable, HERE / "client.py"], check=True)
    if args.only in (None, "end-to-end"):
        end_to_end(args.coco)
    if args.only in (None, "memory"):
        memory(args.coco, args.images)


if __name__ == "__main__":
    main()
