"""What a rendered scene can hold: shapes, colours, textures, sizes, grounds, and their categories."""

from __future__ import annotations

from typing import Final, Literal

from pix2cap.core import Category

Texture = Literal["plain", "striped", "dotted", "checkered", "zigzag"]
Size = Literal["small", "medium-sized", "large"]

SHAPES: Final[tuple[str, ...]] = (
    "circle",
    "square",
    "triangle",
    "star",
    "ring",
    "cross",
    "heart",
    "hexagon",
    "crescent",
    "arrow",
)
COLORS: Final[dict[str, tuple[int, int, int]]] = {
    "red": (208, 38, 40),
    "orange": (247, 140, 28),
    "yellow": (250, 218, 52),
    "green": (44, 150, 60),
    "blue": (44, 96, 206),
    "purple": (128, 54, 164),
    "pink": (246, 148, 186),
    "brown": (122, 76, 42),
    "white": (246, 246, 244),
    "black": (26, 26, 28),
}
TEXTURES: Final[tuple[Texture, ...]] = ("plain", "striped", "dotted", "checkered", "zigzag")
SIZES: Final[dict[Size, tuple[float, float]]] = {
    "small": (0.070, 0.090),
    "medium-sized": (0.110, 0.135),
    "large": (0.160, 0.195),
}
"""Range of the radius as a share of the picture's shorter side; the gaps keep the words apart."""

GROUNDS: Final[dict[str, str]] = {
    "sky": "blue",
    "grass": "green",
    "sand": "tan",
    "water": "blue",
    "brick wall": "brown",
    "wooden floor": "brown",
    "snow": "white",
    "road": "gray",
}
"""Ground to the name of its own colour."""

BACKDROPS: Final[tuple[tuple[str, ...], ...]] = (
    ("sky", "grass"),
    ("sky", "sand"),
    ("sky", "water"),
    ("sky", "snow"),
    ("sky", "water", "sand"),
    ("sky", "grass", "road"),
    ("brick wall", "wooden floor"),
    ("brick wall", "grass"),
    ("brick wall", "road"),
    ("water", "sand"),
    ("grass",),
    ("wooden floor",),
)
"""Grounds that may meet, from top to bottom."""

TOO_ALIKE: Final[dict[str, frozenset[str]]] = {
    "sky": frozenset({"blue"}),
    "grass": frozenset({"green"}),
    "sand": frozenset({"brown"}),
    "water": frozenset({"blue"}),
    "brick wall": frozenset({"brown", "red"}),
    "wooden floor": frozenset({"brown", "orange"}),
    "snow": frozenset({"white"}),
    "road": frozenset(),
}
"""Object colours that would be lost on a ground."""

# Ids above COCO's, so that rendered scenes and photos with COCO classes can share one table.
SCENE_CATEGORIES: Final[tuple[Category, ...]] = (
    *(Category(1001 + i, name, is_thing=True, supercategory="shape") for i, name in enumerate(SHAPES)),
    *(Category(1101 + i, name, is_thing=False, supercategory="ground") for i, name in enumerate(GROUNDS)),
)
CATEGORY_IDS: Final[dict[str, int]] = {category.name: category.id for category in SCENE_CATEGORIES}


def accent_of(color: str) -> str:
    """The colour of the stripes, dots or squares on an object of this colour."""
    return "black" if color in ("white", "yellow", "pink") else "white"
