"""The sentences in which class names are shown to the text encoder.

A class is compared with queries as the mean over all sentences at test time, and as one of them, drawn anew
for each step, in training. The sentences are those that CLIP's authors found to help, as X-Decoder uses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Final

BACKGROUND_PROMPT: Final = "A background in coco."
"""What stands for "no class", always alone."""

_ARTICLES: Final = ("a", "the")
_WORKS: Final = (
    *("art", "graffiti"),
    *(
        f"a {work}"
        for work in ("doodle", "drawing", "painting", "rendering", "rendition", "sculpture", "sketch")
    ),
    "a tattoo",
)
_MATERIALS: Final = ("cartoon", "embroidered", "origami", "plastic", "plushie", "toy")
_PHOTOS: Final = (
    *("bad", "black and white", "blurry", "bright", "close-up", "cropped", "dark", "good", "jpeg corrupted"),
    *("low resolution", "pixelated"),
)
_LOOKS: Final = ("clean", "cool", "dirty", "hard to see", "large", "nice", "small", "weird")


def _templates() -> tuple[str, ...]:
    shapes: list[str] = [
        "{}.",
        "a photo of many {}.",
        "a photo of one {}.",
        "a photo of my {}.",
        "itap of my {}.",
    ]
    for article in _ARTICLES:
        shapes += [f"{which} of {article} {{}}." for which in ("a photo", "itap", *_WORKS)]
        shapes.append(f"{article} {{}} in a video game.")
    shapes += [f"{article} {material} {{}}." for article, material in product(_ARTICLES, _MATERIALS)]
    shapes += [f"a {photo} photo of {article} {{}}." for article, photo in product(_ARTICLES, _PHOTOS)]
    shapes += [f"a photo of {article} {look} {{}}." for article, look in product(_ARTICLES, _LOOKS)]
    return tuple(shapes)


TEMPLATES: Final = _templates()
"""81 sentences, each with one place for the class name."""


def clean_class_name(name: str) -> str:
    """A category's name as a word: COCO's "-merged", "-other" and "-stuff" say nothing of the thing.

    Example:
        >>> clean_class_name("wall-other-merged")
        'wall'
    """
    for suffix in ("-other", "-merged", "-stuff"):
        name = name.replace(suffix, "")
    return name.replace(",", "").replace("+", " ")


def class_prompts(names: Sequence[str]) -> list[list[str]]:
    """For test time: all sentences of each class, and the one of "background" at the end.

    Args:
        names: Category names in class-index order.

    Example:
        >>> prompts = class_prompts(["sky-other-merged"])
        >>> len(prompts), len(prompts[0]), prompts[0][0], prompts[1]
        (2, 81, 'sky.', ['A background in coco.'])
    """
    cleaned = (clean_class_name(name) for name in names)
    return [*([template.format(name) for template in TEMPLATES] for name in cleaned), [BACKGROUND_PROMPT]]


def drawn_prompts(names: Sequence[str], random: Random) -> list[str]:
    """For a training step: one sentence a class, drawn at random, and that of "background" at the end.

    Args:
        names: Category names in class-index order.
        random: Draws the sentences.
    """
    drawn = [random.choice(TEMPLATES).format(clean_class_name(name)) for name in names]
    return [*drawn, BACKGROUND_PROMPT]
