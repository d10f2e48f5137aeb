from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2cap.errors import InputError
from pix2cap.evaluate.inputs import EvaluationInputs, ImageSegments, open_inputs
from pix2cap.evaluate.inputs_maps import MapJoiner, MapNames
from pix2cap.formats.file_places import open_masks
from tests.builders.panoptic import build_coco_panoptic, png_bytes
from tests.evaluate.sets import ScoredSet, build_set


@pytest.fixture
def scored(tmp_path: Path) -> ScoredSet:
    return build_set(tmp_path)


def opened(scored: ScoredSet, *, allow_missing: bool = False) -> EvaluationInputs:
    scored.gt.save()
    scored.pred.save()
    return open_inputs(
        scored.gt.json_path,
        scored.pred.json_path,
        gt_masks=scored.gt.masks,
        pred_masks=scored.pred.masks,
        allow_missing=allow_missing,
    )


def recolour(path: Path, change: Callable[[np.ndarray], object]) -> None:
    pixels = np.array(Image.open(path))
    change(pixels)
    path.write_bytes(png_bytes(pixels))


def drop_image(s: ScoredSet) -> None:
    del s.pred.document["annotations"][1]
    del s.pred.document["images"][1]


def unknown_category(s: ScoredSet) -> None:
    s.pred.segment(1)["category_id"] = 77


def id_only_in_json(s: ScoredSet) -> None:
    s.pred.annotation(1)["segments_info"].append({"id": 4242, "category_id": 1, "caption": "nowhere"})


def id_only_in_png(s: ScoredSet) -> None:
    s.pred.annotation(1)["segments_info"].pop()


def duplicate_segment(s: ScoredSet) -> None:
    s.pred.annotation(2)["segments_info"].append(dict(s.pred.segment(0, 2)))


def duplicate_annotation(s: ScoredSet) -> None:
    s.pred.document["annotations"].append(s.pred.annotation(0))


def empty_png(s: ScoredSet) -> None:
    s.pred.mask_path(1).write_bytes(b"")


def missing_png(s: ScoredSet) -> None:
    s.pred.mask_path(1).unlink()


def other_size(s: ScoredSet) -> None:
    path = s.pred.mask_path(1)
    path.write_bytes(png_bytes(np.array(Image.open(path))[:-1]))
    s.pred.document["images"][1]["height"] -= 1


def text_score(s: ScoredSet) -> None:
    s.pred.segment(0, 1)["score"] = "0.5"


def list_caption(s: ScoredSet) -> None:
    s.pred.segment(0, 1)["caption"] = ["a", "list"]


BROKEN_PREDICTIONS = [
    (
        drop_image,
        2,
        "pred.json: expected a prediction for each of 3 images, got none for image 2; --allow-missing",
    ),
    (unknown_category, 1, "image 1, segment \\d+: unknown category .expected an id of `categories`, got 77"),
    (id_only_in_json, 2, "masks/000000000002.png, image 2, segment 4242: id in JSON but not in PNG"),
    (id_only_in_png, 2, "masks/000000000002.png, image 2, segment \\d+: id in PNG but not in JSON"),
    (duplicate_segment, 3, "pred.json, image 3, segment \\d+: duplicate segment id"),
    (duplicate_annotation, 1, "pred.json, image 1: more than one annotation of the image"),
    (empty_png, 2, "masks/000000000002.png, image 2: truncated or damaged mask .*the file is empty"),
    (missing_png, 2, "masks/000000000002.png, image 2: missing mask file"),
    (other_size, 2, "masks/000000000002.png, image 2: size mismatch of mask .*64 x 48 .*64 x 47"),
    (text_score, 2, 'image 2, segment \\d+: wrong type .expected a number as `score`, got text "0.5"'),
    (list_caption, 2, "image 2, segment \\d+: wrong type .expected a text as `description`, got a list"),
]


@pytest.mark.parametrize(("break_it", "told"), [(b, t) for b, _, t in BROKEN_PREDICTIONS])
def test_a_broken_prediction_is_named_and_stops(
    scored: ScoredSet, break_it: Callable[[ScoredSet], None], told: str
) -> None:
    break_it(scored)
    with pytest.raises(InputError, match=told):
        list(opened(scored).images())


@pytest.mark.parametrize(("break_it", "broken"), [(b, i) for b, i, _ in BROKEN_PREDICTIONS])
def test_a_broken_prediction_may_count_as_none(
    scored: ScoredSet, break_it: Callable[[ScoredSet], None], broken: int
) -> None:
    whole = scored.score()
    break_it(scored)
    result = scored.score(allow_missing=True)
    (counts,) = [i.categories.values() for i in result.per_image if i.image_id == broken]
    (before,) = [i.categories.values() for i in whole.per_image if i.image_id == broken]
    assert sum(c.fn for c in counts) == sum(c.tp for c in before) > 0
    assert sum(c.tp + c.fp for c in counts) == 0
    assert any(f"image {broken}" in warning for warning in result.warnings)


def test_the_ground_truth_is_never_forgiven(scored: ScoredSet) -> None:
    scored.gt.annotation(1)["segments_info"].pop()
    with pytest.raises(
        InputError, match=r"masks/000000000002\.png, image 2, segment .*in PNG but not in JSON"
    ):
        list(opened(scored, allow_missing=True).images())


@pytest.mark.parametrize("side", ["gt", "pred"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "empty file"),
        ("[]", "not a JSON object"),
        ('{"images": [', "truncated or damaged JSON"),
        (None, "missing file"),
    ],
)
def test_files_that_are_none_are_named(scored: ScoredSet, side: str, content: str | None, told: str) -> None:
    path = getattr(scored, side).json_path
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(InputError, match=f"{path.name}.*: {told}"):
        open_inputs(
            scored.gt.json_path, scored.pred.json_path, gt_masks=scored.gt.masks, pred_masks=scored.pred.masks
        )


def test_an_image_listed_twice_is_refused(scored: ScoredSet) -> None:
    scored.gt.document["images"].append(scored.gt.document["images"][0])
    with pytest.raises(InputError, match=r"panoptic\.json, image 1: duplicate image id"):
        opened(scored)


def test_no_ground_truth_is_refused(scored: ScoredSet) -> None:
    scored.gt.document["annotations"] = []
    with pytest.raises(InputError, match="expected annotated images to score against, got none"):
        opened(scored)


def test_no_prediction_at_all_may_be_allowed(scored: ScoredSet) -> None:
    scored.pred.document["annotations"] = []
    with pytest.raises(InputError, match="got none for images 1, 2, 3"):
        opened(scored)
    assert [len(i.overlaps.pred) for i in opened(scored, allow_missing=True).images()] == [0, 0, 0]


def test_what_is_not_scored_is_said(scored: ScoredSet) -> None:
    del scored.gt.document["annotations"][2]
    warnings = opened(scored).warnings
    assert warnings == (
        "not scored: image 3 of panoptic.json, which have no annotation",
        "not scored: predictions for image 3, which panoptic.json does not annotate",
    )


def test_renumbered_categories_are_suspicious(scored: ScoredSet) -> None:
    scored.pred.document["categories"][0]["name"] = "airplane"
    (warning,) = opened(scored).warnings
    assert "category of another name" in warning and "'airplane'; ids may" not in warning
    assert "may have been renumbered" in warning


def test_results_without_images_and_categories(scored: ScoredSet) -> None:
    whole = list(opened(scored).images())
    scored.pred.document = {"annotations": scored.pred.document["annotations"]}
    assert [i.overlaps.pixels.tolist() for i in opened(scored).images()] == [
        i.overlaps.pixels.tolist() for i in whole
    ]


def test_either_side_may_be_a_dataset_folder_or_find_its_masks(scored: ScoredSet, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(scored.gt.masks, folder / "panoptic")
    shutil.copy(scored.gt.json_path, folder / "panoptic.json")
    beside = tmp_path / "beside.json"
    shutil.copy(scored.pred.json_path, beside)
    shutil.copytree(scored.pred.masks, tmp_path / "beside")
    for gt, pred in ((folder, folder), (folder, beside), (beside, folder)):
        found = list(open_inputs(gt, pred).images())
        assert all((i.overlaps.iou() == 1).sum() == len(i.overlaps.gt) > 0 for i in found)


def test_masks_may_lie_in_zips(scored: ScoredSet) -> None:
    plain = list(opened(scored).images())
    zips = scored.gt.zip_masks("inside/"), scored.pred.zip_masks()
    inputs = open_inputs(scored.gt.json_path, scored.pred.json_path, gt_masks=zips[0], pred_masks=zips[1])
    assert [i.overlaps.pixels.tolist() for i in inputs.images()] == [
        i.overlaps.pixels.tolist() for i in plain
    ]


def test_a_ground_truth_of_another_kind_can_be_scored_against(scored: ScoredSet, tmp_path: Path) -> None:
    folder = tmp_path / "maps"
    shutil.copytree(scored.gt.masks, folder)
    images = [
        {**image, "mask": annotation["file_name"], "segments": annotation["segments_info"]}
        for image, annotation in zip(
            scored.gt.document["images"], scored.gt.document["annotations"], strict=True
        )
    ]
    document = {"categories": scored.gt.document["categories"], "images": images}
    (folder / "maps.json").write_text(json.dumps(document))
    found = list(open_inputs(folder, scored.pred.json_path, pred_masks=scored.pred.masks).images())
    assert [i.gt_captions for i in found] == [i.gt_captions for i in opened(scored).images()]


def test_captions_scores_and_areas_are_read(scored: ScoredSet) -> None:
    scored.pred.segment(0)["score"] = 0.25
    scored.pred.segment(1)["caption"] = "a\rb\u2028c"
    del scored.pred.segment(2)["caption"]
    scored.gt.segment(0)["area"] += 5
    image = next(opened(scored).images())
    assert image.scores[:2].tolist() == [0.25, 1.0]
    assert image.unscored == len(image.scores) - 1
    assert image.pred_captions[1:3] == ("a\rb\u2028c", None)
    assert image.wrong_areas == 1


def test_usual_maps_are_joined_alike_by_both_ways(scored: ScoredSet) -> None:
    joiner = MapJoiner(open_masks(scored.gt.masks), open_masks(scored.pred.masks))
    inputs = opened(scored)
    for image in inputs.images():
        name = f"{image.image_id:012d}.png"
        joined = joiner.join(MapNames(name, name))
        slow = inputs._image_looked_at(image.image_id)
        assert joined is not None and joined.size_wh == (64, 48)
        assert slow.overlaps.pixels.tolist() == image.overlaps.pixels.tolist()
        assert slow.overlaps.gt.areas.tolist() == image.overlaps.gt.areas.tolist()
    assert joiner.join(MapNames("000000000001.png", "none.png")) is None
    assert joiner.join(MapNames("../000000000001.png", "000000000001.png")) is None


def test_maps_with_alpha_are_read_too(scored: ScoredSet) -> None:
    plain = [i.overlaps.pixels.tolist() for i in opened(scored).images()]
    path = scored.pred.mask_path(0)
    rgba = Image.open(path).convert("RGBA")
    buffer = io.BytesIO()
    rgba.save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())
    assert [i.overlaps.pixels.tolist() for i in opened(scored).images()] == plain


def test_processes_read_the_same_in_the_same_order(tmp_path: Path) -> None:
    gt = build_coco_panoptic(tmp_path, n_images=230, size_wh=(12, 10), n_segments=3, captions=True)
    inputs = open_inputs(gt.json_path, gt.json_path, gt_masks=gt.masks, pred_masks=gt.masks)

    def told(images: list[ImageSegments]) -> list[tuple[int, list[int]]]:
        return [(image.image_id, image.overlaps.pixels.tolist()) for image in images]

    progress: list[tuple[int, int]] = []
    alone = told(list(inputs.images()))
    shared = told(list(inputs.images(workers=2, progress=lambda *done: progress.append(done))))
    assert shared == alone and len(alone) == 230
    assert progress == [(n, 230) for n in range(1, 231)]
