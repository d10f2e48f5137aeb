"""DLC-Bench: recorded judgements, rules of the score, and the way from questions to a result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.annotate.ladder import Answer
from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.bench_session import BenchOptions
from pix2cap.evaluate.dlcbench import DLCJob, replay_dlcbench, run_dlcbench
from pix2cap.evaluate.dlcbench_files import (
    Choice,
    DLCQuestion,
    parse_questions,
    read_questions,
    recognition_question,
)
from pix2cap.evaluate.dlcbench_judge import choice_prompt, exact_choice, read_choice, rubric, score_region
from pix2cap.evaluate.dlcbench_result import DLCResult
from pix2cap.evaluate.judge import UnreadableError
from pix2cap.vlm.model import CaptionRequest
from tests.builders.judged_benches import build_dlc, dlc_questions, judged_task, priced, requests_of

RED = "A red square with sharp corners."
BLUE = "A blue square."


@pytest.mark.parametrize("model", ["dam_3b_v1", "dam_3b_joint_v1"])
def test_recorded_judgements_give_the_stored_scores(golden: Path, model: str) -> None:
    file = golden / "dlcbench_replay.json"
    stored = json.loads(file.read_text())[model]
    result = replay_dlcbench(file)[model]
    assert result.avg_pos == pytest.approx(stored["avg_pos"], abs=1e-9)
    assert result.avg_neg == pytest.approx(stored["avg_neg"], abs=1e-9)
    assert result.score == pytest.approx((stored["avg_pos"] + stored["avg_neg"]) / 2, abs=1e-9)
    assert (result.regions, result.judged) == (stored["n"], stored["n"])
    assert result.not_recognised == stored["n_rec_wrong"]
    assert result.warnings == ()
    for item in result.items:
        recorded = stored["items"][item.region_id]
        assert item.recognised == recorded["recognition"]
        assert item.scores["positive"] == pytest.approx(recorded["score_pos"], abs=1e-9)
        assert item.scores["negative"] == pytest.approx(recorded["score_neg"], abs=1e-9)
        texts = [recorded["questions"][n]["choices"][at][0] for n, at in enumerate(recorded["pred_indices"])]
        assert [question.choice for question in item.questions] == texts


def test_an_average_that_its_judgements_do_not_give_is_reported(tmp_path: Path) -> None:
    item = {
        "pred": RED,
        "questions": dlc_questions("square", "red", "cat"),
        "judge_responses": ["A", "B", "B"],
    }
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"avg_pos": 0.5, "avg_neg": 1.0, "items": {"7": item}}))
    (result,) = replay_dlcbench(file).values()
    assert (result.model, result.avg_pos, result.avg_neg) == ("mine", 1.0, 1.0)
    assert result.warnings == ("the file states avg_pos 0.500000, its judgements give 1.000000",)


def test_a_recorded_reply_without_a_letter_fails_its_region(tmp_path: Path) -> None:
    item = {
        "pred": RED,
        "questions": dlc_questions("square", "red", "cat"),
        "judge_responses": ["A", "Well", "B"],
    }
    file = tmp_path / "mine.json"
    file.write_text(
        json.dumps({"m": {"items": {"7": item, "8": {**item, "judge_responses": ["A", "B", "A"]}}}})
    )
    result = replay_dlcbench(file)["m"]
    assert list(result.failed) == ["7"]
    assert "question 2" in result.failed["7"]
    assert (result.judged, result.avg_pos, result.avg_neg) == (1, 1.0, -1.0)


@pytest.mark.parametrize(
    ("chosen", "scores"),
    [
        ((0, 1, 1), (True, 1.0, 1.0, 1.0)),
        ((0, 2, 0), (True, -1.0, -1.0, -1.0)),
        ((1, 1, 1), (False, 0.0, 0.0, 0.0)),
        ((1, 2, 1), (False, -1.0, 0.0, -0.5)),
    ],
)
def test_points_above_zero_need_recognition(
    chosen: tuple[int, ...], scores: tuple[bool, float, float, float]
) -> None:
    questions = parse_questions(dlc_questions("square", "red", "cat"), "here")
    score = score_region(questions, chosen)
    assert (score.recognised, score.positive, score.negative, score.score) == scores


@given(st.lists(st.tuples(st.sampled_from(["positive", "negative"]), st.integers(-2, 2)), min_size=1))
def test_a_region_is_a_mean_of_its_points(points: list[tuple[Any, int]]) -> None:
    questions = [DLCQuestion(kind, "?", (Choice("a", value / 2), Choice("b", 0.0))) for kind, value in points]
    score = score_region(questions, [0] * len(questions))
    assert score.recognised is None
    assert score.score == pytest.approx(sum(value / 2 for _, value in points) / len(points))
    wrong = score_region([recognition_question("x"), *questions], [1] + [0] * len(questions))
    assert wrong.score is not None
    assert wrong.score <= min(0.0, score.score or 0.0) or wrong.score <= 0.0


@pytest.mark.parametrize(
    ("text", "index"),
    [("A", 0), ("B. No", 1), ("b", 1), ("(C) maybe", 2), ("Answer: B", 1), ("**C**", 2), ("C: said", 2)],
)
def test_a_choice_is_read(text: str, index: int) -> None:
    question = parse_questions(dlc_questions("square", "red", "cat"), "here")[1]
    assert read_choice(Answer("k", text), question) == index


@pytest.mark.parametrize(
    "text", ["", "D. none", "Both", "A bird is told of", "a cat", "The answer is B", "7", "None"]
)
def test_what_is_no_choice_is_not_guessed_at(text: str) -> None:
    question = parse_questions(dlc_questions("square", "red", "cat"), "here")[1]
    with pytest.raises(UnreadableError):
        read_choice(Answer("k", text), question)


def test_the_judge_is_asked_with_letters() -> None:
    question = parse_questions(dlc_questions("square", "red", "cat"), "here")[2]
    prompt = choice_prompt('A square"}\nB', question)
    assert prompt.startswith(rubric())
    task = judged_task(prompt)
    assert task["description"] == 'A square"}\nB'
    assert task["options"] == {"A": "The cat is mentioned.", "B": "The cat is not mentioned."}


@pytest.mark.parametrize(
    ("description", "chosen"),
    [(RED, [0, 1, 1]), ("A square beside a cat.", [0, 0, 0]), ("A red cat.", [0, 1, 0])],
)
def test_exact_match_goes_by_words(description: str, chosen: list[int]) -> None:
    questions = parse_questions(dlc_questions("square", "red", "cat"), "here")
    assert [exact_choice(description, question) for question in questions] == chosen


def test_class_names_make_recognition_questions(tmp_path: Path) -> None:
    folder = build_dlc(tmp_path / "dlc")
    document = {key: rows[1:] for key, rows in json.loads((folder / "qa.json").read_text()).items()}
    (folder / "qa.json").write_text(json.dumps(document))
    (folder / "names.json").write_text(json.dumps({"70": "a square"}))
    questions = read_questions(folder / "qa.json", folder / "names.json")
    assert [q.kind for q in questions["70"]] == ["recognition", "positive", "negative"]
    assert "a square" in questions["70"][0].text
    assert [q.kind for q in questions["71"]] == ["positive", "negative"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "list of questions"),
        ([3], "question 1"),
        ([{"question": "?", "choices": [["a", 0]], "type": "positive"}], "2 to 26 choices"),
        ([{"question": "?", "choices": [["a", 0], ["b", 2]], "type": "positive"}], "from -1 to 1"),
        ([{"question": "?", "choices": [["a", 0], ["b", "correct"]], "type": "positive"}], "from -1 to 1"),
        ([{"question": "?", "choices": [["a", 0], ["b", 1]], "type": "recognition"}], "correct or incorrect"),
        ([{"question": "?", "choices": [["a", 0], ["b", 1]], "type": "other"}], "of type recognition"),
        (dlc_questions("a", "b", "c")[::-1], "recognition question first"),
        (dlc_questions("a", "b", "c")[:1] * 2, "one recognition question at most"),
    ],
)
def test_wrong_questions_are_named(tmp_path: Path, rows: object, told: str) -> None:
    file = tmp_path / "qa.json"
    file.write_text(json.dumps({"70": rows}))
    with pytest.raises(InputError, match=told):
        read_questions(file)


def by_words(request: CaptionRequest) -> str:
    """A judge of the builder's questions that goes by their words."""
    task = judged_task(request.prompt)
    said, options = task["description"].lower(), task["options"]
    if options["A"] == "Yes":
        return "A. Yes" if "square" in said else "B. No"
    words = {letter: text.rstrip(".").split()[-1] for letter, text in options.items()}
    named = [
        key
        for key, text in options.items()
        if " not " not in text and (words[key] in said or text.split()[1] in said)
    ]
    return named[0] if named else next(key for key, text in options.items() if "not mentioned" in text)


def test_a_model_describes_regions_and_a_judge_checks_them(tmp_path: Path) -> None:
    folder, out = build_dlc(tmp_path / "dlc"), tmp_path / "out"

    def describe(request: CaptionRequest) -> str:
        assert request.unit is not None
        assert request.unit.rgb is not None
        rgb = request.unit.rgb[request.unit.panoptic.mask(1)]
        return RED if rgb[:, 0].mean() > rgb[:, 2].mean() else "A cat."

    answerer, judge = priced(describe, name="openai:a"), priced(by_words, name="openai:j")
    job = DLCJob(
        answerer=answerer, judge=judge, annotations=folder / "annotations.json", images=folder / "images"
    )
    result = run_dlcbench(folder / "qa.json", job, out=out)
    assert [part.label for part in requests_of(answerer)[0].pictures] == ["clean", "marked"]
    assert len(requests_of(judge)) == 6
    assert (result.avg_pos, result.avg_neg, result.score) == (0.5, 0.5, 0.5)
    assert result.not_recognised == 1
    assert DLCResult.read(out / "result.json") == result
    assert json.loads((out / "answers.json").read_text()) == {"70": RED, "71": "A cat."}
    assert run_dlcbench(folder / "qa.json", job, out=out).to_json() == result.to_json()
    rescored = run_dlcbench(folder / "qa.json", job, out=out, options=BenchOptions(rescore=True))
    assert rescored.to_json() == result.to_json()
    assert (len(requests_of(answerer)), len(requests_of(judge))) == (2, 6)
    assert "recognised" in str(result)


def test_a_choice_that_never_comes_fails_the_region_and_is_named(tmp_path: Path) -> None:
    folder = build_dlc(tmp_path / "dlc")
    (tmp_path / "d.json").write_text(json.dumps({"70": RED, "71": BLUE}))
    judge = priced(lambda r: "hm" if BLUE in r.prompt and "dog" in r.prompt else by_words(r))
    job = DLCJob(predictions=tmp_path / "d.json", judge=judge)
    result = run_dlcbench(folder / "qa.json", job, out=tmp_path / "out")
    assert list(result.failed) == ["71"]
    assert "question 3" in result.failed["71"]
    assert (result.regions, result.judged, result.score) == (2, 1, 1.0)
    assert not result.is_clean
    assert len(requests_of(judge)) == 5 + 4


def test_descriptions_that_are_not_there_earn_nothing(tmp_path: Path) -> None:
    folder = build_dlc(tmp_path / "dlc")
    (tmp_path / "d.json").write_text(json.dumps({"70": RED}))
    with pytest.raises(InputError, match="lacks '71'"):
        run_dlcbench(folder / "qa.json", DLCJob(predictions=tmp_path / "d.json"))
    result = run_dlcbench(folder / "qa.json", DLCJob(predictions=tmp_path / "d.json", allow_missing=True))
    assert result.missing == ("71",)
    assert (result.avg_pos, result.avg_neg, result.score) == (0.5, 0.5, 0.5)
    assert "dry runs" in result.warnings[0]


def test_a_model_needs_to_be_shown_regions() -> None:
    with pytest.raises(UsageError, match="--annotations and --images"):
        DLCJob(answerer=priced(by_words))
    with pytest.raises(UsageError, match="either --model or --predictions"):
        DLCJob()
