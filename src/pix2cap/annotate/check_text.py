"""Checks that read nothing but the caption; length, language and cut are decided here."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from pix2cap.annotate.check_marks import check_mark_talk
from pix2cap.annotate.check_refusal import check_refusal
from pix2cap.annotate.findings import CheckSettings, Finding
from pix2cap.text.language import garbled, language_name, other_language
from pix2cap.text.words import count_words, ends_dangling, stops_early

FULL_STOP: Final = re.compile(r"[.!?。！？।؟…]['\"”’»)\]]*$")
"""The end of a whole sentence, in the scripts that captions are written in."""
_TRAILING_OFF: Final = re.compile(r"(?:\.\.\.|…)['\"”’]*$")


def check_text(text: str, settings: CheckSettings, *, peers: Collection[str]) -> Iterator[Finding]:
    """Findings on one visible caption.

    Args:
        text: The caption, not empty.
        settings: Language and length bands.
        peers: The other captions of the picture; they show whether this model ends its sentences.
    """
    if finding := check_refusal(text):
        yield finding
        return  # what else could be said of an error message helps nobody
    if settings.is_english and (finding := check_mark_talk(text)):
        yield finding
    if finding := check_cut(text, settings, peers=peers):
        yield finding
    if finding := check_language(text, settings):
        yield finding
    if finding := check_length(text, settings):
        yield finding


def check_length(text: str, settings: CheckSettings) -> Finding | None:
    """Words (for scripts without spaces, what would be words) outside the bands."""
    words = count_words(text, language=settings.language)
    for (low, high), hard in ((settings.hard_words, True), (settings.soft_words, False)):
        if not low <= words <= high:
            which = "short" if words < low else "long"
            return Finding(
                "length",
                f"The caption is too {which} with {words:.0f} words; write about 23, {low} to {high}.",
                hard=hard,
                confidence=1.0 if hard else 0.3,
            )
    return None


def check_language(text: str, settings: CheckSettings) -> Finding | None:
    """Another language than the one asked for, or letters that were read in the wrong character set."""
    if garbage := garbled(text):
        told = f"The caption holds garbled letters ({garbage!r}); it was read in the wrong character set."
        return Finding("language", told, confidence=0.9)
    other = other_language(text, settings.language)
    if other is None:
        return None
    return Finding(
        "language",
        f"The caption is written in {other[0]}; write it in {language_name(settings.language)}.",
        confidence=other[1],
    )


def check_cut(text: str, settings: CheckSettings, *, peers: Collection[str]) -> Finding | None:
    """A caption that stops in the middle of its sentence.

    A missing full stop alone proves nothing, since some models never write one; it does where the
    other captions of the picture have theirs.
    """
    tail = text.rstrip()
    reason = "The caption stops in the middle of a sentence; write whole sentences, shorter if need be."
    if _TRAILING_OFF.search(tail):
        return Finding("cut", reason, confidence=0.9)
    if FULL_STOP.search(tail):
        early = stops_early(tail) if settings.is_english else None
        told = f"The caption stops after {early!r}, in the middle of a phrase; write whole sentences."
        return Finding("cut", told, confidence=0.85) if early else None
    if settings.is_english and ends_dangling(tail):
        return Finding("cut", reason)
    if tail.endswith((",", ";", ":", "-", "–", "—", "(", "、", "，")) or _is_open(tail):
        return Finding("cut", reason)
    ended = sum(bool(FULL_STOP.search(peer.rstrip())) for peer in peers)
    if peers and ended >= 0.6 * len(peers):
        return Finding("cut", reason, confidence=0.8)
    if count_words(tail, language=settings.language) >= settings.hard_words[0] and not peers:
        return Finding("cut", "The caption has no full stop and may be cut.", hard=False, confidence=0.3)
    return None


def _is_open(text: str) -> bool:
    """A bracket or a pair of quotes that never closes."""
    return text.count("(") > text.count(")") or text.count("“") > text.count("”") or text.count('"') % 2 == 1
