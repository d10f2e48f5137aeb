"""Parts share no image, have all of them together, and stay as they are when images come."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pix2cap.core import CaptionedImage
from pix2cap.dataset.captioned import CaptionedDataset
from pix2cap.dataset.diff import diff_datasets
from pix2cap.dataset.merge import merge_datasets
from pix2cap.dataset.split import SPLITS, split_dataset
from pix2cap.dataset.split_plan import Unit, assign_by_class, assign_by_hash, parse_shares, position_of
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.manifest import read_manifest
from tests.builders.datasets import LICENSES, ON_DISK, Part, content, damage, image, images, write_dataset

SHARES = {"train": 0.6, "val": 0.3, "test": 0.1}


def ids_of(folder: Path) -> dict[str, list[int]]:
    found: dict[str, list[int]] = json.loads((folder / SPLITS).read_text())["images"]
    return found


def numbered(count: int, *, first: int = 1) -> list[CaptionedImage]:
    return [image(n, {1: Part(), 2: Part(3, "A red car.")}) for n in range(first, first + count)]


@settings(max_examples=8, phases=ON_DISK, suppress_health_check=[HealthCheck.too_slow])
@given(images(), st.integers(0, 99), st.booleans())
def test_parts_are_disjoint_and_complete_and_merge_to_what_they_were(
    items: list[CaptionedImage], seed: int, stratify: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = write_dataset(folder / "whole", items)
        made = split_dataset(whole, folder / "parts", SHARES, seed=seed, stratify=stratify)
        found = [i for part in ids_of(folder / "parts").values() for i in part]
        assert sorted(found) == sorted(item.image.image_id for item in items)
        parts = [folder / "parts" / part for part in SHARES]
        assert [made.parts[p.name].images for p in parts] == [
            len(CaptionedDataset(p).image_ids) for p in parts
        ]
        merged = merge_datasets(parts, folder / "merged")
        assert merged.conflicts == () and merged.renumbered == ()
        assert diff_datasets(whole, folder / "merged").changes == ()
        assert content(folder / "merged") == content(whole)
        assert damage(folder / "merged") == []


def test_images_that_come_later_move_none(tmp_path: Path) -> None:
    items = numbered(60)
    split_dataset(write_dataset(tmp_path / "few", items[:40]), tmp_path / "a", SHARES, seed=5)
    split_dataset(write_dataset(tmp_path / "all", reversed(items)), tmp_path / "b", SHARES, seed=5)
    few, many = ids_of(tmp_path / "a"), ids_of(tmp_path / "b")
    for name in SHARES:
        assert set(few[name]) == {i for i in many[name] if i <= 40}
    split_dataset(tmp_path / "few", tmp_path / "c", SHARES, seed=6)
    assert ids_of(tmp_path / "c") != few


def test_a_position_is_the_same_on_every_machine() -> None:
    # `printf '0\0139' | sha256sum` begins with 1650e5cf19e11261 where the shell's printf takes \0 for NUL.
    assert position_of("139", 0) == 0x1650E5CF19E11 / 2**52
    assert position_of("139", 0) != position_of("139", 1)


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_shares_are_met_on_average(seed: int) -> None:
    units = [Unit(str(n), position_of(str(n), seed), (n,)) for n in range(2000)]
    counts = Counter(assign_by_hash(units, SHARES, {}).values())
    for name, share in SHARES.items():
        assert counts[name] == pytest.approx(2000 * share, abs=5 * (2000 * share * (1 - share)) ** 0.5)


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_each_class_has_its_share_where_asked_for(seed: int) -> None:
    # Class n is in every n-th image only: by chance a rare one would often miss a part.
    units = [
        Unit(str(n), position_of(str(n), seed), (n,), {c: 1 for c in (1, 7, 20, 50) if n % c == 0})
        for n in range(400)
    ]
    chosen = assign_by_class(units, SHARES, {})
    for category_id in (1, 7, 20, 50):
        members = [unit for unit in units if category_id in unit.classes]
        counts = Counter(chosen[unit.key] for unit in members)
        for name, share in SHARES.items():
            assert abs(counts[name] - share * len(members)) <= 1.5, (category_id, name, counts)


def test_groups_stay_together(tmp_path: Path) -> None:
    items = [image(n, {1: Part()}, name=f"clip{n // 4}/{n}.png") for n in range(1, 41)]
    whole = write_dataset(tmp_path / "whole", items)
    split_dataset(whole, tmp_path / "parts", SHARES, by="folder")
    rows = "".join(f"{n},{n % 3}\n" for n in range(1, 40))
    (tmp_path / "groups.csv").write_text(f"image_id,camera\n{rows}")
    split_dataset(whole, tmp_path / "more", SHARES, by="camera", groups=tmp_path / "groups.csv")
    for folder, group_of in (("parts", lambda n: n // 4), ("more", lambda n: n % 3 if n < 40 else "own")):
        found = ids_of(tmp_path / folder)
        groups = [group_of(n) for ids in found.values() for n in {group_of(i): i for i in ids}.values()]
        assert len(groups) == len(set(groups))
        assert sum(map(len, found.values())) == 40


def test_an_earlier_split_can_be_kept(tmp_path: Path) -> None:
    split_dataset(write_dataset(tmp_path / "few", numbered(20)), tmp_path / "a", SHARES, seed=1)
    whole = write_dataset(tmp_path / "all", numbered(50))
    split_dataset(whole, tmp_path / "b", SHARES, seed=2, stratify=True, keep=tmp_path / "a")
    old, new = ids_of(tmp_path / "a"), ids_of(tmp_path / "b")
    assert all(set(old[name]) <= set(new[name]) for name in SHARES)
    for name, share in SHARES.items():
        assert len(new[name]) == pytest.approx(50 * share, abs=2)
    with pytest.raises(UsageError, match="--keep"):
        split_dataset(whole, tmp_path / "c", {"left": 0.5, "right": 0.5}, keep=tmp_path / "a")
    with pytest.raises(InputError, match="earlier"):
        split_dataset(whole, tmp_path / "c", SHARES, keep=tmp_path / "all")


def test_a_group_torn_by_the_kept_split_is_told(tmp_path: Path) -> None:
    items = [image(n, {1: Part()}, name=f"clip/{n}.png") for n in range(1, 30)]
    whole = write_dataset(tmp_path / "whole", items)
    split_dataset(whole, tmp_path / "a", SHARES)
    with pytest.raises(InputError, match=r"folder clip.*--keep"):
        split_dataset(whole, tmp_path / "b", SHARES, by="folder", keep=tmp_path / "a")


def test_parts_say_what_they_are_of_and_keep_licences(tmp_path: Path) -> None:
    pictures = tmp_path / "photos"
    pictures.mkdir()
    about = {"license": "cc-by-4.0", "model": "m", "info": {"contributor": "ann", "year": 2026}}
    whole = write_dataset(tmp_path / "whole", numbered(8), images_dir=pictures, **about)
    split_dataset(whole, tmp_path / "parts", {"train": 0.5, "val": 0.5}, stratify=True)
    manifest = read_manifest(tmp_path / "parts" / "val")
    assert manifest is not None
    assert manifest["image_root"] == "../../photos"
    assert (manifest["license"], manifest["model"]) == ("cc-by-4.0", "m")
    assert manifest["source"]["made_by"] == "pix2cap dataset split"
    assert manifest["source"]["options"]["part"] == "val"
    (origin,) = manifest["source"]["of"]
    assert origin["name"] == "whole" and len(origin["panoptic.json"]["sha256"]) == 64
    licenses = {}
    for name in ("train", "val"):
        document = json.loads((tmp_path / "parts" / name / "panoptic.json").read_text())
        assert document["licenses"] == list(LICENSES)
        assert document["info"] == {"contributor": "ann", "year": 2026}
        licenses |= {entry["id"]: entry["license"] for entry in document["images"]}
    assert licenses == {n: 4 if n % 2 else 7 for n in range(1, 9)}


def test_an_unreadable_image_is_named_in_its_part(tmp_path: Path) -> None:
    whole = write_dataset(tmp_path / "whole", numbered(3))
    (whole / "panoptic" / "0002.png").write_bytes(b"no picture")
    made = split_dataset(whole, tmp_path / "parts", {"train": 0.5, "val": 0.5})
    assert made.refused == 1
    refused = [
        r for p in ("train", "val") for r in (read_manifest(tmp_path / "parts" / p) or {})["refused_images"]
    ]
    assert [one["image_id"] for one in refused] == [2]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("train=0.8", "0.8"),
        ("train=0.8,val=0.3", "1.1"),
        ("train=0.8,train=0.2", "train=0.2"),
        ("train=0.8,../x=0.2", "../x"),
        ("train,val", "train"),
        ("train=much,val=0.2", "much"),
        ("train=1.2,val=-0.2", "1.2"),
    ],
)
def test_shares_that_are_none(text: str, word: str) -> None:
    with pytest.raises(UsageError, match="--shares") as told:
        parse_shares(text)
    assert word in str(told.value)


def test_wrong_use_is_refused(tmp_path: Path) -> None:
    whole = write_dataset(tmp_path / "whole", numbered(2))
    with pytest.raises(UsageError, match="--by"):
        split_dataset(whole, tmp_path / "parts", SHARES, by="weather")
    (tmp_path / "groups.csv").write_text("image,weather\n1,rain\n")
    with pytest.raises(InputError, match="image_id and weather"):
        split_dataset(whole, tmp_path / "parts", SHARES, by="weather", groups=tmp_path / "groups.csv")
    split_dataset(whole, tmp_path / "old", {"left": 0.5, "right": 0.5})
    with pytest.raises(UsageError, match="left, right too"):
        split_dataset(whole, tmp_path / "old", SHARES)
    with pytest.raises(UsageError, match="not read from"):
        split_dataset(whole, whole, SHARES)
    with pytest.raises(UsageError, match="not read from"):
        split_dataset(whole, tmp_path, {"whole": 0.5, "other": 0.5})
    assert not (tmp_path / "parts" / SPLITS).exists()
