"""Captions that describe another class, and captions exchanged between two segments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Final

from pix2cap.annotate.findings import Finding
from pix2cap.text.classes import (
    NAMED,
    SYNONYM,
    ClassSense,
    are_kin,
    fit,
    known_nouns,
    named_classes,
    sense_of,
    subject_of,
)
from pix2cap.text.subject import Subject
from pix2cap.text.subject_spacy import SecondReader
from pix2cap.text.verdict import strangeness

_AGREED: Final = 0.1
"""How much surer a finding is where both readers say the same."""
_DISPUTED: Final = 0.1
"""How much less sure where the second one reads a subject that may be of the class."""


def check_classes(
    captions: Mapping[int, str],
    class_names: Mapping[int, str],
    *,
    strict: bool = False,
    second_reader: SecondReader | None = None,
) -> dict[int, Finding]:
    """Compare what each caption is about with the class of its segment.

    Args:
        captions: Segment id to English caption.
        class_names: Segment id to class name, at least for the captions' segments.
        strict: Whether a sibling (a cat where a dog is marked) contradicts, and a noun that only goes with
            the class does not save a caption about something else. For finished captions: while they are
            made, asking again about each of them would cost more than it mends.
        second_reader: spaCy, to read subjects as well.

    Returns:
        Segment id to a `swap` finding where two captions fit each other's segment, else to a `class`
        finding where the subject is something else and nothing of its own class.
    """
    names = frozenset(class_names.values())
    subjects = {sid: subject_of(text, names) for sid, text in captions.items() if sid in class_names}
    if second_reader is not None and second_reader.leads:
        parsed = _parsed(captions, subjects, names, second_reader)
        subjects = {sid: parsed[sid] if parsed[sid].heads else own for sid, own in subjects.items()}
    senses = {sid: sense_of(class_names[sid]) for sid in subjects}
    sure = {sid: strangeness(subject, senses[sid], strict=strict) for sid, subject in subjects.items()}
    sure = {sid: confidence for sid, confidence in sure.items() if confidence}
    if second_reader is not None and not second_reader.leads:
        for accused, parsed_one in _parsed(captions, sure, names, second_reader).items():
            theirs = strangeness(parsed_one, senses[accused], strict=strict)
            sure[accused] = _weighed(sure[accused], subjects[accused], theirs, parsed_one)
    found = {
        sid: Finding(
            "class",
            f"The caption is about {_spoken(subjects[sid])}, but the segment is marked as"
            f" {class_names[sid]!r}; look at the segment again and describe what lies inside it.",
            confidence=confidence,
        )
        for sid, confidence in sure.items()
    }
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


def _parsed(
    captions: Mapping[int, str], sids: Collection[int], names: frozenset[str], reader: SecondReader
) -> dict[int, Subject]:
    return dict(zip(sids, reader.read([captions[sid] for sid in sids], known_nouns(names)), strict=True))


def _weighed(confidence: float, own: Subject, theirs: float, other: Subject) -> float:
    """How sure a finding is once a second reader has read the caption."""
    if theirs and set(own.heads) & set(other.heads):
        confidence += _AGREED
    elif not theirs and other.heads:
        confidence -= _DISPUTED
    return round(confidence, 2)


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
