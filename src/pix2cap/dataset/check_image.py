"""All offline checks on the captions of one image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pix2cap.annotate.check_class import check_classes
from pix2cap.annotate.check_place import check_side
from pix2cap.annotate.check_repeat import check_repeats
from pix2cap.annotate.check_text import FULL_STOP, check_text
from pix2cap.annotate.findings import CheckSettings, Finding
from pix2cap.dataset.check_color import check_color
from pix2cap.dataset.check_scene import CheckedScene
from pix2cap.dataset.check_swap import check_swaps
from pix2cap.text.subject_spacy import SecondReader


@dataclass(frozen=True, slots=True)
class Habits:
    """What the captions of a dataset have in common.

    Args:
        captions: How many there are.
        ended: How many end with a full stop.
    """

    captions: int
    ended: int

    @property
    def end_with_stops(self) -> bool:
        """True where a caption without a full stop is an exception."""
        return self.captions >= 5 and self.ended >= 0.9 * self.captions


def habits_of(texts: Iterable[str]) -> Habits:
    """Read all captions once."""
    counts = Counter(bool(FULL_STOP.search(text.rstrip())) for text in texts)
    return Habits(counts.total(), counts[True])


def check_scene(
    scene: CheckedScene, settings: CheckSettings, habits: Habits, *, second_reader: SecondReader | None = None
) -> Mapping[int, tuple[Finding, ...]]:
    """Check the captions of one image, each by itself and against the others.

    Args:
        scene: The image.
        settings: Language that the captions should be in.
        habits: Of the dataset.
        second_reader: spaCy, to read what captions are about as well.

    Returns:
        Segment id to findings, for every captioned segment.
    """
    found: dict[int, list[Finding]] = {segment_id: [] for segment_id in scene.texts}
    for segment_id, text in scene.texts.items():
        peers = [other for key, other in scene.texts.items() if key != segment_id]
        # One caption of a known habit is as good as many.
        peers = ["A whole sentence."] if habits.end_with_stops else peers
        found[segment_id] += [f for f in check_text(text, settings, peers=peers) if f.check != "length"]
    refused = {s for s, fs in found.items() if any(f.check == "refusal" for f in fs)}
    foreign = refused | {s for s, fs in found.items() if any(f.check == "language" for f in fs)}
    sound = {s: text for s, text in scene.texts.items() if s not in refused}
    _add(found, check_repeats(sound, {}, settings, strict=True))
    if not settings.is_english:
        return {s: tuple(fs) for s, fs in found.items()}
    english = {s: text for s, text in sound.items() if s not in foreign}
    classes = check_classes(english, scene.class_names, strict=True, second_reader=second_reader)
    _add(found, classes)
    repeated = {s for s, fs in found.items() if any(f.check == "repeat" for f in fs)}
    swapped = {s for s, f in classes.items() if f.check == "swap"}
    clear = {s: text for s, text in english.items() if s not in repeated | swapped}
    _add(found, check_swaps(clear, scene))
    for segment_id, text in english.items():
        name = scene.class_names.get(segment_id, "")
        if (place := scene.places.get(segment_id)) is not None:
            side = check_side(text, place.box_unit, centroid_unit=place.centroid_unit)
            found[segment_id] += [side] if side else []
        color = check_color(text, name, scene.colors.get(segment_id))
        found[segment_id] += [color] if color else []
    return {s: tuple(fs) for s, fs in found.items()}


def _add(found: dict[int, list[Finding]], more: Mapping[int, Finding]) -> None:
    for segment_id, finding in more.items():
        found[segment_id].append(finding)
