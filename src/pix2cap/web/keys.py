"""The keyboard: one table that the pages obey and the help is drawn from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Args:
        key: As a browser's `KeyboardEvent.key` has it.
        action: What the pages' scripts call it.
        words: What it does, for people.
        page: Where it works.
    """

    key: str
    action: str
    words: str
    page: Literal["any", "grid", "picture", "verify"]

    def to_json(self) -> dict[str, str]:
        """The row as pages get it."""
        return asdict(self)


KEYS = (
    Key("?", "help", "Show these keys", "any"),
    Key("/", "search", "Search in the captions", "grid"),
    Key("n", "next_image", "Next page of pictures", "grid"),
    Key("p", "previous_image", "Previous page of pictures", "grid"),
    Key("j", "next_segment", "Next segment", "picture"),
    Key("k", "previous_segment", "Previous segment", "picture"),
    Key("n", "next_image", "Next picture of those that the filters keep", "picture"),
    Key("p", "previous_image", "Previous picture", "picture"),
    Key("a", "accept", "Accept the caption", "picture"),
    Key("e", "edit", "Edit the caption", "picture"),
    Key("x", "reject", "Reject the caption", "picture"),
    Key("r", "ask_again", "Have the model asked again", "picture"),
    Key("u", "undo", "Undo your own latest decision on the segment", "picture"),
    Key("h", "marks", "Marks on or off", "picture"),
    Key("+", "zoom_in", "Zoom in", "picture"),
    Key("-", "zoom_out", "Zoom out", "picture"),
    Key("0", "zoom_fit", "Show the whole picture", "picture"),
    Key("z", "zoom_segment", "Zoom to the segment", "picture"),
    Key("/", "search", "Search in the captions of all pictures", "picture"),
    Key("g", "gallery", "Back to all pictures", "picture"),
    Key("1", "yes", "Yes, it is right", "verify"),
    Key("2", "no", "No, it is wrong", "verify"),
    Key("3", "cannot_tell", "Cannot tell", "verify"),
    Key("4", "not_applicable", "The caption says nothing of it", "verify"),
    Key("y", "all_yes", "Everything is right", "verify"),
    Key("j", "next_axis", "Next question", "verify"),
    Key("k", "previous_axis", "Previous question", "verify"),
    Key("Enter", "save", "Save and go on", "verify"),
    Key("b", "back", "Back to the caption before", "verify"),
    Key("h", "marks", "Marks on or off", "verify"),
)
"""Every key of every page, in the order of the help."""
