"""The score page as a file: complete, self-contained, the same each time."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pix2cap.errors import InputError, StorageFull
from pix2cap.evaluate.result import CaptionQuality, MapScores, PanopticCaptioningResult, Provenance
from pix2cap.report import report_scores
from tests.builders.panoptic import CocoPaths, build_coco_panoptic
from tests.builders.results import changed, golden_result, made_result, result_on, shorter

EVIL = "</script><script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>\u2028\"'&amp;"


@pytest.fixture
def paths(tmp_path: Path) -> CocoPaths:
    return build_coco_panoptic(tmp_path / "gt", n_images=3, captions=True)


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_the_page_needs_nothing_else(paths: CocoPaths, tmp_path: Path) -> None:
    page = report_scores(
        [("model", result_on(paths))], tmp_path / "new" / "s.html",
        images=paths.images, gt=paths.json_path, gt_masks=paths.masks,
    )  # fmt: skip
    text = _text(page)
    assert [p.name for p in page.parent.iterdir()] == ["s.html"]
    assert "default-src 'none'" in text
    assert not re.search(r'(?:src|href)="(?!data:|#)', text)
    assert "http" not in re.sub(r"http-equiv|http://www\.w3\.org/2000/svg", "", text)
    assert str(tmp_path) not in text


def test_the_same_results_give_the_same_bytes(paths: CocoPaths, tmp_path: Path) -> None:
    first = result_on(paths)
    results = [("a", first), ("b", changed(first, shorter))]
    pages = [
        report_scores(
            results, tmp_path / f"{n}.html", images=paths.images, gt=paths.json_path, gt_masks=paths.masks
        )
        for n in range(2)
    ]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_every_segment_s_crop_is_lit_by_its_own_shape(paths: CocoPaths, tmp_path: Path) -> None:
    result = result_on(paths)
    page = report_scores(
        [("m", result)], tmp_path / "s.html",
        images=paths.images, gt=paths.json_path, gt_masks=paths.masks, examples=99,
    )  # fmt: skip
    text = _text(page)
    assert text.count('class="example"') == 2 * len(result.pairs), "worst and best, all of them"
    assert text.count('class="veil"') == text.count('class="example"')
    assert "could not be used" not in text


def test_without_the_ground_truth_pictures_stand_whole(paths: CocoPaths, tmp_path: Path) -> None:
    text = _text(report_scores([("m", result_on(paths))], tmp_path / "s.html", images=paths.images))
    assert "data:image/jpeg" in text
    assert 'class="veil"' not in text
    assert "Pictures are shown whole" in text


def test_without_pictures_segments_stand_on_grey(paths: CocoPaths, tmp_path: Path) -> None:
    text = _text(
        report_scores(
            [("m", result_on(paths))], tmp_path / "s.html", gt=paths.json_path, gt_masks=paths.masks
        )
    )
    assert 'class="veil"' in text
    assert "Name the folder of pictures" in text


def test_without_either_captions_stand_alone(tmp_path: Path) -> None:
    text = _text(report_scores([("m", made_result())], tmp_path / "s.html"))
    assert 'class="example"' in text
    assert "data:image/jpeg" not in text
    assert "Name the folder of pictures and the ground truth" in text


def test_a_damaged_picture_is_named_and_the_page_is_written(paths: CocoPaths, tmp_path: Path) -> None:
    paths.picture_path(1).write_bytes(b"no picture")
    text = _text(
        report_scores(
            [("m", result_on(paths))], tmp_path / "s.html",
            images=paths.images, gt=paths.json_path, gt_masks=paths.masks, examples=99,
        )
    )  # fmt: skip
    assert "1 picture could not be used" in text
    assert paths.picture_path(1).name in text


def test_a_result_of_other_images_shows_its_captions_without_pictures(
    paths: CocoPaths, tmp_path: Path
) -> None:
    text = _text(
        report_scores(
            [("m", made_result(n_images=9))], tmp_path / "s.html",
            images=paths.images, gt=paths.json_path, gt_masks=paths.masks, examples=99,
        )
    )  # fmt: skip
    assert "6 pictures could not be used" in text
    assert "not in the ground truth" in text


@pytest.mark.parametrize("option", ["images", "gt"])
def test_a_missing_folder_or_file_is_an_error(tmp_path: Path, option: str) -> None:
    with pytest.raises(InputError, match="nowhere"):
        report_scores([("m", made_result())], tmp_path / "s.html", **{option: tmp_path / "nowhere"})


@pytest.mark.parametrize("count", [0, 9])
def test_the_number_of_results_is_limited(tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match="expected 1 to 8 results"):
        report_scores([("m", made_result())] * count, tmp_path / "s.html")


def test_a_full_disk_leaves_the_earlier_page(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    page = tmp_path / "s.html"
    page.write_text("earlier")
    (tmp_path / ".s.html.part").symlink_to("/dev/full")
    with pytest.raises(StorageFull, match=r"s\.html"):
        report_scores([("m", made_result())], page)
    assert page.read_text() == "earlier"


def test_eight_results_of_both_modes_and_without_pairs(tmp_path: Path) -> None:
    base = made_result()
    reference = replace(
        base, mode="reference", map=MapScores(0.1, None), caption_pq=CaptionQuality(), intervals={},
        quirks=("METEOR is hard-wired to 0",),
    )  # fmt: skip
    bare = replace(base, pairs=(), per_image=(), provenance=None, per_category={}, warnings=("area differs",))
    results = [(f"result {n}", (base, reference, bare)[n % 3]) for n in range(8)]
    text = _text(report_scores(results, tmp_path / "s.html"))
    assert "different modes" in text
    assert "without its counts by image" in text
    assert "METEOR is hard-wired to 0" in text
    assert "area differs" in text
    assert "not recorded" in text


def test_a_result_without_anything_still_makes_a_page(tmp_path: Path) -> None:
    empty = replace(
        made_result(n_images=1, pairs_each=0), pairs=(), per_image=(), per_category={}, intervals={},
        map=type(made_result().map)(MapScores(None, None), MapScores(None, None)),  # type: ignore[call-arg]
    )  # fmt: skip
    text = _text(report_scores([("nothing", empty)], tmp_path / "s.html"))
    assert 'id="captions"' not in text
    assert "not computed" in text


def test_differences_say_how_they_were_made(tmp_path: Path) -> None:
    first = made_result(n_images=20)
    text = _text(report_scores([("strong", first), ("weak", changed(first, shorter))], tmp_path / "s.html"))
    assert "paired bootstrap: both results are drawn on the same images" in " ".join(text.split())
    assert "▼ −" in text
    assert "no paired interval: this score does not follow" in text


def test_provenance_keeps_no_folder(tmp_path: Path) -> None:
    made = Provenance("1", "3", {}, {"gt": "/home/someone/gt.json", "out": r"C:\Users\someone\x.html"})
    text = _text(report_scores([("m", made_result(provenance=made))], tmp_path / "s.html"))
    assert "someone" not in text
    assert "gt.json" in text
    assert "x.html" in text


def test_hostile_text_is_escaped_everywhere(paths: CocoPaths, tmp_path: Path) -> None:
    for segment in (s for a in paths.document["annotations"] for s in a["segments_info"]):
        segment["description"] = EVIL
    paths.document["categories"][0]["name"] = EVIL
    paths.save()
    result = replace(
        result_on(paths), warnings=(EVIL,), quirks=(EVIL,), missing={EVIL: EVIL, "spice": EVIL},
        provenance=Provenance(EVIL, EVIL, {EVIL: EVIL}, {EVIL: EVIL}),
    )  # fmt: skip
    text = _text(report_scores([(EVIL, result), (EVIL + "2", result)], tmp_path / "s.html", title=EVIL))
    assert text.count("<script>") == 1
    assert "<img src=x" not in text


def test_golden_numbers_stand_on_the_page(golden: Path, coco: Path, tmp_path: Path) -> None:
    folder = golden / "real60"
    result: PanopticCaptioningResult = golden_result(golden)
    page = report_scores(
        [("perturbed", result)], tmp_path / "s.html",
        images=coco / "val2017", gt=folder / "gt.json", gt_masks=folder / "gt",
    )  # fmt: skip
    text = _text(page)
    for shown in ("38.2", "59.5", "46.3", "19.5", "17.9", "52.8"):
        assert re.search(rf">{shown}<", text), shown
    assert text.count('class="veil"') == 24
    assert page.stat().st_size < 4_000_000
