"""Which pictures are found, what they are called and which ids they get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.errors import InputError
from pix2cap.train.predict_sources import PictureList, find_pictures


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def ids(found: PictureList) -> dict[str, int]:
    return {file.file_name: file.image_id for file in found.files}


def image_json(path: Path, *images: dict[str, object]) -> Path:
    path.write_text(json.dumps({"images": images, "annotations": []}))
    return path


def test_a_folder_gives_its_pictures_sorted_and_nothing_else(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.png", "c.webp", "notes.txt", ".hidden.jpg", "below/d.jpg")
    found = find_pictures([tmp_path])
    assert [file.file_name for file in found.files] == ["a.png", "b.JPG", "c.webp"]
    assert found.root == tmp_path.resolve()


def test_globs_reach_below(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/c/2.jpg", "b/3.png", "b/4.txt")
    found = find_pictures([f"{tmp_path}/**/*.jpg"])
    assert ids(found) == {"a/1.jpg": 1, "b/c/2.jpg": 2}
    assert [file.file_name for file in find_pictures([tmp_path / "b" / "*"]).files] == ["3.png"]


def test_files_folders_and_globs_together_count_each_picture_once(tmp_path: Path) -> None:
    touch(tmp_path, "one/1.jpg", "two/2.jpg", "odd name")
    found = find_pictures(
        [tmp_path / "one" / "1.jpg", tmp_path / "one", f"{tmp_path}/t*/*.jpg", tmp_path / "odd name"]
    )
    assert ids(found) == {"one/1.jpg": 1, "two/2.jpg": 2, "odd name": 3}
    assert found.root == tmp_path.resolve()


def test_a_linked_picture_keeps_its_own_name(tmp_path: Path) -> None:
    touch(tmp_path, "blobs/0f3a", "pics/x")
    (tmp_path / "pics" / "12.jpg").symlink_to(tmp_path / "blobs" / "0f3a")
    assert ids(find_pictures([tmp_path / "pics" / "12.jpg"])) == {"12.jpg": 12}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("000000000139.jpg", 139),
        ("7.png", 7),
        ("0.png", 0),
        ("123456789012345678.jpg", 123456789012345678),
        ("1234567890123456789.jpg", 1),
        ("-7.jpg", 1),
        ("7a.jpg", 1),
        ("٣.jpg", 1),
    ],
)
def test_a_number_as_stem_is_the_id(tmp_path: Path, name: str, expected: int) -> None:
    (file,) = find_pictures([touch(tmp_path, name)]).files
    assert file.image_id == expected
    assert file.id_source == ("numbered" if expected == 1 else "file_name")


def test_the_json_gives_ids_and_sizes(tmp_path: Path) -> None:
    touch(tmp_path / "pics", "dog.jpg", "9.jpg", "x/cat.jpg", "free.jpg")
    listed = image_json(
        tmp_path / "gt.json",
        {"id": 5, "file_name": "val/dog.jpg", "width": 640, "height": 480},
        {"id": 900, "file_name": "9.jpg"},
        {"id": 6, "file_name": "x/cat.jpg"},
        {"id": 1, "file_name": "other.jpg"},
    )
    found = find_pictures([tmp_path / "pics", f"{tmp_path}/pics/*/*.jpg"], image_json=listed)
    assert ids(found) == {"9.jpg": 900, "dog.jpg": 5, "free.jpg": 2, "x/cat.jpg": 6}
    by_name = {file.file_name: file for file in found.files}
    assert (by_name["dog.jpg"].image_id, by_name["dog.jpg"].size_wh) == (5, (640, 480))
    assert (by_name["9.jpg"].image_id, by_name["9.jpg"].id_source) == (900, "image_json")
    assert by_name["free.jpg"].id_source == "numbered"


def test_the_last_part_of_a_name_decides_only_where_one_image_has_it(tmp_path: Path) -> None:
    touch(tmp_path / "pics", "cat.jpg")
    rows = {"id": 6, "file_name": "x/cat.jpg"}, {"id": 8, "file_name": "y/cat.jpg"}
    (file,) = find_pictures([tmp_path / "pics"], image_json=image_json(tmp_path / "a.json", *rows)).files
    assert file.id_source == "numbered" and file.image_id not in (6, 8)


def test_own_numbers_avoid_all_others_and_stay(tmp_path: Path) -> None:
    touch(tmp_path, "1.jpg", "3.jpg", "b.jpg", "d.jpg")
    assert ids(find_pictures([tmp_path])) == {"1.jpg": 1, "3.jpg": 3, "b.jpg": 2, "d.jpg": 4}
    known = {"b.jpg": 2, "d.jpg": 4}
    touch(tmp_path, "a.jpg", "c.jpg")
    assert ids(find_pictures([tmp_path], known_ids=known)) == {
        "1.jpg": 1,
        "3.jpg": 3,
        "a.jpg": 5,
        "b.jpg": 2,
        "c.jpg": 6,
        "d.jpg": 4,
    }


@given(names=st.sets(st.from_regex(r"[a-c0-9]{1,3}", fullmatch=True), min_size=1, max_size=12))
def test_every_picture_has_an_id_of_its_own_or_all_are_refused(
    tmp_path_factory: pytest.TempPathFactory, names: set[str]
) -> None:
    folder = touch(tmp_path_factory.mktemp("pics"), *(f"{name}.jpg" for name in names))
    numbers = [int(name) for name in names if name.isdigit()]
    if len(set(numbers)) < len(numbers):
        with pytest.raises(InputError, match="image id of its own"):
            find_pictures([folder])
        return
    found = ids(find_pictures([folder]))
    assert len(set(found.values())) == len(names)
    assert all(found[f"{name}.jpg"] == int(name) for name in names if name.isdigit())
    assert found == ids(find_pictures([folder]))


def test_two_pictures_of_one_number_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "7.jpg", "007.jpg")
    with pytest.raises(InputError, match=r"got 7 for 007\.jpg and 7\.jpg; .*--image-json"):
        find_pictures([tmp_path])


def test_masks_of_one_stem_do_not_overwrite_each_other(tmp_path: Path) -> None:
    found = find_pictures([touch(tmp_path, "a.jpg", "a.png", "b.jpg")])
    shared = found.shared_stems()
    assert [found.mask_name(file, shared) for file in found.files] == ["a.jpg.png", "a.png.png", "b.png"]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("nowhere.jpg", "no such file"),
        ("empty", "an empty folder"),
        ("texts", r"1 other file"),
        ("nested", r"nested/\*\*/\*\.jpg"),
        ("*.gif", "that match, got none"),
        ("out", "only those in the output folder"),
    ],
)
def test_nothing_found_tells_what_to_do(tmp_path: Path, word: str, told: str) -> None:
    touch(tmp_path, "texts/a.txt", "nested/below/a.jpg", "out/a.jpg")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=told):
        find_pictures([tmp_path / word], outside=tmp_path / "out")


def test_earlier_output_is_no_input(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "out/overlays/a.jpg")
    found = find_pictures([f"{tmp_path}/**/*.jpg"], outside=tmp_path / "out")
    assert [file.file_name for file in found.files] == ["a.jpg"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty file"),
        ("[]", "not a JSON object"),
        ('{"annotations": []}', "missing key"),
        ('{"images": [{"id": "5", "file_name": "a.jpg"}]}', "whole number `id`"),
        ('{"images": [{"id": 5}]}', "text `file_name`"),
    ],
)
def test_a_damaged_json_is_refused(tmp_path: Path, text: str, told: str) -> None:
    touch(tmp_path / "pics", "a.jpg")
    listed = tmp_path / "gt.json"
    listed.write_text(text)
    with pytest.raises(InputError, match=told):
        find_pictures([tmp_path / "pics"], image_json=listed)
