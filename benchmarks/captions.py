"""The caption suite on 20,000 pairs of real length, metric by metric, beside pycocoevalcap's own Python.

    python benchmarks/captions.py [--pairs 20000] [--coco DIR] [--rounds 2]
    python benchmarks/captions.py --spice --golden DIR     all 600 real pairs through SPICE, cold and warm

Pairs are recombined from the real region captions: a reference is the first half of one and the second half
of another, a candidate is a reference with words dropped, swapped or taken from a third. So lengths and words
are real, and nearly all texts differ. pycocoevalcap's BLEU, ROUGE-L and CIDEr get the same tokens in the same
run and must agree to 1e-9. SPICE needs Java and PIX2CAP_SPICE_HOME.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from pix2cap.evaluate.caption_suite import score_captions
from pix2cap.metrics.bleu import bleu
from pix2cap.metrics.cider import cider_d
from pix2cap.metrics.rouge import rouge_l
from pix2cap.metrics.spice import spice
from pix2cap.metrics.spice_java import default_processes
from pix2cap.text.ptb import ptb_tokens

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "shared"


def read_captions(coco: Path) -> list[str]:
    """All visible region captions of the sample."""
    found: list[str] = []
    for name in ("captions_train.json", "captions_val.json"):
        found += [
            row["caption"] for row in json.loads((coco / name).read_text())["captions"] if row["visible"]
        ]
    return found


def recombine(captions: list[str], n_pairs: int, seed: int) -> tuple[dict[str, str], dict[str, list[str]]]:
    """`n_pairs` candidates and references of real length."""
    rng = random.Random(seed)
    split = [caption.split() for caption in captions]
    candidates, references = {}, {}
    for number in range(n_pairs):
        first, second, third = rng.choice(split), rng.choice(split), rng.choice(split)
        reference = first[: len(first) // 2] + second[len(second) // 2 :]
        kind = rng.randrange(4)
        if kind == 0:
            candidate = [word for word in reference if rng.random() > 0.2]
        elif kind == 1:
            candidate = reference[: len(reference) // 2] + third[len(third) // 2 :]
        elif kind == 2:
            cut = rng.randrange(1, max(2, len(reference)))
            candidate = reference[cut:] + reference[:cut]
        else:
            candidate = third
        candidates[str(number)] = " ".join(candidate) or "a thing"
        references[str(number)] = [" ".join(reference)]
    return candidates, references


def timed(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """Best wall seconds of some rounds, and the last result."""
    best, result = float("inf"), None
    for _ in range(rounds):
        began = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - began)
    return best, result


def released(name: str, candidates: list[list[str]], references: list[list[list[str]]]) -> Any:
    """Scores of pycocoevalcap for the same tokens."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    scorer = {"bleu": Bleu, "rouge_l": Rouge, "cider": Cider}[name]()
    truth = {number: [" ".join(ref) for ref in refs] for number, refs in enumerate(references)}
    said = {number: [" ".join(tokens)] for number, tokens in enumerate(candidates)}
    with redirect_stdout(io.StringIO()):
        return scorer.compute_score(truth, said)


def compare(candidates: dict[str, str], references: dict[str, list[str]], rounds: int) -> None:
    """Each of the three, ours and theirs, on the same tokens and one core."""
    tokens = [ptb_tokens(text) for text in candidates.values()]
    reference_tokens = [[ptb_tokens(ref) for ref in references[key]] for key in candidates]
    words = sum(map(len, tokens)) + sum(len(ref) for refs in reference_tokens for ref in refs)
    print(f"{len(tokens):,} pairs, {words / len(tokens) / 2:.1f} tokens a caption\n")
    print(f"{'one core':10} {'ours s':>8} {'pycocoevalcap s':>16} {'ratio':>7} {'max |diff|':>11}")
    for name, ours in (("bleu", bleu), ("rouge_l", rouge_l), ("cider", cider_d)):
        seconds, scores = timed(lambda ours=ours: ours(tokens, reference_tokens), rounds)
        theirs_s, (corpus, items) = timed(lambda name=name: released(name, tokens, reference_tokens), 1)
        names = [f"bleu_{n}" for n in range(1, 5)] if name == "bleu" else [name]
        corpora, columns = (corpus, items) if name == "bleu" else ([corpus], [items])
        worst = max(
            max(abs(scores.corpus[one] - total), float(np.abs(scores.per_item[one] - np.array(column)).max()))
            for one, total, column in zip(names, corpora, columns, strict=True)
        )
        print(f"{name:10} {seconds:8.2f} {theirs_s:16.2f} {theirs_s / seconds:6.1f}x {worst:11.1e}")
        if worst > 1e-9:
            raise SystemExit(f"{name}: expected the released scores, got a difference of {worst}")


def whole_suite(candidates: dict[str, str], references: dict[str, list[str]]) -> None:
    """What `pix2cap caption-score` does: from texts to all scores, metric by metric and together."""
    print(f"\nfrom texts, {default_processes()} cores")
    for metrics in (("bleu",), ("rouge_l",), ("cider",), ("meteor",), ("bleu", "rouge_l", "cider", "meteor")):
        seconds, result = timed(
            lambda metrics=metrics: score_captions(candidates, references, metrics=metrics), 1
        )
        told = "" if not result.missing else f"  missing: {result.missing}"
        print(f"{'+'.join(metrics):34} {seconds:7.2f} s{told}")


def run_spice(golden: Path) -> None:
    """All real golden pairs, without and with the cache."""
    document = json.loads((golden / "captions_real.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        for kind, known in document.items():
            ids = list(known["refs"])
            candidates = [ptb_tokens(known["hyps"][one]) for one in ids]
            references = [[ptb_tokens(ref) for ref in known["refs"][one]] for one in ids]
            expected = np.array([known["per_item"]["spice"][one] for one in ids])
            for state in ("cold", "warm"):
                began = time.perf_counter()
                scores = spice(candidates, references, cache=Path(folder))
                seconds = time.perf_counter() - began
                worst = float(np.abs(scores.per_item["spice"] - expected).max())
                rate = f"{seconds / len(ids):.3f} s a pair, {default_processes()} JVMs"
                told = f"{len(ids)} pairs in {seconds:.1f} s, {rate}, max |diff| {worst:.1e}"
                print(f"spice {kind} {state}: {told}", flush=True)
            for category, (mean, n_items) in known["corpus_spice_categories"].items():
                name = "spice" if category == "All" else f"spice_{category.lower()}"
                defined = int((~np.isnan(scores.per_item[name])).sum())
                difference = abs(scores.corpus[name] - mean)
                print(f"  {category:12} |diff| {difference:.1e}, items {defined} of {n_items}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--coco", type=Path, default=SHARED / "data" / "coco")
    parser.add_argument("--golden", type=Path, default=SHARED / "golden")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--spice", action="store_true", help="SPICE on the real golden pairs instead")
    arguments = parser.parse_args()
    if arguments.spice:
        run_spice(arguments.golden)
        return
    candidates, references = recombine(read_captions(arguments.coco), arguments.pairs, seed=4)
    compare(candidates, references, arguments.rounds)
    whole_suite(candidates, references)


if __name__ == "__main__":
    main()
