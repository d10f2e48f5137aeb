"""`check_dataset` on captions made for it: what is found, what is skipped, and in which order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2cap.dataset.check import CHECKS, CheckReport, check_dataset
from pix2cap.errors import InputError, UsageError
from tests.builders.panoptic import png_bytes, rgb_of

RED, BLUE, GREEN, WHITE = (200, 30, 30), (30, 60, 190), (40, 150, 50), (245, 245, 245)
CLASSES = {1: "person", 3: "car", 18: "dog", 187: "sky-other-merged", 193: "grass-merged"}
BANDS = {11: (187, WHITE), 12: (3, RED), 13: (18, BLUE), 14: (193, GREEN)}
"""Segment id to class and colour: sky on top, a car at the left, a dog at the right, grass below."""
TRUE = {
    11: "A pale overcast white sky stretches over the whole width above the car.",
    12: "A red car with dark wheels is parked at the left, facing the road.",
    13: "A dog with floppy ears sits at the right and looks toward the parked car.",
    14: "Short green grass covers the lower part below the car and the dog.",
}


class Set:
    """One or more pictures of four bands, with captions; `check` runs the checks."""

    def __init__(self, folder: Path, *captions: dict[int, str]) -> None:
        self.folder = folder
        self.masks, self.images = folder / "ids", folder / "images"
        self.masks.mkdir(parents=True)
        self.images.mkdir()
        id_map = np.full((120, 160), 14, np.uint32)
        id_map[:40] = 11
        id_map[50:80, 5:55] = 12
        id_map[50:80, 105:155] = 13
        rgb = np.zeros((120, 160, 3), np.uint8)
        for segment_id, (_, color) in BANDS.items():
            rgb[id_map == segment_id] = color
        annotations = []
        for number, texts in enumerate(captions, start=1):
            (self.masks / f"{number}.png").write_bytes(png_bytes(rgb_of(id_map)))
            Image.fromarray(rgb).save(self.images / f"{number}.png")
            infos = [self._info(id_map, s, texts.get(s)) for s in BANDS]
            annotations.append({"image_id": number, "file_name": f"{number}.png", "segments_info": infos})
        self.document: dict[str, Any] = {
            "images": [
                {"id": n, "file_name": f"{n}.png", "width": 160, "height": 120}
                for n in range(1, len(captions) + 1)
            ],
            "annotations": annotations,
            "categories": [{"id": i, "name": n, "isthing": int(i < 90)} for i, n in CLASSES.items()],
        }
        self.json_path = folder / "captioned.json"
        self.json_path.write_text(json.dumps(self.document))

    @staticmethod
    def _info(id_map: np.ndarray, segment_id: int, text: str | None) -> dict[str, Any]:
        y, x = np.nonzero(id_map == segment_id)
        box = [int(x.min()), int(y.min()), int(np.ptp(x)) + 1, int(np.ptp(y)) + 1]
        info = {
            "id": segment_id,
            "category_id": BANDS[segment_id][0],
            "iscrowd": 0,
            "area": len(x),
            "bbox": box,
        }
        return info if text is None else {**info, "description": text}

    def check(self, **options: Any) -> CheckReport:
        return check_dataset(self.json_path, **{"masks": self.masks, "images": self.images, **options})


def names(report: CheckReport, segment_id: int) -> list[str]:
    return [f.check for f in report.findings if f.segment_id == segment_id]


def test_true_captions_have_no_findings(tmp_path: Path) -> None:
    report = Set(tmp_path, TRUE, TRUE).check()
    assert (report.findings, report.skipped, report.images, report.captions) == ([], [], 2, 8)


@pytest.mark.parametrize(
    ("check", "segment_id", "text"),
    [
        ("mark_talk", 12, "Object 3 is a red car with dark wheels parked at the left."),
        ("refusal", 13, "My guidelines do not allow me to describe this animal."),
        ("language", 13, "Ein Hund mit hängenden Ohren sitzt rechts neben dem geparkten Auto."),
        ("language", 13, "A dog with floppy ears sits beside the carâ€™s door and looks toward the road."),
        ("cut", 13, "A dog with floppy ears sits at the right and looks toward the parked"),
        ("cut", 13, "A dog with floppy ears sits at the right and looks toward the."),
        ("class", 13, "A zebra with bold stripes stands at the right and looks toward the road."),
        ("class", 13, "A cat with floppy ears sits at the right and looks toward the parked car."),
        ("side", 12, "A red car with dark wheels is parked in the lower right corner of the image."),
        ("colour", 12, "A green car with dark wheels is parked at the left, facing the road."),
        ("colour", 14, "Dry orange grass covers the lower part below the car and the dog."),
    ],
)
def test_a_planted_fault_is_the_only_finding(tmp_path: Path, check: str, segment_id: int, text: str) -> None:
    report = Set(tmp_path, {**TRUE, segment_id: text}).check()
    assert [(f.segment_id, f.check) for f in report.findings] == [(segment_id, check)]
    assert 0.5 <= report.findings[0].confidence <= 1
    assert len(report.findings[0].reason.split()) > 6


def test_two_captions_exchanged(tmp_path: Path) -> None:
    report = Set(tmp_path, {**TRUE, 12: TRUE[13], 13: TRUE[12]}).check()
    assert "swap" in names(report, 12)
    assert "swap" in names(report, 13)


def test_a_repeat_in_other_words(tmp_path: Path) -> None:
    again = "There is a dog with floppy ears sitting at the right and looking toward the parked car."
    report = Set(tmp_path, {**TRUE, 12: again}).check(checks=["repeat"])
    assert {f.segment_id for f in report.findings} == {12, 13}


def test_swapped_captions_of_one_class_are_told_by_place_and_colour(tmp_path: Path) -> None:
    made = Set(tmp_path, TRUE)
    made.document["annotations"][0]["segments_info"][2]["category_id"] = 3
    infos = made.document["annotations"][0]["segments_info"]
    infos[1]["description"] = "A blue car with dark wheels is parked at the right."
    infos[2]["description"] = "A red car is parked at the left, facing the road."
    made.json_path.write_text(json.dumps(made.document))
    report = made.check(checks=["swap"])
    assert {(f.segment_id, f.check) for f in report.findings} == {(12, "swap"), (13, "swap")}


def test_worst_come_first(tmp_path: Path) -> None:
    captions = {**TRUE, 12: "A cat is parked at the left, facing the road.", 13: "N/A"}
    report = Set(tmp_path, captions).check()
    confidences = [f.confidence for f in report.findings]
    assert confidences == sorted(confidences, reverse=True)
    assert report.findings[0].check == "refusal"


def test_without_pictures_colours_are_skipped_by_name(tmp_path: Path) -> None:
    wrong = {**TRUE, 12: "A green car with dark wheels is parked at the right, facing the road."}
    report = Set(tmp_path, wrong).check(images=None)
    assert [f.check for f in report.findings] == ["side"]
    assert any("colour" in line and "--images" in line for line in report.skipped)


def test_without_masks_the_boxes_of_the_json_serve(tmp_path: Path) -> None:
    wrong = {**TRUE, 12: "A green car with dark wheels is parked at the right, facing the road."}
    made = Set(tmp_path, wrong)
    report = made.check(masks=None, images=None)
    assert [f.check for f in report.findings] == ["side"]
    assert any("side" in line and "colour" in line and "--masks" in line for line in report.skipped)


def test_one_missing_mask_is_counted(tmp_path: Path) -> None:
    made = Set(tmp_path, TRUE, TRUE)
    (made.masks / "2.png").unlink()
    report = made.check()
    assert report.findings == []
    assert any("1 of 2" in line for line in report.skipped)


def test_captions_under_the_other_key_and_statuses(tmp_path: Path) -> None:
    made = Set(tmp_path, TRUE)
    for info in made.document["annotations"][0]["segments_info"]:
        info["caption"] = info.pop("description")
    rejected = made.document["annotations"][0]["segments_info"][2]
    rejected.update(caption="N/A", caption_status="rejected")
    made.json_path.write_text(json.dumps(made.document))
    report = made.check()
    assert (report.findings, report.captions) == ([], 3)


def test_another_language_is_asked_for(tmp_path: Path) -> None:
    german = {
        11: "Ein heller bedeckter Himmel zieht sich über die ganze Breite.",
        13: "Ein Hund mit hängenden Ohren sitzt neben dem geparkten Auto.",
    }
    report = Set(tmp_path, german).check(language="de")
    assert report.findings == []
    assert any("English" in line for line in report.skipped)


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected captions"):
        Set(tmp_path / "none", {}).check()
    with pytest.raises(InputError):
        check_dataset(tmp_path / "nowhere.json")
    with pytest.raises(UsageError, match="colour"):
        Set(tmp_path / "wrong", TRUE).check(checks=["spelling"])


def test_records_are_those_of_the_json(tmp_path: Path) -> None:
    record = Set(tmp_path, {**TRUE, 13: "null"}).check().to_json()[0]
    assert list(record) == ["image_id", "segment_id", "check", "reason", "confidence"]
    assert record["check"] in CHECKS


def test_the_parser_is_told_and_may_be_chosen(tmp_path: Path) -> None:
    made = Set(tmp_path, {**TRUE, 13: "A violin with a worn bow lies at the right, near the parked car."})
    own = made.check(parser="own")
    assert names(own, 13) == ["class"]
    assert own.read_by == "subjects were read by pix2cap's own reader"
    with pytest.raises(UsageError, match="auto, own, spacy"):
        made.check(parser="nltk")


def test_spacy_is_asked_where_it_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("spacy")
    made = Set(tmp_path, {**TRUE, 13: "A violin with a worn bow lies at the right, near the parked car."})
    own, both, led = (made.check(parser=parser) for parser in ("own", "auto", "spacy"))
    assert names(both, 13) == names(led, 13) == ["class"]
    assert both.findings[0].confidence > own.findings[0].confidence
    assert "en_core_web_sm" in both.read_by and "en_core_web_sm" in led.read_by


def test_other_datasets_class_names_are_understood(tmp_path: Path) -> None:
    made = Set(tmp_path, TRUE)
    for category in made.document["categories"]:
        category["name"] = {
            "car": "car, auto, automobile",
            "dog": "accordion",
            "sky-other-merged": "sky",
        }.get(category["name"], category["name"])
    made.json_path.write_text(json.dumps(made.document))
    found = made.check(parser="own")
    assert [f.segment_id for f in found.findings if f.check == "class"] == [13]
