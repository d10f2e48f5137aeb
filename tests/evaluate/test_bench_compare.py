"""Before and after: results of every bench read, refused where they cannot be compared, and compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.bench_compare import BenchComparison, compare_results
from pix2cap.evaluate.bench_scored import of_task, read_scored
from pix2cap.evaluate.bench_scored_items import of_dlc, of_vipbench
from pix2cap.evaluate.dlcbench_result import DLCRegionResult, DLCResult
from pix2cap.evaluate.region_dense import evaluate_dense
from pix2cap.evaluate.result_compare import compare
from pix2cap.evaluate.visual_genome import ScoreOptions
from pix2cap.evaluate.visual_genome_split import SplitOptions
from tests.builders.compared import region_file, vipbench_result
from tests.builders.results import changed, golden_result, shorter
from tests.builders.visual_genome import VgPaths, build_vg


@pytest.fixture
def paths(tmp_path: Path) -> VgPaths:
    return build_vg(tmp_path)


def half(paths: VgPaths) -> dict[int, str]:
    """Every second caption loses its last two words; the others are true."""
    return {k: t if k % 2 else " ".join(t.split()[:-2]) for k, t in paths.phrases().items()}


def metric(found: BenchComparison, path: str):  # type: ignore[no-untyped-def]
    return next(one for one in found.metrics if one.path == path)


def test_regions_got_worse_where_they_did(paths: VgPaths) -> None:
    true = paths.phrases()
    del true[112]
    before = read_scored(region_file(paths, true, "before"))
    after = read_scored(region_file(paths, half(paths), "after"))
    found = compare_results(before, after, names=("a", "b"), samples=200)
    rouge = metric(found, "rouge_l")
    assert rouge.before == pytest.approx(11 / 12) and rouge.after < 1
    assert rouge.delta == pytest.approx(rouge.after - rouge.before)
    assert rouge.interval.low <= rouge.delta <= rouge.interval.high
    # 112 had no caption and got a cut one; 102 to 110 of even number lost words; odd ones stayed.
    assert (found.better, found.worse, found.same, found.ranked_by) == (1, 5, 6, "rouge_l")
    assert found.changes[-1].key == "112" and found.changes[-1].change > 0
    assert {one.key for one in found.changes[:5]} == {str(key) for key in range(102, 112, 2)}
    assert {m.path for m in found.metrics} == {"bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider"}
    assert all(m.interval is not None for m in found.metrics)


def test_the_round_trip_and_the_seed(paths: VgPaths, tmp_path: Path) -> None:
    sides = [read_scored(region_file(paths, c, n)) for c, n in ((paths.phrases(), "a"), (half(paths), "b"))]
    found = compare_results(*sides, samples=100, seed=4)
    assert BenchComparison.read(found.write(tmp_path / "c.json")) == found
    assert compare_results(*sides, samples=100, seed=4) == found
    few = [compare_results(*sides, samples=9, seed=seed).metrics for seed in (4, 5)]
    assert few[0] != few[1]
    head, *rows = found.table()
    assert head == ["", "before", "after", "change", "95 % interval"]
    assert rows[4][0] == "ROUGE-L" and rows[4][3].startswith("▼ −")


def test_other_splits_files_and_references_are_refused(paths: VgPaths, tmp_path: Path) -> None:
    said = paths.phrases()
    before = read_scored(region_file(paths, said, "a"))
    one = read_scored(region_file(paths, said, "b", split=SplitOptions(split="one-per-image")))
    with pytest.raises(InputError, match=r"split: all-regions .* in a, one-per-image .* in b"):
        compare_results(before, one, names=("a", "b"))
    listed = tmp_path / "list.txt"
    listed.write_text("11\n12\n13\n14\n")
    split = SplitOptions(split="all-regions", image_list=listed)
    with pytest.raises(InputError, match="file image list: none in a"):
        compare_results(before, read_scored(region_file(paths, said, "c", split=split)), names=("a", "b"))
    paths.regions[11][0]["phrase"] = "something else"
    after = read_scored(region_file(paths.save(), said, "d"))
    with pytest.raises(InputError, match=r"file regions: .*references:"):
        compare_results(before, after)


def test_other_benches_are_refused(paths: VgPaths) -> None:
    regions = read_scored(region_file(paths, paths.phrases(), "a"))
    questions = of_vipbench(vipbench_result({"v1": [0.5]}))
    with pytest.raises(InputError, match=r"Visual Genome.*\(x\) and ViP-Bench.*\(y\)"):
        compare_results(regions, questions, names=("x", "y"))


def test_files_that_are_no_results(paths: VgPaths, tmp_path: Path) -> None:
    for content, words in (('{"bench": "imagenet"}', "'imagenet'"), ("[]", "no such key"), ("{", "JSON")):
        path = tmp_path / "x.json"
        path.write_text(content)
        with pytest.raises(InputError, match=words):
            read_scored(path)
    file = region_file(paths, paths.phrases(), "whole")
    record = json.loads(file.read_text())
    file.write_text(json.dumps({k: v for k, v in record.items() if k not in ("regions", "records")}))
    with pytest.raises(InputError, match="every region"):
        read_scored(file)
    with pytest.raises(InputError, match=r"result\.json.*found none"):
        read_scored(tmp_path / "..")


def test_a_folder_with_a_result(paths: VgPaths, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    region_file(paths, paths.phrases(), "x").rename(folder / "vg.json")
    assert read_scored(folder).bench == "vg"


def test_rank_by_another_metric(paths: VgPaths) -> None:
    sides = [read_scored(region_file(paths, c, n)) for c, n in ((paths.phrases(), "a"), (half(paths), "b"))]
    assert compare_results(*sides, samples=0, rank_by="cider").ranked_by == "cider"
    with pytest.raises(UsageError, match=r"bleu_1.*'spice'"):
        compare_results(*sides, samples=0, rank_by="spice")


def test_the_dense_task_is_compared_by_its_map(paths: VgPaths, tmp_path: Path) -> None:
    def result(shift: float, name: str) -> Path:
        rows = [
            {"image_id": r["image_id"], "box": [r["x"] + shift, r["y"], r["width"], r["height"]],
             "caption": r["phrase"], "score": 1 - r["region_id"] / 1000}
            for regions in paths.regions.values() for r in regions
        ]  # fmt: skip
        predictions = tmp_path / f"p{name}.json"
        predictions.write_text(json.dumps(rows))
        split = SplitOptions(split="all-regions")
        dense = evaluate_dense(paths.descriptions, predictions, split, ScoreOptions(bootstrap=0))
        return dense.write(tmp_path / f"{name}.json")

    before, after = read_scored(result(0, "a")), read_scored(result(5, "b"))
    found = compare_results(before, after, samples=50)
    detection = metric(found, "dense.detection_map")
    # Shifted by 5 of 16 pixels the IoU is 11/21, which .6 and .7 refuse.
    assert (detection.before, detection.after) == (pytest.approx(1), pytest.approx(3 / 5))
    assert detection.is_clear and found.ranked_by == "meteor"


def test_the_task_keeps_its_intervals_and_gains_those_of_bleu_and_meteor(golden: Path) -> None:
    first = golden_result(golden)
    second = changed(first, shorter)
    before, after = of_task(first), of_task(second)
    found = compare_results(before, after, samples=100, seed=0)
    earlier = compare(first, second, samples=100, seed=0).differences
    shown = earlier.keys() & {one.path for one in found.metrics}
    assert shown >= {"panoptic.all.pq", "panoptic.things.pq", "captions.rouge_l", "caption_pq.meteor"}
    for path, difference in earlier.items():
        if path not in shown:
            continue
        assert metric(found, path).delta == pytest.approx(difference.delta, abs=1e-12), path
    assert (
        metric(found, "captions.rouge_l").is_clear and metric(found, "captions.meteor").interval is not None
    )
    assert metric(found, "panoptic.all.pq").interval is not None
    assert "not stored" in metric(found, "map.class_aware.map").why
    assert "score of its own" in metric(found, "captions.cider").why
    # `shorter` loses some matches altogether; they are told, not ranked.
    assert len(found.only_before) == len(first.pairs) - len(second.pairs) and not found.only_after
    lost = second.per_image[-1].image_id
    other = replace(second, per_image=second.per_image[:-1])
    with pytest.raises(InputError, match=str(lost)):
        of_task(other)
    other = replace(other, pairs=tuple(pair for pair in other.pairs if pair.image_id != lost))
    with pytest.raises(InputError, match="images: 60 in before, 59 in after"):
        compare_results(before, of_task(other))
    with pytest.raises(InputError, match="counts by image"):
        of_task(replace(first, per_image=()))


GRADES = {"v1": [1.0, 0.8], "v2": [0.5, 0.5], "v3": [0.0, 0.2], "v4": [0.4, 0.4], "v5": [0.9, 0.9]}


def test_vipbench_by_capability_and_combination() -> None:
    better = {key: [min(1.0, grade + 0.1) for grade in row] for key, row in GRADES.items()}
    before, after = of_vipbench(vipbench_result(GRADES)), of_vipbench(vipbench_result(better))
    found = compare_results(before, after, samples=200)
    total = metric(found, "total")
    assert total.before == pytest.approx(100 * np.mean([np.mean(row) for row in GRADES.values()]))
    assert total.is_clear and total.factor == 1 and total.delta > 5
    assert {m.path for m in found.metrics} == {
        "total", "rec", "ocr", "math", "only.rec", "only.ocr_rec", "only.math_ocr"
    }  # fmt: skip
    assert found.better == 5 and found.ranked_by == "grade" and found.unit_name == "questions"
    for scored in (before, after):
        for path, one in scored.metrics.items():
            assert one.resample is not None
            assert one.resample(np.ones((1, 5))).item() == pytest.approx(one.value), path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompts": "human"}, "prompts: bbox in before, human in after"),
        ({"judge": "openai:gpt-4"}, "judge: exact in before"),
        ({"questions": "and now?"}, "questions:"),
    ],
)
def test_vipbench_of_other_questions_or_judges_is_refused(changes: dict[str, str], words: str) -> None:
    before = of_vipbench(vipbench_result(GRADES))
    with pytest.raises(InputError, match=words):
        compare_results(before, of_vipbench(vipbench_result(GRADES, **changes)))  # type: ignore[arg-type]


def test_items_without_a_grade_are_in_no_mean() -> None:
    broken = of_vipbench(vipbench_result(GRADES | {"v5": [None, None]}))
    found = compare_results(of_vipbench(vipbench_result(GRADES)), broken, samples=50)
    assert next(one for one in found.changes if one.key == "v5").change is None
    assert metric(found, "total").after == pytest.approx(100 * np.mean([0.9, 0.5, 0.1, 0.4]))
    with pytest.raises(InputError, match="every item"):
        of_vipbench(vipbench_result(GRADES, items=()))


def test_dlc_by_region() -> None:
    def result(shift: float) -> DLCResult:
        rows = {f"r{n}": (0.2 * n - 0.3 + shift, 0.5) for n in range(4)}
        items = tuple(
            DLCRegionResult(
                key, "a thing", "judged", True, (),
                scores={"positive": pos, "negative": neg, "mean": (pos + neg) / 2},
            )
            for key, (pos, neg) in rows.items()
        )  # fmt: skip
        pos = float(np.mean([p for p, _ in rows.values()]))
        return DLCResult("m", "exact", 4, 4, pos, 0.5, (pos + 0.5) / 2, 0, items=items)

    found = compare_results(of_dlc(result(0)), of_dlc(result(0.1)), samples=50)
    assert metric(found, "score").delta == pytest.approx(0.05)
    assert metric(found, "avg_neg").delta == 0 and metric(found, "avg_pos").is_clear
    assert found.better == 4
