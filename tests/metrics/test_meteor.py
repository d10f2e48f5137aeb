"""METEOR 1.5 against its jar: golden scores, properties, and the jar itself where Java is."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.errors import MetricUnavailable
from pix2cap.metrics.meteor import Meteor, MeteorData, MeteorLite, MeteorStats, merge, meteor, score_of, total
from pix2cap.text.ptb import ptb_tokens

WORDS = "a the of dog dogs red on table stand standing person man 's big large left , u.s."
CAPTIONS = st.lists(st.sampled_from(WORDS.split(" ")), max_size=14).map(" ".join)


@pytest.fixture(scope="module")
def data() -> MeteorData:
    try:
        return MeteorData.load()
    except MetricUnavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def scorer(data: MeteorData) -> Meteor:
    return Meteor(data)


def _tokenised(text: str) -> str:
    return " ".join(ptb_tokens(text))


@pytest.mark.parametrize("part", ["single_ref", "multi_ref"])
def test_golden_synthetic_captions(golden: Path, data: MeteorData, part: str) -> None:
    found = json.loads((golden / "captions_synthetic.json").read_text("utf-8"))[part]
    names = list(found["tokenized_hyps"])
    scores = meteor(
        [found["tokenized_hyps"][name].split(" ") for name in names],
        [[text.split(" ") for text in found["tokenized_refs"][name]] for name in names],
        data,
    )
    np.testing.assert_allclose(scores.per_item["meteor"], found["per_item"]["meteor15"], atol=1e-9)
    assert scores.corpus["meteor"] == pytest.approx(found["corpus"]["meteor15"], abs=1e-9)


@pytest.mark.parametrize("part", ["image", "region"])
def test_golden_captions_of_people(golden: Path, data: MeteorData, part: str) -> None:
    found = json.loads((golden / "captions_real.json").read_text("utf-8"))[part]
    names = list(found["hyps"])
    scores = meteor(
        [ptb_tokens(found["hyps"][name]) for name in names],
        [[ptb_tokens(text) for text in found["refs"][name]] for name in names],
        data,
    )
    expected = [found["per_item"]["meteor"][name] for name in names]
    np.testing.assert_allclose(scores.per_item["meteor"], expected, atol=1e-9)
    assert scores.corpus["meteor"] == pytest.approx(found["corpus"]["meteor"], abs=1e-9)


def _captions(path: Path) -> dict[tuple[int, int], str]:
    annotations: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["annotations"]
    return {
        (one["image_id"], segment["id"]): segment.get("description") or segment.get("caption") or ""
        for one in annotations
        for segment in one["segments_info"]
    }


@pytest.mark.parametrize("name", ["sample2", "n20", "real60"])
def test_golden_pairs_of_segments(golden: Path, scorer: Meteor, name: str) -> None:
    gt, pred = _captions(golden / name / "gt.json"), _captions(golden / name / "pred.json")
    pairs = json.loads((golden / f"{name}_corrected.json").read_text("utf-8"))["pair_meteor15"]
    assert pairs
    for key, expected in pairs.items():
        image, gt_id, pred_id = map(int, key.split("_"))
        candidate, reference = _tokenised(pred[image, pred_id]), _tokenised(gt[image, gt_id])
        score = scorer.pair(candidate, [reference]).score if candidate and reference else 0.0
        assert score == pytest.approx(expected, abs=1e-9), key


@settings(max_examples=200)
@given(candidate=CAPTIONS, references=st.lists(CAPTIONS, min_size=1, max_size=4), seed=st.randoms())
def test_scores_lie_between_0_and_1_whatever_the_order_of_references(
    scorer: Meteor, candidate: str, references: list[str], seed: random.Random
) -> None:
    stats = scorer.pair(candidate, references)
    assert 0.0 <= stats.score <= 1.0
    assert stats.score == score_of(stats)
    assert stats.test_matches <= stats.test_length and stats.reference_matches <= stats.reference_length
    shuffled = seed.sample(references, len(references))
    assert scorer.pair(candidate, shuffled).score == stats.score
    assert stats.score == max(scorer.pair(candidate, [reference]).score for reference in references)


@given(st.lists(st.sampled_from([f"word{i}" for i in range(30)]), min_size=1, max_size=20, unique=True))
def test_a_caption_against_itself_scores_1(scorer: Meteor, words: list[str]) -> None:
    text = " ".join(words)
    stats = scorer.pair(text, [text])
    assert stats.is_whole and stats.score == pytest.approx(1.0)
    backwards = scorer.pair(" ".join(reversed(words)), [text])
    assert backwards.score == pytest.approx(1.0 if len(words) == 1 else 1 - 0.6)


@given(st.lists(st.tuples(CAPTIONS, CAPTIONS), max_size=8), st.integers(0, 8))
def test_parts_merge_to_the_whole(scorer: Meteor, pairs: list[tuple[str, str]], cut: int) -> None:
    stats = [scorer.pair(candidate, [reference]) for candidate, reference in pairs]
    assert merge([total(stats[:cut]), total(stats[cut:])]) == total(stats)
    assert scorer.aggregate(stats) == total(stats).score


def test_empty_captions_score_0(scorer: Meteor) -> None:
    assert scorer.pair("", ["a dog"]).score == 0.0
    assert scorer.pair("a dog", [""]).score == 0.0
    assert scorer.pair("", [""]).score == 0.0
    assert scorer.pair("a dog", []) == MeteorStats()
    assert total([]).score == 0.0


def test_each_stage_finds_its_matches(scorer: Meteor) -> None:
    def stages(candidate: str, reference: str) -> tuple[int, ...]:
        return scorer.pair(f"dog {candidate} window", [f"dog {reference} window"]).test_content

    assert stages("blue", "blue") == (3, 0, 0, 0)
    assert stages("colorful", "colors") == (2, 1, 0, 0)
    assert stages("automobile", "car") == (2, 0, 1, 0)
    assert stages("in front", "before") == (2, 0, 0, 1)
    assert scorer.pair("the", ["the"]).test_function == (1, 0, 0, 0)


def test_a_lone_inexact_match_with_alternatives_is_passed_over(scorer: Meteor) -> None:
    # The jar does so as well: a chunk costs it more than one word, halved and rounded down, is worth.
    assert scorer.pair("automobile", ["car"]).score == 0.0
    assert scorer.pair("colorful", ["colors"]).score > 0.0


def test_the_score_by_its_formula(scorer: Meteor) -> None:
    stats = scorer.pair("red dog the", ["the red cat"])
    # The function word weighs .25, the content words .75; two chunks of two matches.
    precision = recall = (0.75 + 0.25) / (2 * 0.75 + 0.25)
    mean = 1 / (0.15 / precision + 0.85 / recall)
    assert stats.score == pytest.approx(mean * (1 - 0.6 * (2 / 2) ** 0.2))
    assert stats.vector() == (3, 3, 1, 1, 1, 1, 1, 1, *(0,) * 12, 2, 2, 2)


def test_processes_change_nothing(data: MeteorData) -> None:
    choose = random.Random(4)
    words = ["a", "the", "dog", "cat", "red", "blue", "table", "on", "stands", "near", "large", "window"]
    candidates = [[choose.choice(words) for _ in range(6)] + [str(i)] for i in range(4100)]
    references = [[[choose.choice(words) for _ in range(6)]] for _ in candidates]
    alone = meteor(candidates, references, data)
    together = meteor(candidates, references, data, processes=2)
    assert alone.corpus == together.corpus
    np.testing.assert_array_equal(alone.per_item["meteor"], together.per_item["meteor"])


def test_lengths_that_differ_are_refused(data: MeteorData) -> None:
    with pytest.raises(ValueError):
        meteor([["a"]], [], data)


def test_without_data_only_exact_and_stem_under_their_own_name() -> None:
    scores = meteor([["dogs", "car"], ["a", "b"]], [[["dog", "automobile"]], [["a", "b"]]], MeteorLite())
    assert set(scores.corpus) == set(scores.per_item) == {"meteor_exact_stem"}
    stem_only = scores.per_item["meteor_exact_stem"]
    assert stem_only[0] == pytest.approx(0.6 / 2 * (1 - 0.6))
    assert stem_only[1] == pytest.approx(1.0)
    with pytest.raises(TypeError, match="MeteorLite"):
        Meteor(None)


@pytest.mark.timeout(180)
def test_the_jar_agrees(coco: Path, data: MeteorData) -> None:
    if shutil.which("java") is None:
        pytest.skip("no Java to run METEOR's own jar")
    captions = json.loads((coco / "captions_val.json").read_text("utf-8"))["captions"]
    texts = [text for one in captions if (text := _tokenised(one["caption"]))]
    choose = random.Random(11)
    pairs: list[tuple[str, list[str]]] = []
    for _ in range(300):
        reference = choose.choice(texts)
        words = reference.split(" ")
        choose.shuffle(words)
        cut = " ".join(words[: choose.randint(1, len(words))])
        pairs.append((choose.choice([cut, choose.choice(texts)]), [reference, choose.choice(texts)]))
    command = ["java", "-Xmx2G", "-jar", "meteor-1.5.jar", "-", "-", "-stdio", "-l", "en", "-norm"]
    with subprocess.Popen(
        command,
        cwd=data.source[0],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as jar:
        assert jar.stdin is not None and jar.stdout is not None
        vectors = []
        for candidate, references in pairs:
            jar.stdin.write(" ||| ".join(["SCORE", *references, candidate]) + "\n")
            jar.stdin.flush()
            vectors.append(jar.stdout.readline().strip())
        jar.stdin.write(" ||| ".join(["EVAL", *vectors]) + "\n")
        jar.stdin.flush()
        scores = [float(jar.stdout.readline()) for _ in pairs]
        corpus = float(jar.stdout.readline())
        jar.stdin.close()
    scorer = Meteor(data)
    stats = [scorer.pair(candidate, references) for candidate, references in pairs]
    assert [one.vector() for one in stats] == [
        tuple(map(int, map(float, vector.split()))) for vector in vectors
    ]
    np.testing.assert_allclose([one.score for one in stats], scores, atol=1e-12)
    assert scorer.aggregate(stats) == pytest.approx(corpus, abs=1e-12)
