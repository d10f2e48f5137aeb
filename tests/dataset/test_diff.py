"""Every difference is found, named with its place, and mirrored the other way round."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pix2cap.core import CaptionedImage, PanopticMap
from pix2cap.core.caption import CaptionStatus
from pix2cap.dataset.diff import Change, DatasetDiff, Kind, diff_datasets
from pix2cap.dataset.diff_page import report_diff
from tests.builders.datasets import CATEGORIES, ON_DISK, Part, content, image, images, write_dataset
from tests.builders.panoptic import png_bytes, rgb_of

_MIRROR = {
    Kind.IMAGE_ADDED: Kind.IMAGE_REMOVED,
    Kind.IMAGE_REMOVED: Kind.IMAGE_ADDED,
    Kind.ADDED: Kind.REMOVED,
    Kind.REMOVED: Kind.ADDED,
}
_SIGN = {"=": "=", "-": "+", "+": "-"}


def facts(diff: DatasetDiff, *, mirrored: bool = False) -> set[tuple[object, ...]]:
    """The changes without order and without the later class's name."""
    found: set[tuple[object, ...]] = set()
    for change in diff.changes:
        kind, before, after = change.kind, change.before, change.after
        words = change.words
        if mirrored:
            kind, before, after = _MIRROR.get(kind, kind), after, before
            words = tuple((_SIGN[mark], text) for mark, text in words)  # type: ignore[misc]
        found.add((change.image_id, change.segment_id, kind, before, after, frozenset(words)))
    return found


@settings(max_examples=10, phases=ON_DISK, suppress_health_check=[HealthCheck.too_slow])
@given(images(max_images=4), images(max_images=4), st.data())
def test_it_is_symmetric_and_silent_only_about_the_same(
    items: list[CaptionedImage], others: list[CaptionedImage], data: st.DataObject
) -> None:
    shared = data.draw(st.lists(st.sampled_from(items), unique_by=id))
    ids = {item.image.image_id for item in shared}
    others = [*shared, *(item for item in others if item.image.image_id not in ids)]
    with tempfile.TemporaryDirectory() as name:
        first = write_dataset(Path(name) / "first", items, licenses=())
        second = write_dataset(Path(name) / "second", others, licenses=())
        there, back = diff_datasets(first, second), diff_datasets(second, first)
        assert facts(there) == facts(back, mirrored=True)
        assert diff_datasets(first, first).changes == ()
        if not there.changes:
            assert content(first).keys() == content(second).keys()


BEFORE = {5: Part(1, "A tall person waits."), 6: Part(3, "A red car."), 7: Part(18, "A brown dog sleeps.")}


def changes(folder: Path, before: CaptionedImage, after: CaptionedImage) -> tuple[Change, ...]:
    first = write_dataset(folder / "first", [before])
    second = write_dataset(folder / "second", [after])
    return diff_datasets(first, second).changes


def test_captions_statuses_and_classes(tmp_path: Path) -> None:
    after = {
        5: Part(1, "A small person waits."),
        6: Part(3, "A red car.", CaptionStatus.REJECTED),
        7: Part(3, "A brown dog sleeps."),
    }
    caption, status, renamed = changes(tmp_path, image(1, BEFORE), image(1, after))
    assert str(caption) == "image 1, segment 5 (person): caption: A [-tall-]{+small+} person waits."
    assert str(status) == "image 1, segment 6 (car): status: captioned -> rejected: [-A red car.-]"
    assert str(renamed) == "image 1, segment 7 (car): class: dog -> car"
    assert caption.to_json() == {
        "image_id": 1,
        "segment_id": 5,
        "change": "caption",
        "class": "person",
        "before": "A tall person waits.",
        "after": "A small person waits.",
        "words": [["=", "A "], ["-", "tall"], ["+", "small"], ["=", " person waits."]],
    }


def test_masks(tmp_path: Path) -> None:
    before = image(1, BEFORE)
    ids = before.panoptic.id_map.copy()
    ids[0, ids[0] == 6] = 7
    infos = {s.id: (s.category_id, s.is_thing, s.is_crowd) for s in before.panoptic.segments}
    after = replace(before, panoptic=PanopticMap.from_id_map(ids, infos))
    found = changes(tmp_path, before, after)
    assert [(c.segment_id, c.kind, c.before, c.after) for c in found] == [
        (6, Kind.MASK, "8 pixels, 6 shared", "6 pixels, 6 shared"),
        (7, Kind.MASK, "8 pixels, 8 shared", "10 pixels, 8 shared"),
    ]


def test_another_encoding_of_the_same_map_is_no_change(tmp_path: Path) -> None:
    item = image(1, BEFORE)
    first, second = (write_dataset(tmp_path / name, [item]) for name in ("first", "second"))
    path = second / "panoptic" / "0001.png"
    old = path.read_bytes()
    path.write_bytes(png_bytes(rgb_of(item.panoptic.id_map)) + b"trailing")
    assert path.read_bytes() != old
    assert diff_datasets(first, second).changes == ()


def test_segments_and_images_that_come_and_go(tmp_path: Path) -> None:
    after = image(1, {5: BEFORE[5], 6: BEFORE[6], 9: BEFORE[7]})
    found = changes(tmp_path, image(1, BEFORE), after)
    assert [(c.segment_id, c.kind) for c in found] == [(7, Kind.REMOVED), (9, Kind.ADDED)]
    assert str(found[0]) == "image 1, segment 7 (dog): removed: captioned: [-A brown dog sleeps.-]"
    diff = diff_datasets(tmp_path / "first", write_dataset(tmp_path / "other", [image(2, BEFORE)]))
    assert diff.counts == {"image added": 1, "image removed": 1}
    assert [(c.image_id, c.before, c.after) for c in diff.changes] == [
        (1, "0001.png, 3 segments", None),
        (2, None, "0002.png, 3 segments"),
    ]


def test_ids_of_classes_and_crowds(tmp_path: Path) -> None:
    renumbered = [replace(c, id=c.id + 1000) for c in CATEGORIES]
    item = image(1, {5: Part(1, is_crowd=True)})
    segments = tuple(replace(s, category_id=s.category_id + 1000) for s in item.panoptic.segments)
    moved = replace(item, panoptic=PanopticMap(item.panoptic.id_map, segments))
    first = write_dataset(tmp_path / "first", [item])
    second = write_dataset(tmp_path / "second", [moved], categories=renumbered)
    assert diff_datasets(first, second).changes == ()
    third = write_dataset(tmp_path / "third", [image(1, {5: Part(1, "", None)})])
    kinds = [change.kind for change in diff_datasets(first, third).changes]
    assert kinds == [Kind.CLASS, Kind.STATUS]


def test_a_mask_that_cannot_be_read(tmp_path: Path) -> None:
    first, second = (write_dataset(tmp_path / name, [image(1, BEFORE)]) for name in ("first", "second"))
    (second / "panoptic" / "0001.png").write_bytes(b"gone")
    (change,) = diff_datasets(first, second).changes
    assert change.kind is Kind.UNREADABLE and change.segment_id is None and change.before == "readable"


def test_the_page_shows_texts_as_text_and_marks(tmp_path: Path) -> None:
    after = {5: Part(1, "A <script>alert(1)</script> person waits."), 6: BEFORE[6]}
    changes(tmp_path, image(1, BEFORE), image(1, after))
    diff = diff_datasets(tmp_path / "first", tmp_path / "second")
    page = report_diff(diff, tmp_path / "diff.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "<del>tall</del>" in page
    assert "<ins>&lt;script&gt;" in page
    assert 'data-kind="removed"' in page and "A brown dog sleeps." in page
    assert report_diff(diff, tmp_path / "again.html").read_text() == page
    same = diff_datasets(tmp_path / "first", tmp_path / "first")
    assert "Nothing differs" in report_diff(same, tmp_path / "same.html").read_text()
