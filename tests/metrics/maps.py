"""Small panoptic maps drawn by hypothesis, and ground truths read from golden sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from pix2cap.core import Category, PanopticMap

CATEGORIES = {
    1: Category(1, "person", True),
    2: Category(2, "dog", True),
    3: Category(3, "sky", False),
    4: Category(4, "grass", False),
}


def panoptic(rows: list[list[int]], classes: dict[int, int], crowd: tuple[int, ...] = ()) -> PanopticMap:
    """A map from rows of ids; `classes` gives the category of each id."""
    ids = np.array(rows, np.uint32)
    return PanopticMap.from_id_map(
        ids, {i: (c, CATEGORIES[c].is_thing, i in crowd) for i, c in classes.items()}
    )


@st.composite
def panoptic_maps(draw: st.DrawFn, *, crowds: bool = False, shape: tuple[int, int] = (6, 8)) -> PanopticMap:
    """A random map of up to six segments and some void."""
    n = draw(st.integers(1, 6))
    ids = draw(st.lists(st.integers(1, 2**24 - 1), min_size=n, max_size=n, unique=True))
    cells = draw(st.lists(st.integers(0, n), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    id_map = np.array([0, *ids], np.uint32)[np.array(cells)].reshape(shape)
    shown = [i for i in ids if (id_map == i).any()]
    classes = draw(st.lists(st.sampled_from(sorted(CATEGORIES)), min_size=len(shown), max_size=len(shown)))
    flags = draw(st.lists(st.booleans(), min_size=len(shown), max_size=len(shown)))
    infos = {
        i: (c, CATEGORIES[c].is_thing, crowds and flag)
        for i, c, flag in zip(shown, classes, flags, strict=True)
    }
    return PanopticMap.from_id_map(id_map, infos)


def read_side(folder: Path, side: str) -> dict[int, PanopticMap]:
    """Maps of a golden set, read with Pillow and json alone, in the order of the annotations."""
    document: dict[str, Any] = json.loads((folder / f"{side}.json").read_text())
    maps = {}
    for annotation in document["annotations"]:
        rgb = np.asarray(Image.open(folder / side / annotation["file_name"]), np.uint32)
        id_map = rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2]
        infos = {
            s["id"]: (s["category_id"], True, bool(s.get("iscrowd", 0))) for s in annotation["segments_info"]
        }
        areas = {s["id"]: s["area"] for s in annotation["segments_info"] if "area" in s}
        maps[annotation["image_id"]] = PanopticMap.from_id_map(id_map, infos, areas)
    return maps


def read_categories(folder: Path) -> dict[int, Category]:
    """The categories of a golden set."""
    rows = json.loads((folder / "gt.json").read_text())["categories"]
    return {row["id"]: Category(row["id"], row["name"], bool(row["isthing"])) for row in rows}
