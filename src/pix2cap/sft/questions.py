"""What is asked of a region: templates in three styles, drawn by a seed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import Final, Literal

Style = Literal["describe", "locate", "name"]

STYLES: Final[tuple[Style, ...]] = ("describe", "locate", "name")

TEMPLATES: Final[Mapping[Style, tuple[str, ...]]] = MappingProxyType(
    {
        "describe": (
            "Describe {region} in one sentence.",
            "Write a caption for {region}.",
            "What does {region} show?",
            "Tell me what is to be seen in {region}.",
            "Put {region} into words.",
            "How would you caption {region}?",
            "In a sentence, what is {region} and how does it look?",
            "Look at {region} and say what it is, with what sets it apart.",
            "Somebody cannot see this picture. What should they know about {region}?",
            "Give {region} a caption that fits nothing else in this picture.",
            "What is there in {region}, and what does it look like?",
            "Please caption {region}.",
        ),
        "locate": (
            'Which region fits this caption: "{caption}"',
            'Where is this to be found: "{caption}"',
            'Find what these words describe: "{caption}"',
            'Point out what is meant by "{caption}"',
            'This caption belongs to one region. Which one? "{caption}"',
            'Locate the following: "{caption}"',
            'What region was captioned "{caption}"',
            'Someone wrote "{caption}" Which part of the picture did they mean?',
        ),
        "name": (
            "What is {region}? Answer with the name of the thing only.",
            "Name what fills {region}, in one or two words.",
            "Which kind of object or surface is {region}? Give the name alone.",
            "In a word or two: what is {region}?",
            "What class of thing is shown in {region}? Reply with the class name.",
            "Say what {region} is called, without describing it.",
            "Give a short label for {region}.",
            "Label {region}.",
        ),
    }
)
"""`{region}` stands where the region is mentioned, `{caption}` where its caption is given."""

_SLOT: Final = re.compile(r"\{(region|caption)\}")


def draw_question(style: Style, draw: Random) -> str:
    """A template of a style, all of them equally likely.

    Example:
        >>> draw_question("name", Random(3)) in TEMPLATES["name"]
        True
    """
    templates = TEMPLATES[style]
    return templates[draw.randrange(len(templates))]


def fill(template: str, *, region: str, caption: str) -> str:
    """A template as it is asked; braces in a caption stay what they are.

    Example:
        >>> fill("Label {region}.", region="the region [1, 2, 3, 4]", caption="A {region}.")
        'Label the region [1, 2, 3, 4].'
    """
    values = {"region": region, "caption": caption}
    return _SLOT.sub(lambda found: values[found[1]], template)
