"""Panoptic quality from files to counts, against panopticapi's algorithm written out plainly.

    python -m benchmarks.panoptic_quality GT.json GT_MASKS PRED.json PRED_MASKS [--repeat 3]

Both count the same images in turns, best of the rounds, and must agree. The plain algorithm decodes with
Pillow, packs both ids of every pixel into 64 bits, sorts them (numpy's unique) and walks over the pairs.
Figures per core are of processor time, which a busy machine disturbs less than the clock. Those of two
processes are of the clock: they need two idle cores and a thousand images or more (`--times` takes each so
often), since starting the processes, about half a second, is part of them.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from PIL import Image

from pix2cap.evaluate.inputs import ImageSegments, open_inputs
from pix2cap.metrics.matching import SegmentFacts, joint_pixels, overlaps_of
from pix2cap.metrics.panoptic_quality import PanopticCounts, count_matches, match_panoptic

Counts = dict[int, list[float]]
Pair = tuple[dict[str, Any], dict[str, Any], Path, Path]
OFFSET = 256**3


def read_plainly(path: Path) -> np.ndarray:
    rgb = np.array(Image.open(path), dtype=np.uint32)
    return rgb[:, :, 0] + 256 * rgb[:, :, 1] + 256 * 256 * rgb[:, :, 2]


def count_plainly(
    gt_map: np.ndarray, pred_map: np.ndarray, gt_rows: list[dict[str, Any]], pred_rows: list[dict[str, Any]]
) -> Counts:
    """One image: sum of IoU, TP, FP, FN by category."""
    counts: Counts = defaultdict(lambda: [0.0, 0, 0, 0])
    gt = {row["id"]: row for row in gt_rows}
    pred = {row["id"]: dict(row) for row in pred_rows}
    for label, area in zip(*np.unique(pred_map, return_counts=True), strict=True):
        if label:
            pred[int(label)]["area"] = int(area)
    packed = gt_map.astype(np.uint64) * OFFSET + pred_map.astype(np.uint64)
    shared = {
        (int(label) // OFFSET, int(label) % OFFSET): int(n)
        for label, n in zip(*np.unique(packed, return_counts=True), strict=True)
    }
    gt_matched, pred_matched = set(), set()
    for (g, p), both in shared.items():
        if g not in gt or p not in pred or gt[g]["iscrowd"] or gt[g]["category_id"] != pred[p]["category_id"]:
            continue
        iou = both / (pred[p]["area"] + gt[g]["area"] - both - shared.get((0, p), 0))
        if iou > 0.5:
            row = counts[gt[g]["category_id"]]
            row[0] += iou
            row[1] += 1
            gt_matched.add(g)
            pred_matched.add(p)
    crowd = {}
    for g, info in gt.items():
        if g not in gt_matched and info["iscrowd"]:
            crowd[info["category_id"]] = g
        elif g not in gt_matched:
            counts[info["category_id"]][3] += 1
    for p, info in pred.items():
        if p not in pred_matched:
            ignored = shared.get((0, p), 0) + shared.get((crowd.get(info["category_id"], -1), p), 0)
            if ignored / info["area"] <= 0.5:
                counts[info["category_id"]][2] += 1
    return dict(counts)


def files_plainly(pair: Pair) -> Counts:
    gt, pred, gt_path, pred_path = pair
    return count_plainly(
        read_plainly(gt_path), read_plainly(pred_path), gt["segments_info"], pred["segments_info"]
    )


def added(parts: list[Counts]) -> Counts:
    total: Counts = defaultdict(lambda: [0.0, 0, 0, 0])
    for part in parts:
        for category_id, row in part.items():
            total[category_id] = [a + b for a, b in zip(total[category_id], row, strict=True)]
    return dict(total)


def counted(image: ImageSegments) -> PanopticCounts:
    return count_matches(image.overlaps, match_panoptic(image.overlaps, gt_areas="json", crowds="last"))


def check(plain: Counts, ours: PanopticCounts) -> None:
    found = {c: (v.tp, v.fp, v.fn) for c, v in ours.by_category.items()}
    assert found == {c: tuple(row[1:]) for c, row in plain.items()}, "counts differ"
    worst = max(abs(v.iou_sum - plain[c][0]) for c, v in ours.by_category.items())
    assert worst < 1e-9, f"sums of IoU differ by {worst}"


def timed(jobs: dict[str, Callable[[], Any]], repeat: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Best seconds of each job, in turns: of the clock where its name says so, else of the processor."""
    best, results = dict.fromkeys(jobs, float("inf")), {}
    for _ in range(repeat):
        for name, job in jobs.items():
            clock = time.perf_counter if name.endswith("(clock)") else time.process_time
            began = clock()
            results[name] = job()
            best[name] = min(best[name], clock() - began)
    return best, results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("gt", "gt_masks", "pred", "pred_masks"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--times", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(args, Path(folder))


def multiplied(path: Path, times: int, folder: Path) -> Path:
    """The same JSON with every image so often, under new ids."""
    document = json.loads(path.read_text())
    for key, name in (("images", "id"), ("annotations", "image_id")):
        document[key] = [{**row, name: row[name] * times + k} for row in document[key] for k in range(times)]
    folder.mkdir()
    (folder / path.name).write_text(json.dumps(document))
    return folder / path.name


def measure(args: argparse.Namespace, folder: Path) -> None:
    sides = [multiplied(getattr(args, side), args.times, folder / side) for side in ("gt", "pred")]
    gt, pred = (json.loads(path.read_text())["annotations"] for path in sides)
    by_image = {row["image_id"]: row for row in pred}
    pairs: list[Pair] = [
        (g, p, args.gt_masks / g["file_name"], args.pred_masks / p["file_name"])
        for g in gt
        for p in (by_image[g["image_id"]],)
    ]
    inputs = open_inputs(*sides, gt_masks=args.gt_masks, pred_masks=args.pred_masks)

    def ours(workers: int) -> PanopticCounts:
        return PanopticCounts.total(map(counted, inputs.images(workers=workers)))

    decoded = pairs[:: args.times]  # Maps in memory: each once.
    maps = [(read_plainly(g), read_plainly(p)) for _, _, g, p in decoded]
    facts = [
        tuple(
            [
                SegmentFacts(s["id"], s["category_id"], bool(s.get("iscrowd", 0)), s.get("area"))
                for s in side["segments_info"]
            ]
            for side in pair[:2]
        )
        for pair in decoded
    ]

    def ours_decoded() -> PanopticCounts:
        parts = []
        for (gt_map, pred_map), sides in zip(maps, facts, strict=True):
            overlaps = overlaps_of(joint_pixels(gt_map, pred_map), *sides)
            matches = match_panoptic(overlaps, gt_areas="json", crowds="last")
            parts.append(count_matches(overlaps, matches))
        return PanopticCounts.total(parts)

    def plain_decoded() -> Counts:
        rows = [(g["segments_info"], p["segments_info"]) for g, p, _, _ in decoded]
        return added([count_plainly(*m, *r) for m, r in zip(maps, rows, strict=True)])

    with ProcessPoolExecutor(2) as pool:
        list(pool.map(files_plainly, pairs[:2]))
        jobs: dict[str, Callable[[], Any]] = {
            "files, plain": lambda: added([files_plainly(pair) for pair in pairs]),
            "files, pix2cap": lambda: ours(1),
            "maps, plain": plain_decoded,
            "maps, pix2cap": ours_decoded,
            "files, 1 process (clock)": lambda: ours(1),
            "files, 2 processes (clock)": lambda: ours(2),
            "plain, 1 process (clock)": lambda: added([files_plainly(pair) for pair in pairs]),
            "plain, 2 processes (clock)": lambda: added(list(pool.map(files_plainly, pairs, chunksize=8))),
        }
        seconds, results = timed(jobs, args.repeat)
    check(results["files, plain"], results["files, pix2cap"])
    check(results["files, plain"], results["files, 2 processes (clock)"])
    check(results["maps, plain"], results["maps, pix2cap"])
    for name, value in seconds.items():
        n_images = len(decoded) if name.startswith("maps") else len(pairs)
        print(f"{name:28} {value / n_images * 1e3:7.2f} ms an image")

    def ratio(slow: str, fast: str) -> str:
        return f"{seconds[slow] / seconds[fast]:.2f}x"

    print("files to counts, per core ", ratio("files, plain", "files, pix2cap"))
    print("counting alone, per core  ", ratio("maps, plain", "maps, pix2cap"))
    print("2 processes over 1        ", ratio("files, 1 process (clock)", "files, 2 processes (clock)"))
    print("the same, plain           ", ratio("plain, 1 process (clock)", "plain, 2 processes (clock)"))
    print(f"load while measuring {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; counts agree")


if __name__ == "__main__":
    main()
