from importlib.metadata import files

import numpy as np

from pix2cap.scenes.photos import DEMO_SCENES, demo_items, sample_photos


def test_photos_come_with_segments_credit_and_licence() -> None:
    photos = sample_photos()
    assert len(photos) >= 3
    for photo in photos:
        assert photo.rgb.shape[:2] == photo.panoptic.id_map.shape
        assert photo.rgb.dtype == np.uint8
        assert 3 <= len(photo.panoptic.segments) <= 8
        assert photo.licence in ("public domain", "CC0 1.0")
        assert len(photo.credit) > 10
        known = {category.id: category.is_thing for category in photo.categories}
        assert all(known[s.category_id] == s.is_thing for s in photo.panoptic.segments)
        assert (photo.panoptic.id_map > 0).mean() > 0.95
        assert min(s.area for s in photo.panoptic.segments) > 300


def test_the_photos_lie_in_the_wheel_itself() -> None:
    shipped = {path.name for path in files("scikit-image") or [] if "skimage/data/" in path.as_posix()}
    assert {"astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg"} <= shipped


def test_polygons_lie_on_what_they_name() -> None:
    photos = {photo.name: photo for photo in sample_photos()}
    spots = {
        ("astronaut", (230, 120)): "person",
        ("astronaut", (20, 60)): "flag",
        ("astronaut", (395, 150)): "space shuttle model",
        ("astronaut", (400, 450)): "helmet",
        ("coffee", (290, 150)): "coffee",
        ("coffee", (370, 290)): "spoon",
        ("coffee", (120, 250)): "saucer",
        ("chelsea", (250, 100)): "cat",
        ("chelsea", (172, 110)): "eye",
        ("rocket", (322, 250)): "rocket",
        ("rocket", (250, 100)): "sky-other-merged",
    }
    for (name, (x, y)), expected in spots.items():
        photo = photos[name]
        names = {category.id: category.name for category in photo.categories}
        segment = photo.panoptic.by_id[int(photo.panoptic.id_map[y, x])]
        assert names[segment.category_id] == expected


def test_demo_items_share_one_table_of_categories() -> None:
    items = demo_items(seed=4)
    assert len(items) == DEMO_SCENES + len(sample_photos())
    assert len({name for name, *_ in items}) == len(items)
    tables = {categories for *_, categories in items}
    assert len(tables) == 1
    (table,) = tables
    assert len({category.id for category in table}) == len(table)
    used = {s.category_id for _, _, panoptic, _ in items for s in panoptic.segments}
    assert used <= {category.id for category in table}
    again = demo_items(seed=4)
    assert all((a[1] == b[1]).all() for a, b in zip(items, again, strict=True))
    assert (demo_items(seed=5)[0][1] != items[0][1]).any()
