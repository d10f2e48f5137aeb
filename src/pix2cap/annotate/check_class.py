"""Captions that describe another class, and captions exchanged between two segments."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from pix2cap.annotate.findings import Finding
from pix2cap.text.classes import (
    NAMED,
    SYNONYM,
    ClassSense,
    are_kin,
    fit,
    is_own,
    named_classes,
    sense_of,
    subject_of,
)
from pix2cap.text.subject import Subject


def check_classes(
    captions: Mapping[int, str], class_names: Mapping[int, str], *, strict: bool = False
) -> dict[int, Finding]:
    """Compare what each caption is about with the class of its segment.

    Args:
        captions: Segment id to English caption.
        class_names: Segment id to class name, at least for the captions' segments.
        strict: Whether a sibling (a cat where a dog is marked) contradicts, and a noun that only goes with
            the class does not save a caption about something else. For finished captions: while they are
            made, asking again about each of them would cost more than it mends.

    Returns:
        Segment id to a `swap` finding where two captions fit each other's segment, else to a `class`
        finding where the subject names another class and nothing of its own.
    """
    names = frozenset(class_names.values())
    subjects = {sid: subject_of(text, names) for sid, text in captions.items() if sid in class_names}
    senses = {sid: sense_of(class_names[sid]) for sid in subjects}
    found: dict[int, Finding] = {}
    for sid, subject in subjects.items():
        if contradicts(subject, senses[sid], strict=strict):
            is_stranger = contradicts(subject, senses[sid])
            found[sid] = Finding(
                "class",
                f"The caption is about {_spoken(subject)}, but the segment is marked as"
                f" {class_names[sid]!r}; look at the segment again and describe what lies inside it.",
                confidence=0.8 if is_stranger else 0.7,
            )
    for first, second in combinations(sorted(subjects), 2):
        if are_swapped(subjects[first], senses[first], subjects[second], senses[second]):
            for sid, other in ((first, second), (second, first)):
                found[sid] = Finding(
                    "swap",
                    f"The caption fits another segment, {class_names[other]!r}, better than this one"
                    f" ({class_names[sid]!r}); two captions seem to be exchanged.",
                    confidence=0.9,
                )
    return found


def contradicts(subject: Subject, sense: ClassSense, *, strict: bool = False) -> bool:
    """True where the subject names other classes only, none of them a near relative of its own."""
    if not sense.classes or (is_own(subject, sense) if strict else fit(subject, sense)):
        return False
    named = named_classes(subject)
    return bool(named) and not are_kin(named, sense.classes, strict=strict)


def are_swapped(first: Subject, sense_a: ClassSense, second: Subject, sense_b: ClassSense) -> bool:
    """True where each of two captions fits the other's segment better than its own.

    One caption alone may be about a near relative because the class was annotated wrongly; two that
    are wrong in opposite ways are not.
    """
    if sense_a.name == sense_b.name:
        return False
    own_a, own_b = fit(first, sense_a), fit(second, sense_b)
    cross_a, cross_b = fit(first, sense_b), fit(second, sense_a)
    if cross_a > own_a and cross_b > own_b and max(cross_a, cross_b) >= SYNONYM:
        return cross_a + cross_b - own_a - own_b >= SYNONYM
    # One is about the other's class by name, and the other at least might be about this one's.
    if cross_a == NAMED > own_a + 1 and cross_b >= max(own_b, SYNONYM):
        return True
    if cross_b == NAMED > own_b + 1 and cross_a >= max(own_a, SYNONYM):
        return True
    # One caption surely belongs to the other segment, whose own caption says nothing that fits it.
    strangers = not are_kin(sense_a.classes, sense_b.classes)
    a_goes_to_b = cross_a >= SYNONYM and not own_a and not own_b and not named_classes(second)
    b_goes_to_a = cross_b >= SYNONYM and not own_b and not own_a and not named_classes(first)
    return strangers and (a_goes_to_b or b_goes_to_a)


def _spoken(subject: Subject) -> str:
    nouns = subject.heads if subject.heads else subject.others
    return " and ".join(repr(noun.replace("-", " ")) for noun in nouns[:2])
