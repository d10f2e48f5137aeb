"""Results without an evaluation: counted naively from made or golden pairs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pix2cap.evaluate.result import (
    CaptionQuality,
    CaptionScores,
    CategoryScores,
    Counts,
    ImageCounts,
    InputFile,
    Interval,
    MapsByClass,
    MapScores,
    MatchedPair,
    PanopticCaptioningResult,
    PanopticScores,
    Provenance,
    Quality,
    threshold_key,
)
from tests.builders.panoptic import CocoPaths

IOUS = (0.3, 0.4, 0.5, 0.6, 0.7)
METEORS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
WITHOUT_JAVA = "Java is not installed"
Names = Mapping[int, tuple[str, bool]]
Images = Mapping[int, Mapping[int, Counts]]


def naive_panoptic(images: Images, names: Names) -> tuple[PanopticScores, dict[int, Counts]]:
    """Panoptic quality from counts by image, one loop after the other."""
    totals: dict[int, Counts] = {}
    for categories in images.values():
        for category, counts in categories.items():
            have = totals.get(category, Counts(0, 0, 0, 0.0))
            totals[category] = Counts(*(a + b for a, b in zip(have, counts, strict=True)))  # type: ignore[arg-type]
    groups = []
    for wanted in ((True, False), (True,), (False,)):
        each = [quality_of(c) for i, c in sorted(totals.items()) if names[i][1] in wanted and any(c[:3])]
        means = [sum(q[k] for q in each) / len(each) if each else None for k in range(3)]
        groups.append(Quality(*means, len(each)))
    return PanopticScores(*groups), totals


def quality_of(counts: Counts) -> tuple[float, float, float]:
    """PQ, SQ and RQ of one category."""
    tp, fp, fn, iou_sum = counts
    whole = tp + fp / 2 + fn / 2
    return iou_sum / whole, iou_sum / tp if tp else 0.0, tp / whole


def result_of(
    pairs: Sequence[MatchedPair], images: Images, names: Names, **changes: Any
) -> PanopticCaptioningResult:
    """A corrected result; BLEU and mAP are made up, everything else follows from the pairs."""
    panoptic, totals = naive_panoptic(images, names)
    tp, fp, fn = (sum(c[k] for c in totals.values()) for k in range(3))
    whole = tp + fp / 2 + fn / 2

    def mean(metric: str, among: Sequence[MatchedPair] = pairs, weight: bool = False) -> float | None:
        found = [(p.scores[metric] or 0.0) * (p.iou if weight else 1.0) for p in among if metric in p.scores]
        return sum(found) / (whole if weight else len(found)) if found else None

    metrics = sorted({metric for pair in pairs for metric in pair.scores})
    grid = {threshold_key(t, s): 0.6 * (1 - t) * (1 - 2 * s) for t in IOUS for s in METEORS}
    maps = MapScores(sum(grid.values()) / len(grid), 0.36, grid)
    agnostic = MapScores(maps.map and maps.map * 1.15, 0.4, {k: v * 1.15 for k, v in grid.items()})
    per_category = {}
    for category, counts in sorted(totals.items()):
        quality: tuple[float | None, ...] = quality_of(counts) if any(counts[:3]) else (None, None, None)
        among = [p for p in pairs if p.category_id == category]
        captions = {m: mean(m, among) for m in metrics}
        per_category[category] = CategoryScores(*names[category], *quality[:3], *counts, captions)  # type: ignore[arg-type]
    result = PanopticCaptioningResult(
        "corrected",
        len(images),
        tp,
        fp,
        fn,
        panoptic,
        CaptionScores(bleu_4=0.49, rouge_l=mean("rouge_l"), cider=3.12, meteor=mean("meteor")),
        MapsByClass(maps, agnostic),
        CaptionQuality(mean("meteor", weight=True), mean("rouge_l", weight=True)),
        per_category,
        missing={"spice": WITHOUT_JAVA, "spice_sg": "not asked for"},
        provenance=Provenance(
            "0.2.0", "3.11.9", {"numpy": "2.1.0"}, {"mode": "corrected", "seed": 0},
            {"gt": InputFile("gt.json", "0a" * 32), "pred": InputFile("pred.json", "b1" * 32)},
            0, "2026-11-23T14:00:00+00:00",
        ),
        pairs=tuple(pairs),
        per_image=tuple(ImageCounts(i, dict(c)) for i, c in images.items()),
    )  # fmt: skip
    return replace(result, **{"intervals": made_intervals(result), **changes})


def made_intervals(result: PanopticCaptioningResult) -> dict[str, Interval]:
    """Eight per cent to either side: something to show, not a bootstrap."""
    paths = ("panoptic.all.pq", "panoptic.all.sq", "panoptic.all.rq", "panoptic.things.pq",
             "panoptic.stuff.pq", "map.class_aware.map", "captions.bleu_4", "captions.meteor",
             "captions.rouge_l", "captions.cider", "caption_pq.meteor", "caption_pq.rouge_l")  # fmt: skip
    values = {path: result.value(path) for path in paths}
    return {path: Interval(0.92 * v, 1.08 * v) for path, v in values.items() if v is not None}


def golden_result(golden: Path, name: str = "real60") -> PanopticCaptioningResult:
    """The corrected numbers of a golden set, with its pairs and captions."""
    corrected = _load(golden / f"{name}_corrected.json")
    gt, pred = _load(golden / name / "gt.json"), _load(golden / name / "pred.json")
    names = {c["id"]: (c["name"], bool(c["isthing"])) for c in gt["categories"]}
    truth, guess = _segments(gt), _segments(pred)
    matched: dict[tuple[int, int], MatchedPair] = {}
    for record in corrected["class_aware"]["records"]:
        image_id, gt_id, pred_id = (record[k] for k in ("image_id", "gt_id", "pred_id"))
        if gt_id is None or record["iou"] <= 0.5:
            continue
        one, other = truth[image_id, gt_id], guess[image_id, pred_id]
        key = f"{image_id}_{gt_id}_{pred_id}"
        scores = {m: corrected[f"pair_{k}"].get(key, 0.0) for m, k in _PAIR_SCORES.items()}
        matched[image_id, gt_id] = MatchedPair(
            image_id, gt_id, pred_id, one["category_id"], record["iou"],
            one.get("description", ""), other.get("caption", ""), scores,
        )  # fmt: skip
    images = _counts(corrected, truth, list(matched.values()), _load(golden / f"{name}_golden.json"))
    by_class = {k: _map_of(corrected[k]) for k in ("class_aware", "class_agnostic")}
    result = result_of(list(matched.values()), images, names, map=MapsByClass(**by_class))
    return replace(result, intervals=made_intervals(result))


_PAIR_SCORES = {"meteor": "meteor15", "rouge_l": "rouge_l"}


def _map_of(record: dict[str, Any]) -> MapScores:
    return MapScores(record["map"], record["detmap"], record["ap"])


def _counts(
    corrected: Any, truth: Any, pairs: list[MatchedPair], golden: Any
) -> dict[int, dict[int, Counts]]:
    """Counts by image; false positives go to the images of their class in turn, which no test counts on."""
    images: dict[int, dict[int, list[float]]] = {image_id: {} for image_id, _ in truth}
    done = {(p.image_id, p.gt_segment_id): p for p in pairs}
    for (image_id, segment_id), segment in truth.items():
        counts = images[image_id].setdefault(segment["category_id"], [0, 0, 0, 0.0])
        pair = done.get((image_id, segment_id))
        if pair is not None:
            counts[0] += 1
            counts[3] += pair.iou
        elif not segment.get("iscrowd"):
            counts[2] += 1
    order = sorted(images)
    for category, counts in golden["per_category_counts"].items():
        for number in range(counts["fp"]):
            at = images[order[number * 7 % len(order)]].setdefault(int(category), [0, 0, 0, 0.0])
            at[1] += 1
    return {
        i: {c: Counts(int(n[0]), int(n[1]), int(n[2]), n[3]) for c, n in e.items()} for i, e in images.items()
    }


def golden_reference(golden: Path, name: str = "real60") -> PanopticCaptioningResult:
    """The released evaluator's numbers of a golden set."""
    record = _load(golden / f"{name}_golden.json")
    captions, maps = record["pix2cap_caption_quality"]["1proc"], record["pix2cap_map"]
    grid = {key.replace("score", "meteor"): value for key, value in maps["ap_breakdown"].items()}
    base = golden_result(golden, name)
    return replace(
        base,
        mode="reference",
        captions=CaptionScores(
            bleu_4=captions["bleu"], rouge_l=captions["rouge"], cider=captions["cider"],
            meteor=0.0, spice=captions["spice"],
        ),
        map=MapScores(maps["map"], maps["detmap"], grid),
        caption_pq=CaptionQuality(),
        missing={"spice_sg": "not part of the released evaluator"},
        intervals={},
        quirks=("METEOR is hard-wired to 0", "mAP's METEOR compares single characters"),
    )  # fmt: skip


def changed(
    result: PanopticCaptioningResult,
    alter: Callable[[MatchedPair, np.random.Generator], MatchedPair | None],
    seed: int = 0,
) -> PanopticCaptioningResult:
    """Another model on the same ground truth: each pair altered, or lost (one FN and one FP more)."""
    rng = np.random.default_rng(seed)
    images = {i.image_id: dict(i.categories) for i in result.per_image}
    pairs = []
    for pair in result.pairs:
        other = alter(pair, rng)
        tp, fp, fn, iou_sum = images[pair.image_id][pair.category_id]
        if other is None:
            new = Counts(tp - 1, fp + 1, fn + 1, iou_sum - pair.iou)
        else:
            new = Counts(tp, fp, fn, iou_sum - pair.iou + other.iou)
            pairs.append(other)
        images[pair.image_id][pair.category_id] = new
    names = {i: (c.name, c.is_thing) for i, c in result.per_category.items()}
    made = result_of(pairs, images, names)
    assert isinstance(result.map, MapsByClass)
    shift = {k: _shifted(getattr(result.map, k), 0.85) for k in ("class_aware", "class_agnostic")}
    made = replace(made, map=MapsByClass(**shift))
    return replace(made, intervals=made_intervals(made))


def _shifted(scores: MapScores, factor: float) -> MapScores:
    assert scores.map is not None and scores.detection_map is not None
    grid = {key: value * factor for key, value in scores.by_threshold.items()}
    return MapScores(scores.map * factor, scores.detection_map * factor, grid)


def shorter(pair: MatchedPair, rng: np.random.Generator) -> MatchedPair | None:
    """A weaker model: it misses one in ten, and says half of the words."""
    if rng.random() < 0.1:
        return None
    words = pair.pred_caption.split()
    scores = {k: (v or 0.0) * float(rng.uniform(0.5, 1.15)) for k, v in pair.scores.items()}
    scores = {k: min(1.0, v) for k, v in scores.items()}
    return replace(pair, pred_caption=" ".join(words[: max(3, len(words) // 2)]), scores=scores)


def made_result(
    *, n_images: int = 6, pairs_each: int = 4, seed: int = 0, **changes: Any
) -> PanopticCaptioningResult:
    """Random pairs of two things and one stuff category; ids count from 1."""
    rng = np.random.default_rng(seed)
    names = {1: ("person", True), 18: ("dog", True), 193: ("grass-merged", False)}
    pairs, images = [], {}
    for image_id in range(1, n_images + 1):
        counts = {category: [0, int(rng.integers(2)), int(rng.integers(2)), 0.0] for category in names}
        for number in range(pairs_each):
            category = list(names)[int(rng.integers(3))]
            iou = float(rng.uniform(0.51, 1))
            text = f"A {('red', 'calm', 'tall')[number % 3]} {names[category][0]} number {number}."
            scores = {"meteor": float(rng.uniform()), "rouge_l": float(rng.uniform())}
            pairs.append(
                MatchedPair(image_id, number + 1, 100 + number, category, iou, text, f"Some {text}", scores)
            )
            counts[category][0] += 1
            counts[category][3] += iou
        images[image_id] = {c: Counts(int(n[0]), int(n[1]), int(n[2]), n[3]) for c, n in counts.items()}
    return result_of(pairs, images, names, **changes)


def result_on(
    paths: CocoPaths, say: Callable[[str, int], str] = lambda text, number: text, *, seed: int = 0
) -> PanopticCaptioningResult:
    """A result that matched every segment of a built dataset; `say(truth, number)` is its caption."""
    rng = np.random.default_rng(seed)
    names = {c["id"]: (c["name"], bool(c["isthing"])) for c in paths.document["categories"]}
    pairs: list[MatchedPair] = []
    images: dict[int, dict[int, Counts]] = {}
    for (image_id, segment_id), segment in _segments(paths.document).items():
        category, iou, truth = segment["category_id"], float(rng.uniform(0.6, 1)), segment["description"]
        scores = {"meteor": float(rng.uniform()), "rouge_l": float(rng.uniform())}
        told = say(truth, len(pairs))
        pairs.append(MatchedPair(image_id, segment_id, segment_id, category, iou, truth, told, scores))
        counts = images.setdefault(image_id, {})
        tp, fp, fn, iou_sum = counts.get(category, Counts(0, 0, 0, 0.0))
        counts[category] = Counts(tp + 1, fp, fn, iou_sum + iou)
    return result_of(pairs, images, names)


def _segments(document: Any) -> dict[tuple[int, int], dict[str, Any]]:
    return {(a["image_id"], s["id"]): s for a in document["annotations"] for s in a["segments_info"]}


def _load(path: Path) -> Any:
    return json.loads(path.read_text())
