from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.panoptic_captioning import evaluate_panoptic_captioning
from pix2cap.evaluate.result import MapsByClass, MapScores, PanopticCaptioningResult
from pix2cap.metrics.meteor_data import MeteorData
from tests.evaluate.sets import ScoredSet, build_set, score_golden

SETS = ["sample2", "n20", "real60"]


@pytest.fixture(scope="session")
def meteor() -> None:
    pytest.importorskip("pycocoevalcap")
    MeteorData.load()


@pytest.fixture
def scored(tmp_path: Path) -> ScoredSet:
    return build_set(tmp_path, crowd=True)


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _assert_panoptic(
    result: PanopticCaptioningResult, expected: dict[str, Any], absent: float | None
) -> None:
    for name, key in (("all", "All"), ("things", "Things"), ("stuff", "Stuff")):
        group, row = getattr(result.panoptic, name), expected["panopticapi"][key]
        assert (group.pq, group.sq, group.rq) == pytest.approx((row["pq"], row["sq"], row["rq"]), abs=1e-9)
        assert group.categories == row["n"]
    assert {"tp": result.tp, "fp": result.fp, "fn": result.fn} == expected["totals"]
    for category_id, one in result.per_category.items():
        row = expected["panopticapi"]["per_class"][str(category_id)]
        if str(category_id) in expected["per_category_counts"]:
            counts = expected["per_category_counts"][str(category_id)]
            assert (one.tp, one.fp, one.fn) == (counts["tp"], counts["fp"], counts["fn"])
            assert (one.pq, one.sq, one.rq, one.iou_sum) == pytest.approx(
                (row["pq"], row["sq"], row["rq"], counts["iou"]), abs=1e-9
            )
        else:
            assert (one.pq, one.sq, one.rq) == (absent,) * 3


@pytest.mark.parametrize("name", SETS)
def test_corrected_goldens_with_the_jars_meteor(golden: Path, name: str) -> None:
    wanted = _read(golden / f"{name}_corrected.json")
    result = score_golden(golden, name, meteor_pairs=wanted["pair_meteor15"])
    _assert_panoptic(result, _read(golden / f"{name}_golden.json"), None)
    assert isinstance(result.map, MapsByClass)
    for kind in ("class_aware", "class_agnostic"):
        found = getattr(result.map, kind)
        assert found.map == pytest.approx(wanted[kind]["map"], abs=1e-6)
        assert found.detection_map == pytest.approx(wanted[kind]["detmap"], abs=1e-6)
        assert found.by_threshold == pytest.approx(wanted[kind]["ap"], abs=1e-6)
    assert result.caption_pq.meteor == pytest.approx(wanted["caption_pq_meteor15"]["cap_pq_micro"], abs=1e-6)
    assert result.caption_pq.rouge_l == pytest.approx(wanted["caption_pq_rouge_l"]["cap_pq_micro"], abs=1e-6)
    assert result.captions.rouge_l == pytest.approx(wanted["caption_pq_rouge_l"]["mean_over_tp"], abs=1e-6)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.usefixtures("meteor")
def test_corrected_goldens_with_our_meteor(golden: Path, name: str) -> None:
    wanted = _read(golden / f"{name}_corrected.json")
    result = score_golden(golden, name, metrics=["meteor"])
    assert isinstance(result.map, MapsByClass)
    for kind in ("class_aware", "class_agnostic"):
        assert getattr(result.map, kind).map == pytest.approx(wanted[kind]["map"], abs=2e-3)
    assert result.caption_pq.meteor == pytest.approx(wanted["caption_pq_meteor15"]["cap_pq_micro"], abs=2e-3)
    assert 0 < (result.captions.meteor or 0) < wanted["caption_pq_meteor15"]["mean_over_tp"]
    for pair in result.pairs:
        key = f"{pair.image_id}_{pair.gt_segment_id}_{pair.pred_segment_id}"
        assert pair.scores["meteor"] == pytest.approx(wanted["pair_meteor15"][key], abs=2e-3)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("workers", [1, 2, 16])
def test_reference_goldens(golden: Path, name: str, workers: int) -> None:
    wanted = _read(golden / f"{name}_golden.json")
    result = score_golden(golden, name, mode="reference", workers=workers)
    _assert_panoptic(result, wanted, 0.0)
    printed = wanted["pix2cap_caption_quality"][f"{workers}proc"]
    assert result.captions.bleu_4 == pytest.approx(printed["bleu"], abs=1e-6)
    assert result.captions.cider == pytest.approx(printed["cider"], abs=1e-6)
    assert result.captions.rouge_l == pytest.approx(printed["rouge"], abs=1e-6)
    assert result.captions.meteor == 0 == printed["meteor"]
    assert result.captions.spice is None and "spice" in result.missing
    assert isinstance(result.map, MapScores)
    assert result.map.detection_map == pytest.approx(wanted["pix2cap_map"]["detmap"], abs=1e-6)
    assert result.map.map == pytest.approx(wanted["pix2cap_map"]["map"], abs=1e-6)
    breakdown = {k.replace("score", "meteor"): v for k, v in wanted["pix2cap_map"]["ap_breakdown"].items()}
    assert result.map.by_threshold == pytest.approx(breakdown, abs=1e-6)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_released_evaluator_loses_a_shard(golden: Path, tmp_path: Path, workers: int) -> None:
    """The first two images of n20, in the second of which every prediction is a person."""
    sides = {side: _read(golden / "n20" / f"{side}.json") for side in ("gt", "pred")}
    for side, document in sides.items():
        for key in ("images", "annotations"):
            del document[key][2:]
        if side == "pred":
            for segment in document["annotations"][1]["segments_info"]:
                segment["category_id"] = 1
        (tmp_path / f"{side}.json").write_text(json.dumps(document))
    result = evaluate_panoptic_captioning(
        tmp_path / "gt.json",
        tmp_path / "pred.json",
        gt_masks=golden / "n20/gt",
        pred_masks=golden / "n20/pred",
        mode="reference",
        workers=workers,
    )
    wanted = _read(golden / "quirks_n20.json")[f"drop bug, {workers} process(es)"]
    found = result.panoptic.all
    assert (found.pq, found.sq, found.rq) == pytest.approx(
        (wanted["pq"], wanted["sq"], wanted["rq"]), abs=1e-9
    )
    assert found.categories == wanted["n"]
    assert result.captions.bleu_4 == pytest.approx(wanted["bleu"], abs=1e-6)
    assert result.captions.cider == pytest.approx(wanted["cider"], abs=1e-6)
    assert result.captions.rouge_l == pytest.approx(wanted["rouge"], abs=1e-6)


def _shuffled(folder: Path, document: dict[str, Any]) -> Path:
    order = random.Random(4)
    for key in ("images", "annotations"):
        order.shuffle(document[key])
    for annotation in document["annotations"]:
        order.shuffle(annotation["segments_info"])
    folder.mkdir(exist_ok=True)
    path = folder / f"{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.usefixtures("meteor")
def test_corrected_mode_depends_on_neither_order_nor_workers(golden: Path, tmp_path: Path) -> None:
    first = score_golden(golden, "n20", bootstrap=50)
    files = [_shuffled(tmp_path, _read(golden / "n20" / f"{side}.json")) for side in ("gt", "pred")]
    other = evaluate_panoptic_captioning(
        *files, gt_masks=golden / "n20/gt", pred_masks=golden / "n20/pred", workers=3, bootstrap=50
    )
    one, two = first.to_json(pairs=True), other.to_json(pairs=True)
    del one["provenance"], two["provenance"]
    assert one == two


def test_reference_mode_depends_on_the_order_of_images(golden: Path, tmp_path: Path) -> None:
    document = _read(golden / "n20" / "gt.json")
    document["annotations"].reverse()
    path = tmp_path / "gt.json"
    path.write_text(json.dumps(document))
    result = evaluate_panoptic_captioning(
        path,
        golden / "n20/pred.json",
        gt_masks=golden / "n20/gt",
        pred_masks=golden / "n20/pred",
        mode="reference",
        metrics=["rouge_l"],
    )
    wanted = _read(golden / "quirks_n20.json")["gt image order reversed"]
    assert isinstance(result.map, MapScores)
    assert result.map.map == pytest.approx(wanted["map"], abs=1e-6)
    assert result.map.detection_map == pytest.approx(wanted["detmap"], abs=1e-6)


def test_line_breaks_in_a_caption_shift_no_other(scored: ScoredSet) -> None:
    before = scored.score()
    scored.pred.segment(0)["caption"] = scored.pred.segment(0)["caption"].replace(" ", "\r\n\u2028 ")
    after = scored.score()
    assert [p.scores for p in after.pairs] == [p.scores for p in before.pairs]
    assert after.captions == before.captions


def _with_captions(golden: Path, folder: Path, captions: Any) -> Path:
    document = _read(golden / "n20" / "pred.json")
    for annotation in document["annotations"]:
        for segment in annotation["segments_info"]:
            segment["caption"] = captions(segment)
    path = folder / "pred.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("quirk", "text"),
    [
        ('all captions = "a"', "a"),
        ('all captions = "xyz"', "xyz"),
        ("all captions = alphabet string", "abcdefghijklmnopqrstuvwxyz"),
        ("all captions empty", ""),
    ],
)
def test_released_map_of_degenerate_captions(golden: Path, tmp_path: Path, quirk: str, text: str) -> None:
    result = evaluate_panoptic_captioning(
        golden / "n20/gt.json",
        _with_captions(golden, tmp_path, lambda _: text),
        gt_masks=golden / "n20/gt",
        pred_masks=golden / "n20/pred",
        mode="reference",
        metrics=["rouge_l"],
    )
    wanted = _read(golden / "quirks_n20.json")[quirk]
    assert isinstance(result.map, MapScores)
    assert result.map.detection_map == pytest.approx(wanted["detmap"], abs=1e-6)
    assert result.map.map == pytest.approx(wanted["map"], abs=1e-6)


@pytest.mark.usefixtures("meteor")
def test_perfect_captions_score_highest_but_not_in_the_released_map(golden: Path) -> None:
    folder = golden / "n20"

    def score(pred: str, mode: Any) -> PanopticCaptioningResult:
        return evaluate_panoptic_captioning(
            folder / "gt.json",
            folder / f"{pred}.json",
            gt_masks=folder / "gt",
            pred_masks=folder / pred,
            mode=mode,
            bootstrap=0,
        )

    perfect, real = score("gt", "corrected"), score("pred", "corrected")
    assert isinstance(perfect.map, MapsByClass) and isinstance(real.map, MapsByClass)
    assert perfect.panoptic.all.pq == perfect.map.class_aware.map == perfect.caption_pq.rouge_l == 1
    for path, value in (
        ("map.class_aware.map", 1),
        ("map.class_agnostic.map", 1),
        ("caption_pq.meteor", 1),
        ("captions.bleu_4", 1),
    ):
        assert real.value(path) < perfect.value(path) == pytest.approx(value, abs=1e-6)  # type: ignore[operator]
    released = score("gt", "reference")
    wanted = _read(golden / "quirks_n20.json")["oracle: pred == gt (masks, classes, captions)"]
    assert isinstance(released.map, MapScores)
    assert released.map.detection_map == pytest.approx(wanted["detmap"], abs=1e-6)
    assert released.map.map == pytest.approx(wanted["map"], abs=1e-6) and wanted["map"] < 0.31


def test_a_shard_without_a_captioned_match_is_lost_in_reference_mode(scored: ScoredSet) -> None:
    for image in (1, 2):
        for segment in scored.pred.annotation(image)["segments_info"]:
            segment["category_id"] = 1 if segment["category_id"] != 1 else 3
    whole = scored.score(mode="reference")
    split = scored.score(mode="reference", workers=3)
    assert (whole.fp > 0, whole.fn > 0) == (True, True)
    assert (split.fp, split.fn) == (0, 0) and split.tp == whole.tp > 0
    assert split.panoptic.all.pq == 1 > whole.panoptic.all.pq  # type: ignore[operator]
    assert any("2 of 3 shards" in quirk for quirk in split.quirks)
    assert not any("shards" in quirk for quirk in whole.quirks)
    factor = whole.tp / (whole.tp + whole.fp + whole.fn)
    assert whole.captions.rouge_l == pytest.approx(split.captions.rouge_l * factor)  # type: ignore[operator]
    assert scored.score(workers=3).fp == scored.score().fp == whole.fp


def test_a_match_without_a_caption_is_no_captioned_match(scored: ScoredSet) -> None:
    for segment in scored.pred.annotation(1)["segments_info"]:
        del segment["caption"]
    split = scored.score(mode="reference", workers=3)
    assert any("1 of 3 shards" in quirk for quirk in split.quirks)
    corrected = scored.score()
    assert corrected.tp == scored.score(mode="reference").tp > split.tp
    assert any("predicted segments have no caption" in warning for warning in corrected.warnings)


def test_the_modes_take_areas_from_different_places(scored: ScoredSet) -> None:
    for annotation in scored.gt.document["annotations"]:
        for segment in annotation["segments_info"]:
            segment["area"] //= 2
    corrected, released = scored.score(), scored.score(mode="reference")
    assert corrected.panoptic.all.pq == 1
    assert released.panoptic.all.pq > 1  # type: ignore[operator]
    assert any("state an area that is not theirs" in warning for warning in corrected.warnings)
    assert any("areas of the ground truth" in quirk for quirk in released.quirks)


def test_nothing_matched_is_no_number_and_no_crash(scored: ScoredSet) -> None:
    scored.pred.document["annotations"] = []
    for mode in ("corrected", "reference"):
        result = scored.score(mode=mode, allow_missing=True, bootstrap=20)
        assert (result.tp, result.fp) == (0, 0) and result.panoptic.all.pq in (0, None)
        assert result.captions.bleu_1 is None and result.missing["bleu_1"] == "no pair matched"
    assert result.captions.meteor == 0


def test_intervals_hold_their_scores_and_follow_the_seed(golden: Path) -> None:
    wanted = _read(golden / "real60_corrected.json")["pair_meteor15"]
    one, same, other = (
        score_golden(golden, "real60", meteor_pairs=wanted, bootstrap=100, seed=seed) for seed in (1, 1, 2)
    )
    assert one.intervals == same.intervals != other.intervals
    expected = {f"panoptic.{g}.{q}" for g in ("all", "things", "stuff") for q in ("pq", "sq", "rq")}
    expected |= {f"captions.{m}" for m in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider")}
    expected |= {f"map.{k}.{m}" for k in ("class_aware", "class_agnostic") for m in ("map", "detection_map")}
    expected |= {"caption_pq.meteor", "caption_pq.rouge_l"}
    assert one.intervals.keys() - {"captions.meteor"} == expected
    for path, (low, high) in one.intervals.items():
        assert low <= one.value(path) <= high and low < high  # type: ignore[operator]


def test_the_json_has_the_agreed_keys(scored: ScoredSet) -> None:
    record = scored.score(bootstrap=10).to_json()
    assert list(record)[:10] == [
        "mode", "images", "tp", "fp", "fn", "panoptic", "captions", "map", "caption_pq", "per_category",
    ]  # fmt: skip
    assert list(record["panoptic"]["all"]) == ["pq", "sq", "rq", "categories"]
    assert list(record["captions"]) == [
        "bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "meteor", "spice", "spice_sg",
    ]  # fmt: skip
    assert list(record["map"]) == ["class_aware", "class_agnostic"]
    assert list(record["map"]["class_aware"]) == ["map", "detection_map", "by_threshold"]
    released = scored.score(mode="reference").to_json()
    assert list(released["map"]) == ["map", "detection_map", "by_threshold"]
    assert isinstance(released["quirks"], list) and released["caption_pq"] == {
        "meteor": None,
        "rouge_l": None,
    }
    assert PanopticCaptioningResult.from_json(record).to_json() == record


def test_metrics_that_were_not_asked_for_say_so(scored: ScoredSet) -> None:
    result = scored.score(metrics=["bleu"])
    assert result.captions.rouge_l is None and result.missing["rouge_l"].startswith("not asked for")
    assert result.caption_pq.rouge_l == 1 and result.captions.bleu_4 == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"mode": "wrong"}, "mode: expected corrected or reference, got 'wrong'"),
        ({"workers": 0}, "workers: expected 1 or more, got 0"),
        ({"bootstrap": -1}, "expected 0 or more, got -1 and 0"),
        ({"metrics": ["blue"]}, "got 'blue'"),
    ],
)
def test_arguments_without_sense_are_refused(scored: ScoredSet, options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        scored.score(**options)


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ({"1_2": 0.5}, "expected image_gt_prediction with a number, got '1_2': 0.5"),
        ({"1_2_3": "x"}, "got '1_2_3': 'x'"),
        ({"1_2_3": 0.5}, "expected a score for \\d+_\\d+_\\d+ .image_gt_prediction., got none"),
    ],
)
def test_given_meteor_must_be_whole(scored: ScoredSet, pairs: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        scored.score(meteor_pairs=pairs)


def test_provenance_names_what_was_read_and_no_folder(scored: ScoredSet) -> None:
    made = scored.score(seed=7).provenance
    assert made is not None and made.seed == 7
    assert set(made.inputs) == {"gt", "pred", "gt_masks", "pred_masks"}
    assert str(scored.gt.folder) not in json.dumps(
        [made.arguments, {k: v.name for k, v in made.inputs.items()}]
    )
