"""Results of benches to be compared, made without asking anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pix2cap.evaluate.result import InputFile, Provenance
from pix2cap.evaluate.vipbench_aggregate import aggregate
from pix2cap.evaluate.vipbench_result import ViPBenchItemResult, ViPBenchResult
from pix2cap.evaluate.visual_genome import ScoreOptions, evaluate_regions
from pix2cap.evaluate.visual_genome_split import SplitOptions
from tests.builders.visual_genome import VgPaths

CAPABILITIES = (("rec",), ("ocr", "rec"), ("math", "ocr"), ("rec",))


def vipbench_result(
    grades: Mapping[str, Sequence[float | None]], *, questions: str = "what is it?", **changes: object
) -> ViPBenchResult:
    """Items take the capabilities in turn; each has the grades given."""
    capabilities = {key: CAPABILITIES[n % len(CAPABILITIES)] for n, key in enumerate(grades)}
    runs = max(len(row) for row in grades.values())
    total, by_capability, combinations = aggregate(capabilities, grades, runs)
    items = []
    for key, row in grades.items():
        known = [grade for grade in row if grade is not None]
        mean = sum(known) / len(known) if known else None
        names = tuple(sorted(capabilities[key]))
        scores = {} if mean is None else dict.fromkeys(("total", *names), mean)
        items.append(
            ViPBenchItemResult(
                key, names, questions, "a dog", f"answer {mean}", "graded" if known else "failed",
                tuple(row), scores=scores,
            )
        )  # fmt: skip
    made = Provenance(
        "0.1.0", "3.11", arguments={"rubric": "r1"}, inputs={"meta": InputFile("meta.json", "a" * 64)}
    )
    known_fields = {
        "prompts": "bbox", "model": "made", "judge": "exact", "runs": runs, "total": total,
        "capabilities": by_capability, "combinations": combinations, "provenance": made,
        "items": tuple(items),
    }  # fmt: skip
    return ViPBenchResult(**{**known_fields, **changes})  # type: ignore[arg-type]


def region_file(
    paths: VgPaths,
    captions: Mapping[int, str],
    name: str,
    *,
    split: SplitOptions | None = None,
    metrics: Sequence[str] = ("bleu", "rouge_l", "cider"),
) -> Path:
    """A result of `bench vg` on disk."""
    predictions = paths.predict(captions, f"predictions-{name}.json")
    chosen = split or SplitOptions(split="all-regions")
    options = ScoreOptions(metrics=metrics, bootstrap=0)
    return evaluate_regions(paths.descriptions, predictions, chosen, options).write(
        paths.folder / f"{name}.json"
    )
