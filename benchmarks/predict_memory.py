"""Peak memory and time of `pix2cap predict` on one picture, small and enormous.

    python -m benchmarks.predict_memory [--preset focal-t] [--sizes 640x480 6000x4000]

Each size runs in a process of its own, with random weights, on the CPU, and with thresholds at 0, so that
every query that names a class becomes a candidate: far more than trained weights keep. "plain" is the same
call with masks resized to the picture's own size, whatever that is.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from PIL import Image

MIB = 2**20


def _photo(path: Path, size_wh: tuple[int, int]) -> None:
    """Soft colours with a little noise: a JPEG about as large as a photo's."""
    width, height = size_wh
    rng = np.random.default_rng(0)
    soft = cv2.resize(rng.integers(0, 256, (12, 16, 3), np.uint8), size_wh, interpolation=cv2.INTER_CUBIC)
    noise = rng.integers(-8, 9, (height, width, 1), np.int16)
    Image.fromarray(np.clip(soft + noise, 0, 255).astype(np.uint8)).save(path, quality=90)


def _weights(folder: Path, preset_name: str) -> None:
    from tests.builders.small_weights import build_weights

    from pix2cap.model.config import preset
    from pix2cap.scenes.vocabulary import SCENE_CATEGORIES

    config = replace(
        preset(preset_name),
        classes=len(SCENE_CATEGORIES),
        object_threshold=0.0,
        overlap_threshold=0.0,
        caption_begin_id=1,
        caption_end_id=2,
        caption_max_tokens=12,
        test_short_side=800,
        test_max_side=1333,
    )
    build_weights(folder, config)


def _child(picture: str, weights: str, out: str, plain: str) -> None:
    """Predict one picture and print what it took; memory before it is that of torch and the weights."""
    from pix2cap.train import predict as module
    from pix2cap.train.predict_options import PredictOptions
    from pix2cap.train.predictor import load_predictor

    if plain == "plain":
        module.MAX_MASK_PIXELS = sys.maxsize
    options = PredictOptions(device="cpu")
    loaded = load_predictor(Path(weights), options)
    before, began = _peak(), time.perf_counter()
    summary = module.predict([picture], weights, out, options, load=lambda *_: loaded)
    seconds = time.perf_counter() - began
    print(json.dumps({"before": before, "peak": _peak(), "seconds": seconds, "segments": summary.segments}))


def _peak() -> float:
    """MiB, the most that this process ever had."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the parent had when it started this process.
        rows = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(rows["VmHWM"].split()[0]) * 1024 / MIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="tiny", help="tiny, focal-t or focal-l")
    parser.add_argument("--sizes", nargs="+", default=["640x480", "6000x4000"], help="of pictures, WxH")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        _child(*args.child)
        return 0
    print(f"preset {args.preset}, pictures shown at 800 to 1333 pixels, load {os.getloadavg()[0]:.2f}")
    print(f"{'picture':<14}{'masks':<8}{'before MiB':>12}{'peak MiB':>12}{'seconds':>10}{'segments':>10}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _weights(folder / "weights", args.preset)
        for size in args.sizes:
            width, _, height = size.partition("x")
            _photo(folder / f"{size}.jpg", (int(width), int(height)))
            for way in ("bounded", "plain"):
                call = (folder / f"{size}.jpg", folder / "weights", folder / f"{size} {way}", way)
                command = [sys.executable, "-m", "benchmarks.predict_memory", "--child", *map(str, call)]
                told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
                numbers = f"{told['before']:>12,.0f}{told['peak']:>12,.0f}{told['seconds']:>10.1f}"
                print(f"{size:<14}{way:<8}{numbers}{told['segments']:>10}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
