"""The folder of predictions: what it holds, how it is gone on with, and what `score` makes of it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2cap.core import CaptionedImage, ImageRef, SegmentCaption
from pix2cap.errors import InputError, RunLocked, UsageError
from pix2cap.evaluate.panoptic_captioning import evaluate_panoptic_captioning
from pix2cap.formats.dataset_folder import DatasetWriter, read_dataset
from pix2cap.formats.png import decode_id_png
from pix2cap.report import report_dataset
from pix2cap.scenes.scene import scenes
from pix2cap.train.predict import MAX_MASK_PIXELS, PredictionSummary, mask_size, predict
from pix2cap.train.predict_journal import PredictionJournal
from pix2cap.train.predict_options import PredictOptions
from pix2cap.train.predicted import Predictor
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.predictors import HALVES, HalvesPredictor, TruthfulPredictor


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder that has the files of weights; the predictors here look at none of them."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"1")
    return folder


@pytest.fixture
def pics(tmp_path: Path) -> Path:
    """Three pictures, each of another kind."""
    folder = tmp_path / "pics"
    folder.mkdir()
    save(folder / "1.png", (40, 30))
    save(folder / "2.jpg", (31, 17))
    save(folder / "3.png", (8, 90), mode="L")
    return folder


def save(path: Path, size_wh: tuple[int, int], mode: str = "RGB", **more: Any) -> Path:
    rng = np.random.default_rng(sum(size_wh))
    width, height = size_wh
    if mode == "I;16":
        array = rng.integers(0, 65536, (height, width), np.uint16)
    else:
        channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
        array = rng.integers(0, 256, (height, width, *channels), np.uint8)
    Image.fromarray(array).save(path, **more)
    return path


def run(
    images: Path | Sequence[str | Path],
    weights: Path,
    out: Path,
    predictor: Predictor | None = None,
    options: PredictOptions | None = None,
    **more: Any,
) -> PredictionSummary:
    named = [images] if isinstance(images, Path) else images
    made = predictor or HalvesPredictor()
    return predict(named, weights, out, options, load=lambda *_: made, **more)


def panoptic(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "panoptic.json").read_text())
    return found


def test_a_folder_of_predictions(pics: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = run(pics, weights, out)
    assert (summary.pictures, summary.predicted, summary.kept, summary.refused) == (3, 3, 0, ())
    assert (summary.segments, summary.captions) == (6, 3)
    assert summary.id_sources == {"file_name": 3}
    document = panoptic(out)
    assert document["images"][0] == {"id": 1, "file_name": "1.png", "width": 40, "height": 30}
    assert [c["name"] for c in document["categories"]] == [c.name for c in HALVES]
    assert document["annotations"][2]["segments_info"] == [
        {
            "id": 1,
            "category_id": 7,
            "iscrowd": 0,
            "bbox": [0, 0, 4, 90],
            "area": 360,
            "caption": "The left half of it all.",
            "score": 0.875,
            "caption_log_prob": -0.25,
        },
        {
            "id": 2,
            "category_id": 9,
            "iscrowd": 0,
            "bbox": [4, 0, 4, 90],
            "area": 360,
            "caption": "",
            "score": 0.5,
            "caption_log_prob": -1.5,
        },
    ]
    ids = decode_id_png((out / "panoptic" / "3.png").read_bytes())
    assert ids.shape == (90, 8) and (ids[:, :4] == 1).all() and (ids[:, 4:] == 2).all()
    with Image.open(out / "overlays" / "3.jpg") as overlay:
        assert overlay.size == (8, 90)
    left = {path.name for path in out.iterdir()}
    assert left == {
        "panoptic.json",
        "panoptic",
        "overlays",
        "report.html",
        "manifest.json",
        "predictions.jsonl",
    }


def test_the_page_shows_captions_classes_and_scores(pics: Path, weights: Path, tmp_path: Path) -> None:
    run(pics, weights, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count('<article class="card"') == 3
    for text in ("The left half of it all.", "right half", "88 % sure", "the model wrote nothing"):
        assert text in page
    again = report_dataset(tmp_path / "out", tmp_path / "again.html").read_text()
    assert "The left half of it all." in again and "88 % sure" in again


def test_no_file_tells_the_home_folder(pics: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(pics, weights, out)
    for path in out.rglob("*"):
        assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes(), path
    assert json.loads((out / "manifest.json").read_text())["image_root"] == "../pics"


def test_true_predictions_score_as_such(weights: Path, tmp_path: Path) -> None:
    rendered = list(scenes(3, seed=5, size_wh=(96, 80)))
    pics = tmp_path / "pics"
    pics.mkdir()
    with DatasetWriter(tmp_path / "gt", rendered[0].categories) as writer:
        for number, scene in enumerate(rendered, start=11):
            Image.fromarray(scene.rgb).save(pics / f"scene {number}.png")
            captions = tuple(SegmentCaption(i, text) for i, text in scene.captions.items())
            image = ImageRef(number, f"scene {number}.png", 96, 80)
            writer.add(CaptionedImage(image, scene.panoptic, captions))
    out = tmp_path / "out"
    listed = tmp_path / "gt" / "panoptic.json"
    summary = run(pics, weights, out, TruthfulPredictor(rendered), image_json=listed)
    assert summary.id_sources == {"image_json": 3}
    result = evaluate_panoptic_captioning(tmp_path / "gt", out, metrics=["bleu", "rouge_l"], bootstrap=0)
    assert result.panoptic.all.pq == 1 and result.captions.rouge_l == pytest.approx(1)
    assert not any("score" in warning for warning in result.warnings)
    read = list(read_dataset(out, images=pics))
    assert [r.image.image_id for r in read] == [11, 12, 13]
    for item, scene in zip(read, rendered, strict=True):
        assert np.array_equal(item.panoptic.id_map, scene.panoptic.id_map)
        assert {c.segment_id: c.text for c in item.captions} == scene.captions


@pytest.mark.parametrize("size", [(1, 1), (50, 2000), (2000, 50), (33, 47), (2, 1)])
def test_pictures_of_any_size(tmp_path: Path, weights: Path, size: tuple[int, int]) -> None:
    save(tmp_path / "7.png", size)
    run(tmp_path / "7.png", weights, tmp_path / "out")
    ids = decode_id_png((tmp_path / "out" / "panoptic" / "7.png").read_bytes())
    assert (ids.shape[1], ids.shape[0]) == size
    areas = [s["area"] for s in panoptic(tmp_path / "out")["annotations"][0]["segments_info"]]
    assert sum(areas) == size[0] * size[1]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_pictures_of_any_kind(tmp_path: Path, weights: Path, mode: str) -> None:
    save(tmp_path / "7.png", (20, 10), mode=mode)
    predictor = HalvesPredictor(side=16)
    run(tmp_path / "7.png", weights, tmp_path / "out", predictor)
    assert predictor.shown == [(16, 16, 3)]


def test_a_turned_photo_lies_as_people_see_it(tmp_path: Path, weights: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "7.jpg", (40, 24), exif=exif)
    run(tmp_path / "7.jpg", weights, tmp_path / "out")
    assert panoptic(tmp_path / "out")["images"][0] | {"id": 0} == {
        "id": 0,
        "file_name": "7.jpg",
        "width": 24,
        "height": 40,
    }
    listed = tmp_path / "gt.json"
    listed.write_text(json.dumps({"images": [{"id": 3, "file_name": "7.jpg", "width": 40, "height": 24}]}))
    run(tmp_path / "7.jpg", weights, tmp_path / "stored", image_json=listed)
    assert panoptic(tmp_path / "stored")["images"][0]["width"] == 40


def test_masks_of_an_enormous_picture_stay_small(tmp_path: Path, weights: Path) -> None:
    save(tmp_path / "7.jpg", (3001, 1503))
    predictor = HalvesPredictor()
    run(tmp_path / "7.jpg", weights, tmp_path / "out", predictor)
    ((width, height),) = predictor.asked
    assert 0.98 * MAX_MASK_PIXELS < width * height <= MAX_MASK_PIXELS
    ids = decode_id_png((tmp_path / "out" / "panoptic" / "7.png").read_bytes())
    assert ids.shape == (1503, 3001) and abs(int((ids[0] == 1).sum()) - 1500) <= 1
    with Image.open(tmp_path / "out" / "overlays" / "7.jpg") as overlay:
        assert overlay.size == (2048, 1026)


@pytest.mark.parametrize("size", [(1, 10**7), (10**7, 1), (9000, 9000), (1448, 1448), (1, 1)])
def test_the_size_of_masks_is_bounded(size: tuple[int, int]) -> None:
    width, height = mask_size(size)
    assert 1 <= width * height <= max(MAX_MASK_PIXELS, max(size) if min(size) == 1 else 0)
    assert width <= size[0] and height <= size[1]


def test_batches(pics: Path, weights: Path, tmp_path: Path) -> None:
    predictor = HalvesPredictor()
    run(pics, weights, tmp_path / "out", predictor, PredictOptions(batch_size=2))
    assert predictor.batches == [2, 1]


def test_what_cannot_be_read_is_listed_and_the_rest_done(pics: Path, weights: Path, tmp_path: Path) -> None:
    (pics / "2.jpg").write_text("no picture")
    (pics / "0.png").write_bytes((pics / "1.png").read_bytes()[:60])
    summary = run(pics, weights, tmp_path / "out")
    assert summary.predicted == 2
    names, reasons = zip(*summary.refused, strict=True)
    assert names == ("0.png", "2.jpg")
    assert "truncated or damaged" in reasons[0] and "not a picture" in reasons[1]
    assert [image["id"] for image in panoptic(tmp_path / "out")["images"]] == [1, 3]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [row["file_name"] for row in manifest["refused_images"]] == ["0.png", "2.jpg"]
    assert "2 pictures could not be read" in (tmp_path / "out" / "report.html").read_text()


def test_nothing_readable_leaves_no_folder(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "notes.txt").write_text("Dear all,")

    def load(*_: object) -> Predictor:
        raise AssertionError("weights were loaded for nothing")

    with pytest.raises(InputError, match=r"notes\.txt: not a picture .*pix2cap predict PICTURES"):
        predict([tmp_path / "notes.txt"], weights, tmp_path / "out", load=load)
    assert not (tmp_path / "out").exists()


def test_an_interrupted_call_leaves_no_whole_folder_and_the_next_goes_on(
    pics: Path, weights: Path, tmp_path: Path
) -> None:
    out, truth = tmp_path / "out", build_coco_panoptic(tmp_path / "truth", captions=True)
    with pytest.raises(KeyboardInterrupt):
        run(pics, weights, out, HalvesPredictor(fail_at=2))
    assert not (out / "panoptic.json").exists() and not (out / "report.html").exists()
    with pytest.raises(InputError, match="the same command again goes on"):
        evaluate_panoptic_captioning(truth.json_path, out, gt_masks=truth.masks, metrics=["rouge_l"])
    rest = HalvesPredictor()
    summary = run(pics, weights, out, rest)
    assert (summary.predicted, summary.kept, len(rest.shown)) == (1, 2, 1)
    whole = tmp_path / "whole"
    run(pics, weights, whole)
    for name in ("panoptic.json", "report.html"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("cut", range(1, 120, 13))
def test_a_journal_cut_anywhere_is_gone_on_with(pics: Path, weights: Path, tmp_path: Path, cut: int) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    run(pics, weights, whole)
    run(pics, weights, out)
    (out / "panoptic.json").unlink()
    data = (out / "predictions.jsonl").read_bytes()
    (out / "predictions.jsonl").write_bytes(data[: len(data) - cut * 9])
    summary = run(pics, weights, out)
    assert summary.predicted >= 1
    assert (out / "panoptic.json").read_bytes() == (whole / "panoptic.json").read_bytes()
    assert len(PredictionJournal(out / "predictions.jsonl").ids) == 3


def test_the_same_call_takes_up_new_changed_and_mended_pictures(
    pics: Path, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    broken = pics / "4.png"
    broken.write_text("nothing")
    assert len(run(pics, weights, out).refused) == 1
    save(broken, (12, 12))
    save(pics / "5.png", (6, 6))
    save(pics / "1.png", (50, 20))
    (out / "panoptic" / "2.png").unlink()
    predictor = HalvesPredictor()
    summary = run(pics, weights, out, predictor)
    assert sorted(predictor.asked) == [(6, 6), (12, 12), (31, 17), (50, 20)]
    assert (summary.predicted, summary.kept, summary.refused) == (4, 1, ())
    assert [(i["id"], i["width"]) for i in panoptic(out)["images"]] == [
        (1, 50),
        (2, 31),
        (3, 8),
        (4, 12),
        (5, 6),
    ]


def test_a_picture_that_broke_since_is_no_longer_listed(pics: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(pics, weights, out)
    (pics / "2.jpg").write_text("broken now")
    assert [name for name, _ in run(pics, weights, out).refused] == ["2.jpg"]
    assert [image["id"] for image in panoptic(out)["images"]] == [1, 3]


def test_a_limit_is_gone_on_with(pics: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(pics, weights, out, limit=1).predicted == 1
    assert len(panoptic(out)["images"]) == 1
    assert run(pics, weights, out).predicted == 2
    assert len(panoptic(out)["images"]) == 3


def test_made_up_numbers_stay_when_pictures_are_added(weights: Path, tmp_path: Path) -> None:
    pics, out = tmp_path / "pics", tmp_path / "out"
    pics.mkdir()
    save(pics / "m.png", (9, 9))
    run(pics, weights, out)
    save(pics / "a.png", (9, 9))
    assert run(pics, weights, out).predicted == 1
    assert {i["file_name"]: i["id"] for i in panoptic(out)["images"]} == {"m.png": 1, "a.png": 2}


def test_other_choices_do_not_mix(pics: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(pics, weights, out)
    before = (out / "panoptic.json").read_bytes()
    with pytest.raises(UsageError, match=r"beam size 1 then, 3 now.*--overwrite"):
        run(pics, weights, out, options=PredictOptions(beam_size=3))
    (weights / "model.safetensors").write_bytes(b"2")
    with pytest.raises(UsageError, match="weights sha256"):
        run(pics, weights, out)
    assert (out / "panoptic.json").read_bytes() == before
    assert run(pics, weights, out, options=PredictOptions(beam_size=3), overwrite=True).predicted == 3


def test_other_pictures_do_not_replace_these(pics: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(pics, weights, out)
    with pytest.raises(UsageError, match=r"got no 1\.png and 1 more; .*--overwrite"):
        run([pics / "2.jpg"], weights, out)
    run([pics / "2.jpg"], weights, out, overwrite=True)
    assert [path.name for path in (out / "panoptic").iterdir()] == ["2.png"]


def test_files_of_others_are_not_touched(pics: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match=r"got thesis\.tex; .*--overwrite"):
        run(pics, weights, out)
    run(pics, weights, out, overwrite=True)
    assert (out / "thesis.tex").read_text() == "mine"
    with pytest.raises(UsageError, match=r"got the file .*thesis\.tex"):
        run(pics, weights, out / "thesis.tex")


def test_a_foreign_journal_is_refused(pics: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "predictions.jsonl").write_text('{"format": "another"}\n')
    with pytest.raises(InputError, match=r"predictions\.jsonl: .*--overwrite"):
        run(pics, weights, out)


def test_two_at_once_are_refused(pics: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(pics, weights, out)
    journal = PredictionJournal(out / "predictions.jsonl")
    journal.begin({})
    try:
        with pytest.raises(RunLocked, match="another `pix2cap predict`"):
            run(pics, weights, out)
    finally:
        journal.close()
    assert (out / "panoptic.json").is_file()


def test_the_clock_of_a_picture_is_what_tells_of_a_change(pics: Path, weights: Path, tmp_path: Path) -> None:
    run(pics, weights, tmp_path / "out")
    os.utime(pics / "1.png", (1, 1))
    assert run(pics, weights, tmp_path / "out").predicted == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (PredictOptions(beam_size=0), "--beam-size"),
        (PredictOptions(batch_size=-1), "--batch-size"),
        (PredictOptions(short_side=0), "--short-side"),
        (PredictOptions(max_side=0), "--max-side"),
        (PredictOptions(short_side=300, max_side=200), "at least --short-side 300, got 200"),
        (PredictOptions(max_tokens=1), "--max-tokens"),
        (PredictOptions(object_threshold=1.5), "--object-threshold: expected 0 to 1"),
        (PredictOptions(overlap_threshold=float("nan")), "--overlap-threshold"),
    ],
)
def test_options_out_of_range(
    pics: Path, weights: Path, tmp_path: Path, options: PredictOptions, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        run(pics, weights, tmp_path / "out", options=options)
    assert not (tmp_path / "out").exists()


def test_weights_that_are_none(pics: Path, weights: Path, tmp_path: Path) -> None:
    (weights / "x.pt").write_bytes(b"1")
    for wrong, told in (
        (tmp_path / "nowhere", "no such folder"),
        (pics, r"a folder without model\.safetensors"),
        (weights / "x.pt", "got a file"),
    ):
        with pytest.raises(InputError, match=rf"{told}.*pix2cap weights convert"):
            run(pics, wrong, tmp_path / "out")
