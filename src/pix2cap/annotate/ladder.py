"""What is asked, and what is asked again: the attempts at one image as pure functions of the replies.

    first     every segment, spatial neighbours together, at most `max_marks` a request
    again     the same pictures, only the ids that failed, with the reasons
    fewer     the segments still open, redrawn at most `fewer_marks` together
    alone     each of them as the only mark
    crop      each segment alone in a focal crop
    stronger  as `fewer`, asked of the stronger model (where one is named)

`next_asks` and `absorb` know no clock, no network and no journal, so that one machine's event loop and
a distributed engine can drive them alike, and a resumed run walks the same path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pix2cap.annotate.check_refusal import check_refusal
from pix2cap.annotate.checks import CheckSettings, Finding, SceneFacts, check_captions
from pix2cap.annotate.journal import AttemptRecord, Outcome
from pix2cap.annotate.parse import ParsedCaption, ParsedReply, parse_reply
from pix2cap.annotate.prompt import Stage
from pix2cap.annotate.settings import AnnotateSettings
from pix2cap.core import CaptionStatus, PanopticMap
from pix2cap.core.boxes import label_centroids, xyxy_to_unit
from pix2cap.draw.partition import split_into_units
from pix2cap.text.classes import subject_of
from pix2cap.vlm.unit import UnitRow

STAGES: tuple[Stage, ...] = ("first", "again", "fewer", "alone", "crop", "stronger")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to be made.

    Args:
        stage: The rung it belongs to.
        drawn: Segments marked on the picture; mark n is `drawn[n - 1]`.
        asked: Those of them that a caption is wanted for.
        reasons: Mark number to the reason why the last caption was dropped.
    """

    stage: Stage
    drawn: tuple[int, ...]
    asked: tuple[int, ...]
    reasons: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What an Ask brought: a reply's text, or the reason why there is none."""

    key: str
    text: str | None
    finish_reason: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ImageState:
    """How far one image is.

    Args:
        rung: Index into STAGES of the next asks; `len(STAGES)` when none is left.
        open: Segments without a final word, in map order, each with its last findings.
        done: Final words.
        attempts: Everything that was tried.
        first_units: The groups of the first rung, which the second asks again.
    """

    rung: int
    open: Mapping[int, tuple[Finding, ...]]
    done: Mapping[int, Outcome]
    attempts: tuple[AttemptRecord, ...] = ()
    first_units: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class ImageFacts:
    """What the ladder needs to know of an image: no pixels but the map.

    Args:
        panoptic: The map; only read for grouping neighbours.
        class_names: Segment id to class name, crowd included.
    """

    panoptic: PanopticMap
    class_names: Mapping[int, str]

    @cached_property
    def boxes_unit(self) -> dict[int, tuple[float, float, float, float]]:
        """Segment id to box as shares of the picture."""
        size_wh = self.panoptic.size_wh
        return {segment.id: xyxy_to_unit(segment.box_xyxy, size_wh) for segment in self.panoptic.segments}

    @cached_property
    def centroids_unit(self) -> dict[int, tuple[float, float]]:
        """Segment id to centre of mass as shares of the picture."""
        return label_centroids(self.panoptic.id_map)

    def rows(self, ask: Ask) -> tuple[UnitRow, ...]:
        """The rows of the segments asked for, numbered as drawn."""
        number = {segment_id: n for n, segment_id in enumerate(ask.drawn, start=1)}
        return tuple(UnitRow(number[i], i, self.class_names[i], self.boxes_unit[i]) for i in ask.asked)


def start(facts: ImageFacts, earlier: Mapping[int, Outcome] | None = None) -> ImageState:
    """Everything open but what an earlier round settled for good."""
    kept = {i: o for i, o in (earlier or {}).items() if o.status is not CaptionStatus.FAILED}
    still_open: dict[int, tuple[Finding, ...]] = {
        segment.id: () for segment in facts.panoptic.captionable() if segment.id not in kept
    }
    return ImageState(0, still_open, kept)


def next_asks(
    state: ImageState, facts: ImageFacts, settings: AnnotateSettings
) -> tuple[ImageState, list[Ask]]:
    """The requests of the next rung; none when every segment has its final word or no rung is left."""
    rung, still_open = state.rung, tuple(state.open)
    if not still_open or rung >= len(STAGES):
        return replace(state, rung=len(STAGES)), []
    stage = STAGES[rung]
    if stage == "stronger" and settings.strong_model is None:
        return replace(state, rung=len(STAGES)), []
    if stage == "again":
        groups = [unit for unit in state.first_units if any(i in state.open for i in unit)]
    elif stage in ("alone", "crop"):
        groups = [(i,) for i in still_open]
    else:
        most = settings.max_marks if stage == "first" else settings.fewer_marks
        groups = split_into_units(facts.panoptic, still_open, max_marks=most)
    asks = [_ask(stage, group, state) for group in groups]
    if stage == "first":
        state = replace(state, first_units=tuple(groups))
    return state, asks


def _ask(stage: Stage, group: tuple[int, ...], state: ImageState) -> Ask:
    asked = tuple(i for i in group if i in state.open)
    reasons = tuple((group.index(i) + 1, state.open[i][0].reason) for i in asked if state.open[i])
    return Ask(stage, group, asked, reasons)


def absorb(
    state: ImageState,
    facts: ImageFacts,
    settings: AnnotateSettings,
    replies: Sequence[tuple[Ask, Answer]],
) -> ImageState:
    """Parse and check the replies of one rung, in order, and move on to the next.

    A caption is checked against those accepted before it, so the order of the asks, not of arrival,
    decides which of two equal captions is kept.
    """
    still_open, done = dict(state.open), dict(state.done)
    attempts = list(state.attempts)
    check_settings = CheckSettings(language=settings.language)
    for ask, answer in replies:
        rows = facts.rows(ask)
        reply = _parse(rows, answer)
        captions = reply.captions
        scene = SceneFacts(
            class_names=facts.class_names,
            boxes_unit=facts.boxes_unit,
            texts={i: o.text for i, o in done.items() if o.status is CaptionStatus.CAPTIONED},
            centroids_unit=facts.centroids_unit,
        )
        findings = check_captions(rows, captions, scene=scene, settings=check_settings)
        for row in rows:
            caption, found = captions.get(row.number), findings[row.number]
            if caption is None:
                found = (_why_missing(row.number, answer, reply),)
            elif _is_confirmed(row.segment_id, caption.text, found, state.attempts):
                found = tuple(replace(finding, hard=False) for finding in found)
            verdict = _verdict(caption, found)
            text = "" if caption is None else caption.text
            attempts.append(
                AttemptRecord(
                    row.segment_id,
                    answer.key,
                    state.rung + 1,
                    ask.stage,
                    verdict,
                    text,
                    tuple((f.check, f.reason, f.hard) for f in found),
                )
            )
            if verdict == "drop":
                still_open[row.segment_id] = tuple(f for f in found if f.hard)
            else:
                status = CaptionStatus.CAPTIONED if verdict == "keep" else CaptionStatus.NOT_VISIBLE
                del still_open[row.segment_id]
                done[row.segment_id] = Outcome(row.segment_id, status, text, None, answer.key, state.rung + 1)
    return replace(state, rung=state.rung + 1, open=still_open, done=done, attempts=tuple(attempts))


def outcomes(state: ImageState) -> list[Outcome]:
    """The final word on every segment once no ask is left: what is still open has failed.

    The text of the last attempt is kept with a failed segment, for the person who reviews it.
    """
    last = {attempt.segment_id: attempt for attempt in state.attempts}
    failed = [
        Outcome(
            segment_id,
            CaptionStatus.FAILED,
            last[segment_id].text,
            found[0].check if found else "missing",
            last[segment_id].key,
            last[segment_id].attempt,
        )
        for segment_id, found in state.open.items()
    ]
    return [*state.done.values(), *failed]


def _is_confirmed(
    segment_id: int, text: str, found: Sequence[Finding], earlier: Sequence[AttemptRecord]
) -> bool:
    """True where only the class stands against a caption, and an earlier rung's caption named the same thing.

    Annotations are wrong at times (65 of 1790 segments in our sample), and the prompt asks the model to say
    so. Told of the contradiction and asked again, a model that stands by what it saw is believed; the
    finding stays with the caption for the person who reviews it.
    """
    if not _only_class(finding.check for finding in found if finding.hard):
        return False
    names = set(subject_of(text).heads)
    return any(
        attempt.segment_id == segment_id
        and attempt.text
        and _only_class(check for check, _, hard in attempt.findings if hard)
        and (attempt.text == text or names & set(subject_of(attempt.text).heads))
        for attempt in earlier
    )


def _only_class(checks: Iterable[str]) -> bool:
    return set(checks) == {"class"}


def _parse(rows: Sequence[UnitRow], answer: Answer) -> ParsedReply:
    numbers = [row.number for row in rows]
    return parse_reply(answer.text or "", numbers, finish_reason=answer.finish_reason or "stop")


def _why_missing(number: int, answer: Answer, reply: ParsedReply) -> Finding:
    """Tell a reply that never came from one that refused, was cut, contradicts itself, or left the id out."""
    if answer.error is not None:
        return Finding(answer.error, f"The last request failed ({answer.error}).")
    if answer.finish_reason == "refusal":
        return Finding("refusal", "The last request was refused.")
    text = answer.text or ""
    if not reply.captions and "{" not in text and (refusal := check_refusal(text)):
        return refusal
    if reply.cut:
        return Finding("cut", "The reply ended before its caption was complete; be brief.")
    reason = reply.reasons.get(number, 'The reply had no caption for it; give one, or "visible": false.')
    return Finding("missing", reason)


def _verdict(caption: ParsedCaption | None, findings: Sequence[Finding]) -> str:
    if any(finding.hard for finding in findings):
        return "drop"
    if caption is None:
        raise AssertionError("check_captions let a missing caption pass")
    return "keep" if caption.visible else "not_visible"
