"""A dataset folder on disk as a page: provenance, reasons and what is missing."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import pytest

from pix2cap.core import CaptionedImage, CaptionStatus, Category, SegmentCaption
from pix2cap.errors import InputError
from pix2cap.formats.dataset_folder import DatasetWriter
from pix2cap.formats.manifest import DatasetAbout
from pix2cap.report import report_dataset
from tests.builders.captioned import report_item

ABOUT = DatasetAbout(
    name="Two pictures",
    model="describe",
    prompt_version="segments-v1 1f2e",
    spend={"cost_usd": None, "requests": 3, "input_tokens": 12345},
    language="de",
)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two pictures; one segment failed; a third image was refused."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    categories = [Category(1, "cat"), Category(2, "dog")]
    with DatasetWriter(tmp_path / "set", categories, about=ABOUT, images_dir=pictures) as writer:
        for image_id in (1, 2):
            item = report_item({90: [(0, 0, 50, 40)], 91: [(60, 0, 90, 40)]}, image_id=image_id)
            cv2.imwrite(str(pictures / item.captioned.image.file_name), item.pixels()[..., ::-1])
            captions = (
                SegmentCaption(90, f"A cat, number {image_id}."),
                SegmentCaption(91, "Object 2.", CaptionStatus.FAILED, "mark talk"),
            )
            writer.add(CaptionedImage(item.captioned.image, item.captioned.panoptic, captions))
        writer.refuse(3, "3.jpg", "truncated JPEG", n_segments=5)
    return tmp_path / "set"


def _text(page: Path) -> str:
    return re.sub(r"\s+", " ", page.read_text(encoding="utf-8"))


def test_a_dataset_tells_its_provenance_and_why_segments_failed(dataset: Path, tmp_path: Path) -> None:
    page = _text(report_dataset(dataset, tmp_path / "r.html"))
    assert "<h1>Two pictures</h1>" in page
    assert "2 pictures, 4 segments, 2 with a caption" in page
    assert page.count("failed: mark talk") == 2
    assert page.count('<p class="caption" dir="auto">Object 2.</p>') == 2
    for fact in ("<dd>describe</dd>", "<dd>segments-v1 1f2e</dd>", "<dd>unknown</dd>", "<dd>12,345</dd>"):
        assert fact in page
    assert (
        "1 image with 5 segments could not be used and is not on this page (3.jpg: truncated JPEG)." in page
    )
    assert 'lang="de"' in page
    assert str(tmp_path) not in page


def test_a_picture_that_is_gone_is_named_and_its_captions_stay(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures" / "000002.jpg").unlink()
    page = _text(report_dataset(dataset, tmp_path / "r.html"))
    assert "2 pictures, 4 segments" in page
    assert page.count('<article class="card"') == 2
    assert "A cat, number 2." in page
    assert "1 picture could not be loaded; its segments stand on grey (000002.jpg" in page
    assert "left out to keep" not in page


def test_without_a_folder_of_pictures_the_flag_is_named(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="--images"):
        report_dataset(dataset, tmp_path / "r.html")
    page = report_dataset(
        dataset, tmp_path / "r.html", images=tmp_path / "elsewhere", title="Mine", max_items=1
    )
    assert "<h1>Mine</h1>" in _text(page)
    assert "first 1 of 2 pictures; 1 is left out" in _text(page)


def test_another_folder_is_refused_with_the_command_that_makes_a_dataset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="annotate export RUN --out DATASET"):
        report_dataset(tmp_path, tmp_path / "r.html")
