"""How well does spice_sg agree with SPICE, and what does a pair cost?

    python benchmarks/spice_sg.py ../shared/golden [--rounds 3] [--live 20]

Reads `captions_real.json` and `captions_synthetic.json` with the original's score of each item and prints,
for each set, the correlations over all items and over both halves of a seeded split (differences to SPICE
were read item by item in the first half only; the scores of both were seen), and milliseconds a pair: parsing
each distinct text once and scoring, with the model loaded.
SPICE's seconds are those measured when the goldens were made; with Java and PIX2CAP_SPICE_HOME it also runs
here, on `--live` pairs of each real set, with an empty cache, its start taken off but its JVM not yet warm.
On a busy machine compare CPU time, and set OPENBLAS_NUM_THREADS=1: threads that wait for a core burn it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from pix2cap.errors import MetricUnavailable
from pix2cap.metrics.spice import spice
from pix2cap.metrics.spice_sg import spice_sg
from pix2cap.metrics.spice_sg_synonyms import load_synonyms
from pix2cap.text.ptb import ptb_tokens
from pix2cap.text.scene_graph import SceneGraphParser

MEASURED_SPICE_S = {"region": 0.23, "image": 0.12}
"""Seconds a pair of the original on 2 cores, start not counted."""


@dataclass(frozen=True)
class CaptionSet:
    """Captions with the original's score of each; rows sorted by key."""

    name: str
    candidates: list[str]
    references: list[list[str]]
    spice: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.candidates)


def read_sets(golden: Path) -> list[CaptionSet]:
    real = json.loads((golden / "captions_real.json").read_text("utf-8"))
    made = json.loads((golden / "captions_synthetic.json").read_text("utf-8"))
    sets = []
    for name, data in real.items():
        keys = sorted(data["hyps"])
        scores = np.array([data["per_item"]["spice"][key] for key in keys])
        sets.append(
            CaptionSet(name, [data["hyps"][k] for k in keys], [data["refs"][k] for k in keys], scores)
        )
    for name in ("single_ref", "multi_ref"):
        data = made[name]
        keys = list(data["refs"])
        scores = np.array(data["per_item"]["spice"])
        sets.append(
            CaptionSet(name, [made["hyps"][k] for k in keys], [data["refs"][k] for k in keys], scores)
        )
    return sets


def halves(items: Sequence[str]) -> tuple[list[str], list[str]]:
    """The half whose items were read while the rules were written, and the other."""
    shuffled = list(items)
    random.Random(4).shuffle(shuffled)
    return shuffled[: len(items) // 2], shuffled[len(items) // 2 :]


def pearson(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    return float(np.corrcoef(ours, theirs)[0, 1])


def report(captions: CaptionSet, parser: SceneGraphParser, rounds: int) -> None:
    synonyms = load_synonyms()
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        scores = spice_sg(captions.candidates, captions.references, parser=parser, synonyms=synonyms)
        walls.append((time.perf_counter() - wall) / len(captions) * 1e3)
        cpus.append((time.process_time() - cpu) / len(captions) * 1e3)
    ours, theirs = scores.per_item["spice_sg"], captions.spice
    parts = [[int(row) for row in half] for half in halves([str(row) for row in range(len(captions))])]
    read, unread = (pearson(ours[rows], theirs[rows]) for rows in parts)
    line = (
        f"{captions.name:11} Pearson {pearson(ours, theirs):.3f}"
        f" (half read {read:.3f}, other half {unread:.3f})"
        f"  Kendall {kendalltau(ours, theirs)[0]:.3f}  Spearman {spearmanr(ours, theirs)[0]:.3f}"
        f"  mean {ours.mean():.3f}, SPICE's {theirs.mean():.3f}"
        f"  ms a pair: wall {min(walls):.2f} (median {np.median(walls):.2f}), CPU {min(cpus):.2f}"
    )
    if captions.name in MEASURED_SPICE_S:
        theirs_ms = MEASURED_SPICE_S[captions.name] * 1e3
        line += f"; SPICE {theirs_ms:.0f}: {theirs_ms / min(walls):.0f}x by wall"
        line += f", {theirs_ms / min(cpus):.0f}x by CPU"
    print(line, flush=True)


def run_spice_here(captions: CaptionSet, pairs: int) -> None:
    """SPICE beside spice_sg in this run; one pair first shows what the start costs."""
    tokens = [ptb_tokens(text) for text in captions.candidates]
    references = [[ptb_tokens(text) for text in own] for own in captions.references]
    with tempfile.TemporaryDirectory() as start_cache, tempfile.TemporaryDirectory() as cache:
        began = time.perf_counter()
        spice(tokens[:1], references[:1], cache=Path(start_cache), processes=1)
        start_s = time.perf_counter() - began
        began = time.perf_counter()
        spice(tokens[1 : pairs + 1], references[1 : pairs + 1], cache=Path(cache), processes=1)
        seconds = (time.perf_counter() - began - start_s) / (pairs - 1)
    print(f"{captions.name:11} SPICE here, one JVM, {pairs} pairs: {seconds * 1e3:.0f} ms a pair", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("golden", type=Path)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument(
        "--live", type=int, default=20, help="pairs that SPICE itself scores here; 0: none"
    )
    options = arguments.parse_args()
    began = time.perf_counter()
    parser = SceneGraphParser.load()
    parser.parse("A cat on a mat.")
    print(f"parser loaded in {time.perf_counter() - began:.1f} s; {os.cpu_count()} cores", flush=True)
    sets = read_sets(options.golden)
    for captions in sets:
        report(captions, parser, options.rounds)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    for captions in sets:
        if options.live > 1 and captions.name in MEASURED_SPICE_S:
            try:
                run_spice_here(captions, options.live)
            except MetricUnavailable as missing:
                print(f"SPICE does not run here: {missing}")
                break


if __name__ == "__main__":
    main()
