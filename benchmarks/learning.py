"""Did the model learn to see? Judges predictions on generated scenes by the facts behind them.

    pix2cap dataset generate --out TRAIN ... ; pix2cap dataset generate --out VAL ...
    pix2cap train configs/tiny_scenes.toml --out RUN
    pix2cap predict VAL/images --image-json VAL/panoptic.json --weights RUN/weights --out PRED
    python benchmarks/learning.py TRAIN VAL PRED [--seed 0] [--json FILE]

On segments that the model found (same class, IoU above one half) it prints how often a caption names the
object's colour, shape and place as they are, and CIDEr-D against the captions of VAL, for

- the model;
- a picture-blind writer: a caption of TRAIN drawn at random from those of the same class;
- a writer who knows all facts and says them in a template drawn at random: what CIDEr can be had here.

Panoptic quality is that of `pix2cap score`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pix2cap.evaluate.panoptic_captioning import evaluate_panoptic_captioning
from pix2cap.formats.dataset_read import read_dataset
from pix2cap.metrics.cider import cider_d
from pix2cap.metrics.matching import find_overlaps
from pix2cap.scenes.captions import PLACES, caption_ground, caption_object
from pix2cap.scenes.facts import GroundFacts, ObjectFacts, Relation
from pix2cap.scenes.vocabulary import COLORS, SHAPES
from pix2cap.text.ptb import ptb_tokens

_ACCENT = re.compile(r"\b\w+-(?:striped|dotted|zigzagged)\b")
_PLACE_OF = {phrase: where for where, phrases in PLACES.items() for phrase in phrases}


@dataclass(frozen=True)
class Found:
    """A segment that the model found."""

    image_id: int
    segment_id: int
    class_name: str
    said: str
    true: str


@dataclass(frozen=True)
class Judged:
    """Shares of captions that name a fact rightly, and CIDEr-D times 100."""

    colour: float
    shape: float
    place: float
    cider: float


def found_segments(val: Path, pred: Path, names: dict[int, str]) -> Iterator[Found]:
    predictions = {item.image.image_id: item for item in read_dataset(pred)}
    for item in read_dataset(val):
        guess = predictions.get(item.image.image_id)
        if guess is None:
            continue
        overlaps = find_overlaps(item.panoptic, guess.panoptic)
        hit = overlaps.same_category() & (overlaps.iou() > 0.5)
        said = {c.segment_id: c.text for c in guess.captions}
        true = {c.segment_id: c.text for c in item.captions}
        for g, p in zip(overlaps.gt_index[hit], overlaps.pred_index[hit], strict=True):
            gt_id, pred_id = int(overlaps.gt.ids[g]), int(overlaps.pred.ids[p])
            name = names[item.panoptic.by_id[gt_id].category_id]
            yield Found(item.image.image_id, gt_id, name, said.get(pred_id, ""), true[gt_id])


def first_said(text: str, words: tuple[str, ...]) -> str | None:
    """The first of some words in a caption; colours of stripes and dots are not the object's own."""
    found = re.search(r"\b(" + "|".join(words) + r")\b", _ACCENT.sub("", text.lower()))
    return found.group(1) if found else None


def place_said(text: str) -> tuple[str, str] | None:
    low = text.lower()
    at = {low.find(phrase): where for phrase, where in _PLACE_OF.items() if phrase in low}
    return at[min(at)] if at else None


def judge(found: list[Found], captions: list[str], facts: dict[tuple[int, int], dict[str, Any]]) -> Judged:
    rows = [
        (
            first_said(text, tuple(COLORS)) == fact["color"],
            first_said(text, SHAPES) == fact["class_name"],
            place_said(text) == (fact["horizontal"], fact["vertical"]),
        )
        for one, text in zip(found, captions, strict=True)
        if (fact := facts[one.image_id, one.segment_id])["is_thing"]
    ]
    colour, shape, place = np.mean(rows, axis=0) if rows else (float("nan"),) * 3
    score = cider_d([ptb_tokens(c) for c in captions], [[ptb_tokens(one.true)] for one in found])
    return Judged(float(colour), float(shape), float(place), 100 * float(score.corpus["cider"]))


def blind_writer(train: Path, names: dict[int, str], rng: np.random.Generator) -> Callable[[Found], str]:
    by_class = defaultdict(list)
    for item in read_dataset(train):
        for caption in item.captions:
            by_class[names[item.panoptic.by_id[caption.segment_id].category_id]].append(caption.text)
    return lambda one: by_class[one.class_name][int(rng.integers(len(by_class[one.class_name])))]


def knowing_writer(
    facts: dict[tuple[int, int], dict[str, Any]], rng: np.random.Generator
) -> Callable[[Found], str]:
    objects: dict[int, dict[int, ObjectFacts]] = defaultdict(dict)
    for (image_id, segment_id), fact in facts.items():
        if fact["is_thing"]:
            objects[image_id][segment_id] = _object(fact)

    def write(one: Found) -> str:
        fact = facts[one.image_id, one.segment_id]
        around = objects[one.image_id]
        if fact["is_thing"]:
            return caption_object(rng, one.segment_id, around)
        ground = GroundFacts(
            fact["class_name"], fact["color"], fact["above"], fact["below"], tuple(fact["object_ids"])
        )
        return caption_ground(rng, ground, around)

    return write


def _object(fact: dict[str, Any]) -> ObjectFacts:
    return ObjectFacts(
        shape=fact["class_name"],
        relations=tuple(Relation(**relation) for relation in fact["relations"]),
        **{name: tuple(fact[name]) for name in ("cut_by", "hidden_by", "hides")},
        **{
            name: fact[name]
            for name in (
                "color", "accent", "texture", "size", "horizontal", "vertical", "ground", "visible_share"
            )
        },
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("val", type=Path)
    parser.add_argument("pred", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    args = parser.parse_args()
    categories = json.loads((args.val / "panoptic.json").read_text())["categories"]
    names = {category["id"]: category["name"] for category in categories}
    facts = {
        (fact["image_id"], fact["segment_id"]): fact
        for fact in pq.read_table(args.val / "facts.parquet").to_pylist()
    }
    quality = evaluate_panoptic_captioning(args.val, args.pred, metrics=("cider",)).to_json()
    found = list(found_segments(args.val, args.pred, names))
    rng = np.random.default_rng(args.seed)
    blind, knowing = blind_writer(args.train, names, rng), knowing_writer(facts, rng)
    rows = {
        "model": judge(found, [one.said for one in found], facts),
        "picture-blind": judge(found, [blind(one) for one in found], facts),
        "knows all facts": judge(found, [knowing(one) for one in found], facts),
    }
    print(f"{len(found)} of {len(facts)} segments found")
    print(f"{'writer':<16} {'colour':>7} {'shape':>7} {'place':>7} {'CIDEr-D':>8}")
    for name, row in rows.items():
        print(f"{name:<16} {row.colour:>7.1%} {row.shape:>7.1%} {row.place:>7.1%} {row.cider:>8.1f}")
    share = rows["model"].cider / rows["knows all facts"].cider
    print(f"the model's CIDEr-D is {share:.0%} of the knowing writer's")
    if args.json:
        record = {"quality": quality, "found": len(found), "segments": len(facts)}
        record |= {name: vars(row) for name, row in rows.items()}
        args.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
