"""ViP-Bench from questions to a result: what is sent, what is kept, what is never asked twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pix2cap.errors import BudgetReached, InputError, ModelUnavailable, RunMismatch, UsageError
from pix2cap.evaluate.bench_session import BenchOptions, BenchProgress
from pix2cap.evaluate.vipbench import ViPBenchJob, run_vipbench, score_grades
from pix2cap.evaluate.vipbench_result import ViPBenchResult
from pix2cap.vlm.describe import Describer
from pix2cap.vlm.model import CaptionRequest, Reply
from pix2cap.vlm.pricing import Price
from tests.builders.judged_benches import (
    FREE,
    ViPBenchFolder,
    build_vipbench,
    honest_judge,
    priced,
    requests_of,
)

DOLLAR = Price(1000.0, 1000.0, "given")


@pytest.fixture
def bench(tmp_path: Path) -> ViPBenchFolder:
    return build_vipbench(tmp_path / "ViP-Bench", 5)


def true_answers(bench: ViPBenchFolder, path: Path, **changed: str | None) -> Path:
    """A file of answers that are all right, but for those named; None leaves one out."""
    answers = {
        key: changed.get(key, text.replace("<AND>", " and ")) for key, text in bench.references.items()
    }
    path.write_text(json.dumps({key: text for key, text in answers.items() if text is not None}))
    return path


def test_the_published_picture_and_question_are_sent_as_they_are(
    bench: ViPBenchFolder, tmp_path: Path
) -> None:
    answerer, judge = priced(lambda _: "red", name="openai:a"), priced(honest_judge, name="openai:j")
    job = ViPBenchJob(prompts="human", answerer=answerer, judge=judge, runs=2)
    result = run_vipbench(bench.root, job, out=tmp_path / "out")
    asked = requests_of(answerer)
    assert len(asked) == 5
    assert len(requests_of(judge)) == 10
    pictures = [(bench.root / "human" / "images" / f"v1_{n}.png").read_bytes() for n in range(5)]
    assert sorted(r.pictures[0].data for r in asked) == sorted(pictures)
    assert {r.prompt for r in asked} == {"Which color is the square within the pink rectangle?"}
    assert {r.unit for r in asked} == {None}
    assert {r.sampling.temperature for r in (*asked, *requests_of(judge))} == {0.0}
    assert all(not r.pictures for r in requests_of(judge))
    # "red" is right of item 0 (red) and 4 (red), and half of item 3 (yellow and red).
    assert {i.item_id: i.grades for i in result.items} == {
        "v1_0": (1.0, 1.0),
        "v1_1": (0.0, 0.0),
        "v1_2": (0.0, 0.0),
        "v1_3": (0.5, 0.5),
        "v1_4": (1.0, 1.0),
    }
    assert result.total.score == 50.0
    assert (result.model, result.judge, result.prompts) == ("openai:a", "openai:j", "human")


def test_marks_are_drawn_and_boxes_are_told(bench: ViPBenchFolder, tmp_path: Path) -> None:
    marks, boxes = priced(lambda _: "red"), priced(lambda _: "red")
    run_vipbench(bench.root, ViPBenchJob(prompts="marks", answerer=marks), out=tmp_path / "marks")
    run_vipbench(bench.root, ViPBenchJob(prompts="boxes", answerer=boxes), out=tmp_path / "boxes")
    drawn = next(r for r in requests_of(marks) if "mark 2" in r.prompt)
    assert [part.label for part in drawn.pictures] == ["clean", "marked"]
    assert "within mark 1 and within mark 2?" in drawn.prompt
    told = next(r for r in requests_of(boxes) if r.prompt.count("within the box") == 2)
    assert [part.label for part in told.pictures] == ["clean"]
    assert "[0.109, 0.312, 0.367, 0.656]" in told.prompt
    for request in (drawn, told):
        assert request.unit is not None
        assert request.unit.rgb is not None
        assert request.unit.segment_ids == (1, 2)
        first, second = (request.unit.panoptic.mask(number) for number in (1, 2))
        assert first.sum() == second.sum() == pytest.approx(34 * 34, rel=0.1)
        colors = [tuple(np.median(request.unit.rgb[mask], axis=0)) for mask in (first, second)]
        assert colors in ([(30, 160, 40), (40, 60, 220)], [(230, 210, 40), (220, 30, 30)])


def test_a_model_that_reads_units_needs_regions_as_data(bench: ViPBenchFolder, tmp_path: Path) -> None:
    from pix2cap.annotate.asker import PricedModel

    describe = PricedModel(Describer(), FREE)
    with pytest.raises(UsageError, match="--prompts marks"):
        ViPBenchJob(prompts="bbox", answerer=describe)
    result = run_vipbench(bench.root, ViPBenchJob(prompts="marks", answerer=describe), out=tmp_path / "out")
    assert result.total.graded == 5
    assert all(item.prediction for item in result.items)


def test_a_finished_bench_asks_nobody_and_gives_the_same(bench: ViPBenchFolder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = ViPBenchJob(answerer=priced(lambda _: "red"), judge=priced(honest_judge), runs=2)
    result = run_vipbench(bench.root, first, out=out)

    def refuse(_: CaptionRequest) -> str:
        raise AssertionError("nothing was to be asked")

    later = ViPBenchJob(answerer=priced(refuse), judge=priced(refuse), runs=2)
    assert run_vipbench(bench.root, later, out=out).to_json() == result.to_json()
    rescored = run_vipbench(bench.root, later, out=out, options=BenchOptions(rescore=True))
    assert rescored.to_json() == result.to_json()
    more = ViPBenchJob(answerer=priced(refuse), judge=priced(honest_judge), runs=3)
    assert run_vipbench(bench.root, more, out=out).runs == 3
    assert more.judge is not None
    assert len(requests_of(more.judge)) == 5


def test_a_budget_stops_both_steps_and_a_larger_one_goes_on(bench: ViPBenchFolder, tmp_path: Path) -> None:
    out, told = tmp_path / "out", list[BenchProgress]()
    # A scripted reply has 1000 + 100 tokens: 1.1 USD each; its dearest case is a little more.
    answerer, judge = priced(lambda _: "red", price=DOLLAR), priced(honest_judge, price=DOLLAR)
    job = ViPBenchJob(answerer=answerer, judge=judge, runs=1)
    with pytest.raises(BudgetReached):
        run_vipbench(bench.root, job, out=out, options=BenchOptions(1, 8.0, on_progress=told.append))
    spent = 1.1 * (len(requests_of(answerer)) + len(requests_of(judge)))
    assert 0 < spent <= 8.0
    assert len(requests_of(answerer)) == 5
    assert {progress.step for progress in told} == {"answers", "grades"}
    so_far = run_vipbench(bench.root, job, out=out, options=BenchOptions(rescore=True))
    assert so_far.pending == 5 - so_far.total.graded > 0
    assert not so_far.is_clean
    result = run_vipbench(bench.root, job, out=out, options=BenchOptions(1, 30.0))
    assert result.total.graded == 5
    assert result.cost_usd == pytest.approx(11.0)
    assert len(requests_of(answerer)) == len(requests_of(judge)) == 5


def test_an_unknown_price_cannot_be_kept_to(bench: ViPBenchFolder, tmp_path: Path) -> None:
    job = ViPBenchJob(answerer=priced(lambda _: "red"), judge=priced(honest_judge, price=None))
    with pytest.raises(UsageError, match="--judge-price-in"):
        run_vipbench(bench.root, job, out=tmp_path / "out", options=BenchOptions(max_cost_usd=1.0))
    unpriced = run_vipbench(bench.root, job, out=tmp_path / "out")
    assert unpriced.cost_usd is None


def test_a_grade_that_never_comes_is_failed_and_named_never_zero(
    bench: ViPBenchFolder, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    answers = true_answers(bench, tmp_path / "answers.json")

    def stubborn(request: CaptionRequest) -> str:
        return "splendid" if '"answer":"blue"' in request.prompt else honest_judge(request)

    judge = priced(stubborn)
    job = ViPBenchJob(predictions=answers, judge=judge, runs=1)
    result = run_vipbench(bench.root, job, out=out)
    assert list(result.failed) == ["v1_2"]
    assert "splendid" in result.failed["v1_2"]
    assert (result.total.items, result.total.graded, result.total.score) == (5, 4, 100.0)
    assert not result.is_clean
    item = next(i for i in result.items if i.item_id == "v1_2")
    assert (item.status, item.grades, item.scores) == ("failed", (None,), {})
    tried = [r.prompt for r in requests_of(judge) if '"answer":"blue"' in r.prompt]
    assert len(tried) == 4
    assert ["of no use" in prompt for prompt in tried] == [False, True, True, True]
    assert "v1_2" not in json.loads((out / "grades.json").read_text())

    mended = ViPBenchJob(predictions=answers, judge=priced(honest_judge), runs=1)
    assert run_vipbench(bench.root, mended, out=out).failed == result.failed
    assert mended.judge is not None
    assert requests_of(mended.judge) == []
    again = run_vipbench(bench.root, mended, out=out, options=BenchOptions(retry_failed=True))
    assert again.is_clean
    assert len(requests_of(mended.judge)) == 1
    assert run_vipbench(bench.root, mended, out=out).is_clean
    assert len(requests_of(mended.judge)) == 1


def test_faults_of_transport_fail_the_item_and_the_others_go_on(
    bench: ViPBenchFolder, tmp_path: Path
) -> None:
    def flaky(request: CaptionRequest) -> Reply | ModelUnavailable | str:
        picture = (bench.root / "bbox" / "images" / "v1_3.png").read_bytes()
        if request.pictures[0].data == picture:
            return ModelUnavailable("time-out", reason="time-out")
        return "red"

    result = run_vipbench(bench.root, ViPBenchJob(answerer=priced(flaky)), out=tmp_path / "out")
    assert result.failed == {"v1_3": "no answer: transport: time-out"}
    assert result.total.graded == 4


def test_empty_answers_and_refusals_are_worth_nothing_and_named(
    bench: ViPBenchFolder, tmp_path: Path
) -> None:
    judge = priced(honest_judge)
    answerer = priced(lambda _: Reply("I cannot help", finish_reason="refusal"))
    result = run_vipbench(
        bench.root, ViPBenchJob(answerer=answerer, judge=judge, runs=1, limit=2), out=tmp_path / "out"
    )
    assert result.empty == ("v1_0", "v1_1")
    assert requests_of(judge) == []
    assert result.total.score == 0.0
    assert "first 2 of 5" in result.warnings[0]


def test_missing_predictions_are_refused_or_counted(bench: ViPBenchFolder, tmp_path: Path) -> None:
    answers = true_answers(bench, tmp_path / "answers.json", v1_1=None)
    with pytest.raises(InputError, match=r"lacks 'v1_1'.*--allow-missing"):
        run_vipbench(bench.root, ViPBenchJob(predictions=answers))
    result = run_vipbench(bench.root, ViPBenchJob(predictions=answers, allow_missing=True))
    assert result.missing == ("v1_1",)
    assert result.total.score == 80.0
    assert not result.is_clean
    assert result.judge == "exact"
    assert "dry runs" in result.warnings[0]


def test_a_folder_goes_on_with_the_same_judge_only(bench: ViPBenchFolder, tmp_path: Path) -> None:
    answers, out = true_answers(bench, tmp_path / "answers.json"), tmp_path / "out"
    job = ViPBenchJob(predictions=answers, judge=priced(honest_judge, name="openai:one"), runs=1)
    run_vipbench(bench.root, job, out=out)
    other = ViPBenchJob(predictions=answers, judge=priced(honest_judge, name="openai:two"), runs=1)
    with pytest.raises(RunMismatch, match="openai:one then, openai:two now"):
        run_vipbench(bench.root, other, out=out)


def test_a_result_survives_its_file_and_its_grades_give_it_again(
    bench: ViPBenchFolder, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    tenths = iter(range(1000))
    judge = priced(lambda _: f"0.{next(tenths) % 10}")
    answers = true_answers(bench, tmp_path / "answers.json")
    result = run_vipbench(bench.root, ViPBenchJob(predictions=answers, judge=judge), out=out)
    assert result.runs == 5
    assert ViPBenchResult.read(out / "result.json") == result
    assert result.provenance is not None
    assert set(result.provenance.inputs) == {"meta", "questions", "predictions"}
    recorded = score_grades(bench.root, out / "grades.json")
    assert (recorded.total, recorded.capabilities) == (result.total, result.capabilities)
    one = score_grades(bench.root, out / "grades.json", runs=1)
    assert one.total.by_run == result.total.by_run[:1]
    with pytest.raises(UsageError, match="at most 5"):
        score_grades(bench.root, out / "grades.json", runs=6)
    for item in result.items:
        assert set(item.scores) == {"total", *item.capabilities}
        assert item.scores["total"] == pytest.approx(np.mean([g for g in item.grades if g is not None]))
    assert "total" in str(result)


@pytest.mark.parametrize("answered", ["neither", "both"])
def test_one_answerer_is_needed(bench: ViPBenchFolder, tmp_path: Path, answered: str) -> None:
    both = answered == "both"
    with pytest.raises(UsageError, match="either --model or --predictions"):
        ViPBenchJob(
            answerer=priced(honest_judge) if both else None, predictions=tmp_path / "x" if both else None
        )


def test_asking_needs_a_folder(bench: ViPBenchFolder) -> None:
    with pytest.raises(UsageError, match="expected --out"):
        run_vipbench(bench.root, ViPBenchJob(answerer=priced(honest_judge)))


def test_nothing_asked_before_is_nothing_to_score_again(bench: ViPBenchFolder, tmp_path: Path) -> None:
    job = ViPBenchJob(answerer=priced(honest_judge))
    with pytest.raises(InputError, match="expected a run folder"):
        run_vipbench(bench.root, job, out=tmp_path / "out", options=BenchOptions(rescore=True))
    assert not (tmp_path / "out").exists()
