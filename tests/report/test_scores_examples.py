"""Which captions are shown: the right ones, of many images, none without words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.evaluate.result import MatchedPair, PanopticCaptioningResult
from pix2cap.report.scores_examples import choose_examples, ranking_metric, shared_words
from tests.builders.results import made_result


def _pair(image_id: int, segment_id: int, meteor: float | None, **changes: object) -> MatchedPair:
    pair = MatchedPair(image_id, segment_id, segment_id, 1, 0.9, "A dog.", "A cat.", {"meteor": meteor})
    return replace(pair, **changes)  # type: ignore[arg-type]


def _result(*pairs: MatchedPair) -> PanopticCaptioningResult:
    return replace(_EMPTY, pairs=pairs)


_EMPTY = replace(made_result(), pairs=(), per_image=())


def _keys(examples: object) -> list[tuple[int, int]]:
    return [(e.image_id, e.segment_id) for e in examples]  # type: ignore[attr-defined]


def test_worst_and_best_by_the_mean_over_results() -> None:
    one = _result(_pair(1, 1, 0.1), _pair(2, 1, 0.5), _pair(3, 1, 0.9))
    two = _result(_pair(1, 1, 0.9), _pair(2, 1, 0.1), _pair(3, 1, 0.9))
    chosen = choose_examples([one, two], count=2)
    assert _keys(chosen.worst) == [(2, 1), (1, 1)]
    assert _keys(chosen.best) == [(3, 1), (1, 1)]
    assert _keys(chosen.apart) == [(1, 1), (2, 1)], "equal scores are not apart"


def test_one_image_comes_again_only_after_all_others() -> None:
    result = _result(*(_pair(1, n, 0.01 * n) for n in range(5)), _pair(2, 1, 0.5), _pair(3, 1, 0.6))
    assert _keys(choose_examples([result], count=4).worst) == [(1, 0), (1, 1), (2, 1), (3, 1)]
    assert _keys(choose_examples([result], count=3).worst) == [(1, 0), (2, 1), (3, 1)]


@pytest.mark.parametrize("nothing", ["", "  ", ".", "…!?"])
def test_captions_without_words_are_counted_not_shown(nothing: str) -> None:
    result = _result(
        _pair(1, 1, 0.0, pred_caption=nothing), _pair(2, 1, 0.4), _pair(3, 1, 0.0, gt_caption=nothing)
    )
    chosen = choose_examples([result])
    assert _keys(chosen.worst) == [(2, 1)]
    assert chosen.silent == (1,)


def test_a_segment_that_one_result_missed_has_a_gap() -> None:
    one, two = _result(_pair(1, 1, 0.2)), _result(_pair(2, 1, 0.3))
    worst = choose_examples([one, two]).worst
    assert [[pair is not None for pair in e.answers] for e in worst] == [[True, False], [False, True]]
    assert choose_examples([one, two]).apart == ()


def test_the_ranking_needs_a_metric_that_all_have() -> None:
    meteor = _result(_pair(1, 1, 0.2, scores={"meteor": 0.2, "rouge_l": 0.3}))
    rouge = _result(_pair(1, 1, None, scores={"meteor": None, "rouge_l": 0.3}))
    assert ranking_metric([meteor]) == "meteor"
    assert ranking_metric([meteor, rouge]) == "rouge_l"
    nothing = _result(_pair(1, 1, None))
    assert choose_examples([meteor, nothing]).metric is None
    assert choose_examples([_EMPTY]).worst == ()


@given(text=st.text(max_size=60), other=st.text(max_size=60))
def test_stretches_give_the_caption_back(text: str, other: str) -> None:
    stretches = shared_words(text, other)
    assert "".join(stretch for stretch, _ in stretches) == text
    assert all(stretch for stretch, _ in stretches)


@pytest.mark.parametrize(
    ("text", "other", "shared"),
    [
        ("A Red dog", "the red cat", ["Red"]),
        ("reddish", "red", []),
        ("the man's hat", "a man's coat", ["man's"]),
        ("on the left", "on the left", ["left"]),
        ("eine Straße", "STRASSE", ["Straße"]),
    ],
)
def test_shared_words_are_whole_words_of_content(text: str, other: str, shared: list[str]) -> None:
    assert [stretch for stretch, is_shared in shared_words(text, other) if is_shared] == shared
