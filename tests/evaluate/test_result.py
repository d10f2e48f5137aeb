"""The result type: JSON both ways, what it refuses, and how it shows itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.errors import InputError, StorageFull
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
from tests.builders.results import golden_reference, golden_result, made_result

KEYS = [
    "mode", "images", "tp", "fp", "fn", "panoptic", "captions", "map", "caption_pq", "per_category",
    "warnings", "missing", "intervals", "quirks", "provenance",
]  # fmt: skip

_score = st.none() | st.floats(0, 10, allow_nan=False)
_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
_count = st.integers(0, 10**9)
_ids = st.integers(0, 2**40)
_quality = st.builds(Quality, _score, _score, _score, _count)
_maps = st.builds(MapScores, _score, _score, st.dictionaries(_text, st.floats(0, 1), max_size=3))
_scores = st.dictionaries(_text, _score, max_size=3)


@st.composite
def _results(draw: st.DrawFn) -> PanopticCaptioningResult:
    mode: Any = draw(st.sampled_from(["corrected", "reference"]))
    category = st.builds(
        CategoryScores,
        _text,
        st.booleans(),
        _score,
        _score,
        _score,
        _count,
        _count,
        _count,
        st.floats(0, 9),
        _scores,
    )
    pair = st.builds(MatchedPair, _ids, _ids, _ids, _ids, st.floats(0, 1), _text, _text, _scores)
    counts = st.builds(Counts, _count, _count, _count, st.floats(0, 99))
    argument = st.none() | _text | st.booleans() | _count | st.lists(_text, max_size=3)
    made = st.builds(
        Provenance, _text, _text, st.dictionaries(_text, _text, max_size=2),
        st.dictionaries(_text, argument, max_size=4),
        st.dictionaries(_text, st.builds(InputFile, _text, _text), max_size=2),
        st.none() | _count, st.none() | _text,
    )  # fmt: skip
    return PanopticCaptioningResult(
        mode,
        *(draw(_count) for _ in range(4)),
        draw(st.builds(PanopticScores, _quality, _quality, _quality)),
        draw(st.builds(CaptionScores, *[_score] * 9)),
        draw(st.builds(MapsByClass, _maps, _maps) if mode == "corrected" else _maps),
        draw(st.builds(CaptionQuality, _score, _score)),
        draw(st.dictionaries(_ids, category, max_size=3)),
        tuple(draw(st.lists(_text, max_size=2))),
        draw(st.dictionaries(_text, _text, max_size=2)),
        draw(st.dictionaries(_text, st.builds(Interval, st.floats(0, 1), st.floats(0, 1)), max_size=2)),
        tuple(draw(st.lists(_text, max_size=2))),
        draw(st.none() | made),
        tuple(draw(st.lists(pair, max_size=3))),
        tuple(
            draw(
                st.lists(st.builds(ImageCounts, _ids, st.dictionaries(_ids, counts, max_size=2)), max_size=2)
            )
        ),
    )


@given(result=_results())
def test_json_gives_the_same_result_back(result: PanopticCaptioningResult) -> None:
    record = json.loads(json.dumps(result.to_json(pairs=True)))
    assert PanopticCaptioningResult.from_json(record) == result
    short = PanopticCaptioningResult.from_json(json.loads(json.dumps(result.to_json())))
    assert short == replace(result, pairs=(), per_image=())


def test_a_file_gives_the_same_result_back(tmp_path: Path) -> None:
    result = made_result()
    path = result.write(tmp_path / "new" / "scores.json")
    assert PanopticCaptioningResult.read(path) == result
    assert [p.name for p in path.parent.iterdir()] == ["scores.json"]


def test_the_keys_are_those_of_the_documentation() -> None:
    record = made_result().to_json()
    assert list(record) == KEYS
    assert list(record["panoptic"]) == ["all", "things", "stuff"]
    assert list(record["panoptic"]["all"]) == ["pq", "sq", "rq", "categories"]
    assert list(record["captions"]) == [
        "bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "meteor", "spice", "spice_sg",
    ]  # fmt: skip
    assert list(record["map"]) == ["class_aware", "class_agnostic"]
    assert list(record["map"]["class_aware"]) == ["map", "detection_map", "by_threshold"]
    assert list(record["caption_pq"]) == ["meteor", "rouge_l"]
    assert set(record["per_category"]) == {"1", "18", "193"}
    assert set(record["per_category"]["18"]) == {
        "name", "is_thing", "pq", "sq", "rq", "tp", "fp", "fn", "iou_sum", "captions",
    }  # fmt: skip
    assert "iou0.3_meteor0.05" in record["map"]["class_aware"]["by_threshold"]
    assert record["captions"]["spice"] is None
    assert isinstance(record["intervals"]["panoptic.all.pq"], list)


def test_reference_mode_has_one_map(golden: Path) -> None:
    record = golden_reference(golden).to_json()
    assert list(record["map"]) == ["map", "detection_map", "by_threshold"]
    assert record["captions"]["meteor"] == 0
    assert record["caption_pq"] == {"meteor": None, "rouge_l": None}
    assert record["quirks"]


@pytest.mark.parametrize("iou", [0.3, 0.4, 0.5, 0.6, 0.7])
@pytest.mark.parametrize(("meteor", "text"), [(0, "0"), (0.0, "0"), (0.1, "0.1"), (0.15, "0.15")])
def test_threshold_keys_are_short(iou: float, meteor: float, text: str) -> None:
    assert threshold_key(iou, meteor) == f"iou{iou}_meteor{text}"


def test_numpy_s_numbers_become_plain_ones(tmp_path: Path) -> None:
    result = made_result(tp=np.int64(3), captions=CaptionScores(cider=np.float64(1.5)))  # type: ignore[arg-type]
    back = PanopticCaptioningResult.read(result.write(tmp_path / "r.json"))
    assert (back.tp, back.captions.cider) == (3, 1.5)


def test_a_lone_surrogate_does_not_stop_the_file(tmp_path: Path) -> None:
    first = made_result()
    result = replace(first, pairs=(replace(first.pairs[0], pred_caption="a \ud800 dog"),))
    assert PanopticCaptioningResult.read(result.write(tmp_path / "r.json")).pairs[0].pred_caption == "a ? dog"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan")])
def test_no_score_may_be_nan(value: float) -> None:
    with pytest.raises(ValueError, match=r"captions\.cider to be finite"):
        made_result(captions=CaptionScores(cider=value))


def test_the_map_follows_the_mode() -> None:
    with pytest.raises(ValueError, match="MapScores in reference mode, got MapsByClass"):
        made_result(mode="reference")


def test_one_score_by_its_path() -> None:
    result = made_result()
    assert result.value("panoptic.all.pq") == result.panoptic.all.pq
    assert result.value("tp") == 24
    assert result.value("captions.spice") is None
    for path in ("panoptic.all", "map.map", "captions.rouge", "per_category.1", "mode", ""):
        with pytest.raises(KeyError):
            result.value(path)


def test_a_reason_is_found_by_path_or_by_name() -> None:
    result = made_result(missing={"spice": "no Java", "caption_pq.meteor": "no data"})
    assert result.reason("captions.spice") == "no Java"
    assert result.reason("caption_pq.meteor") == "no data"
    assert result.reason("captions.meteor") is None


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ([], "got list"),
        (None, "got NoneType"),
        ({}, "got no keys"),
        ({"images": [], "annotations": []}, "got images, annotations"),
        ({"mode": "fast", "panoptic": {}}, "mode: Input should be 'corrected' or 'reference'"),
    ],
)
def test_foreign_json_is_named(record: object, told: str) -> None:
    with pytest.raises(InputError, match="expected") as caught:
        PanopticCaptioningResult.from_json(record, where="x.json")
    assert str(caught.value).startswith("x.json: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tp", "many"),
        ("panoptic", None),
        ("map", {"map": 0.1}),
        ("per_category", {"dog": {}}),
        ("pairs", [{}]),
    ],
)
def test_a_wrong_value_is_named(path: str, value: object) -> None:
    record = made_result().to_json() | {path: value}
    with pytest.raises(InputError, match=path):
        PanopticCaptioningResult.from_json(record)


def test_infinity_in_a_file_is_refused() -> None:
    record = made_result().to_json()
    record["panoptic"]["all"]["pq"] = float("inf")
    with pytest.raises(InputError, match=r"panoptic\.all\.pq"):
        PanopticCaptioningResult.from_json(record)


def test_unknown_keys_of_a_later_version_are_left_out() -> None:
    result = made_result()
    record = result.to_json(pairs=True) | {"carbon": 3}
    record["captions"]["bertscore"] = 0.9
    assert PanopticCaptioningResult.from_json(record) == result


@pytest.mark.parametrize("text", ["", "{", "PK\x03", "[1, 2"])
def test_a_file_that_is_no_json_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"x\.json: expected the JSON"):
        PanopticCaptioningResult.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        PanopticCaptioningResult.read(tmp_path / "x.json")


def test_a_full_disk_is_said_plainly_and_the_earlier_file_stays(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    path = tmp_path / "x.json"
    path.write_text("earlier")
    (tmp_path / ".x.json.part").symlink_to("/dev/full")
    with pytest.raises(StorageFull, match=r"x\.json"):
        made_result().write(path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
    assert path.read_text() == "earlier"


def test_it_shows_itself(golden: Path) -> None:
    result = golden_result(golden)
    assert "38.2" in str(result)
    html = result._repr_html_()
    assert html.startswith("<table>")
    assert "38.2" in html
    assert "Java is not installed" in html
