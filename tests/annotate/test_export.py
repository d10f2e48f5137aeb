"""From a journal to a dataset folder, and back through the reader."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pix2cap.annotate.export import export_run
from pix2cap.annotate.prompt import load_prompt
from pix2cap.core import CaptionedImage, CaptionStatus
from pix2cap.dataset.validate import validate_source
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.dataset_folder import read_dataset
from pix2cap.formats.manifest import read_manifest
from pix2cap.vlm.pricing import Price
from tests.builders.bench import journal_sql, scripted_run
from tests.builders.panoptic import CocoPaths, build_coco_panoptic
from tests.builders.scripted_model import ScriptedModel, reply_json

PAID = Price(1.0, 10.0, "test")


@pytest.fixture
def paths(tmp_path: Path) -> CocoPaths:
    return build_coco_panoptic(tmp_path / "data", n_images=3, n_segments=4, crowd=True)


def read(folder: Path) -> dict[int, CaptionedImage]:
    return {item.image.image_id: item for item in read_dataset(folder)}


def statuses(item: CaptionedImage) -> list[CaptionStatus]:
    by_id = {caption.segment_id: caption.status for caption in item.captions}
    return [by_id[s.id] for s in item.panoptic.segments if s.id in by_id]


def test_captions_come_back_with_their_provenance(paths: CocoPaths, tmp_path: Path) -> None:
    model = ScriptedModel(lambda request: reply_json(request, id1="", id2=None))
    scripted_run(paths, tmp_path / "run", model, price=PAID)
    exported = export_run(tmp_path / "run", tmp_path / "dataset")
    assert exported.segments == {"captioned": 3, "crowd": 3, "not_visible": 6}
    rows = pq.read_table(tmp_path / "dataset" / "captions.parquet").to_pylist()
    assert len(rows) == 12
    for row in rows:
        if row["status"] == "captioned":
            assert row["model"] == "scripted"
            assert load_prompt().sha256 in row["prompt_version"]
            assert row["request_id"].startswith("r")
            assert row["attempt"] >= 1
    spend = (read_manifest(tmp_path / "dataset") or {})["spend"]
    assert spend["requests"] == len(model.requests)
    assert spend["cost_usd"] == pytest.approx(0.002 * len(model.requests))


def test_every_status_finds_its_way(paths: CocoPaths, tmp_path: Path) -> None:
    script = {1: {}, 2: {"id1": ""}, 3: {"id1": None, "id2": None, "id3": None}}

    def reply(request):  # type: ignore[no-untyped-def]
        return reply_json(request, **script[request.unit.image.image_id])

    scripted_run(paths, tmp_path / "run", ScriptedModel(reply))
    exported = export_run(tmp_path / "run", tmp_path / "dataset")
    assert exported.segments == {"captioned": 5, "crowd": 3, "failed": 3, "not_visible": 1}
    items = read(tmp_path / "dataset")
    assert [s.value for s in statuses(items[2])].count("not_visible") == 1
    assert all(not c.text for c in items[3].captions if c.status is not CaptionStatus.CAPTIONED)
    assert validate_source(tmp_path / "dataset", images=paths.images) == []


def test_ids_areas_and_masks_are_the_sources_own(paths: CocoPaths, tmp_path: Path) -> None:
    scripted_run(paths, tmp_path / "run", ScriptedModel())
    export_run(tmp_path / "run", tmp_path / "dataset")
    for number, item in enumerate(read(tmp_path / "dataset").values()):
        expected = {
            s["id"]: (s["area"], bool(s["iscrowd"])) for s in paths.annotation(number)["segments_info"]
        }
        assert {s.id: (s.area, s.is_crowd) for s in item.panoptic.segments} == expected


def test_only_images_in_scope_are_written(paths: CocoPaths, tmp_path: Path) -> None:
    scripted_run(paths, tmp_path / "run", ScriptedModel(), image_ids=[3, 1])
    assert export_run(tmp_path / "run", tmp_path / "dataset").images == 2
    assert list(read(tmp_path / "dataset")) == [1, 3]


def test_refused_images_stand_in_the_manifest(paths: CocoPaths, tmp_path: Path) -> None:
    paths.mask_path(0).write_bytes(b"no PNG")
    scripted_run(paths, tmp_path / "run", ScriptedModel())
    exported = export_run(tmp_path / "run", tmp_path / "dataset")
    assert (exported.images, exported.refused, exported.segments_refused) == (2, 1, 3)
    (refused,) = (read_manifest(tmp_path / "dataset") or {})["refused_images"]
    assert (refused["image_id"], refused["segments"]) == (1, 3)


def test_a_later_export_replaces_an_earlier_one(paths: CocoPaths, tmp_path: Path) -> None:
    scripted_run(paths, tmp_path / "run", ScriptedModel(), limit=1)
    export_run(tmp_path / "run", tmp_path / "dataset", copy_images=True)
    scripted_run(paths, tmp_path / "run", ScriptedModel())
    assert export_run(tmp_path / "run", tmp_path / "dataset", copy_images=True).images == 3
    assert len(list((tmp_path / "dataset" / "images").iterdir())) == 3
    assert validate_source(tmp_path / "dataset") == []


def test_a_failed_export_leaves_the_earlier_dataset(paths: CocoPaths, tmp_path: Path) -> None:
    scripted_run(paths, tmp_path / "run", ScriptedModel())
    export_run(tmp_path / "run", tmp_path / "dataset")
    before = (tmp_path / "dataset" / "panoptic.json").read_bytes()
    journal_sql(tmp_path / "run", "INSERT INTO images VALUES (99, 99, 'ghost.jpg', 1, 0)")
    with pytest.raises(InputError, match="expected image 99"):
        export_run(tmp_path / "run", tmp_path / "dataset")
    assert (tmp_path / "dataset" / "panoptic.json").read_bytes() == before
    assert validate_source(tmp_path / "dataset", images=paths.images) == []


@pytest.mark.parametrize("place", ["run", "data", "data/masks", "data/images"])
def test_what_the_run_reads_is_never_written_over(paths: CocoPaths, tmp_path: Path, place: str) -> None:
    scripted_run(paths, tmp_path / "run", ScriptedModel())
    before = sorted(path for path in tmp_path.rglob("*"))
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="does not read from"):
            export_run(tmp_path / "run", tmp_path / place, overwrite=overwrite)
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_dataset_folder_as_source_and_its_successor(paths: CocoPaths, tmp_path: Path) -> None:
    scripted_run(paths, tmp_path / "run", ScriptedModel())
    export_run(tmp_path / "run", tmp_path / "one", copy_images=True)
    one = tmp_path / "one"
    again = CocoPaths(one, one, one / "panoptic", one / "images", paths.document)
    scripted_run(again, tmp_path / "second", ScriptedModel())
    export_run(tmp_path / "second", tmp_path / "two")
    first, second = read(one), read(tmp_path / "two")
    for image_id, item in first.items():
        assert {c.segment_id: c.text for c in item.captions} == {
            c.segment_id: c.text for c in second[image_id].captions
        }
    with pytest.raises(UsageError, match="does not read from"):
        export_run(tmp_path / "second", one, overwrite=True)
