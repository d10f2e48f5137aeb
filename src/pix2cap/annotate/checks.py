"""All checks on the captions of one reply: keep, warn, or drop with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pix2cap.annotate.check_class import check_classes
from pix2cap.annotate.check_place import check_side
from pix2cap.annotate.check_repeat import check_repeats
from pix2cap.annotate.check_text import check_text
from pix2cap.annotate.findings import CHECK_NAMES, CheckSettings, Finding, SceneFacts
from pix2cap.annotate.parse import ParsedCaption
from pix2cap.vlm.unit import UnitRow

__all__ = ["CHECK_NAMES", "CheckSettings", "Finding", "SceneFacts", "check_captions"]


def check_captions(
    rows: Sequence[UnitRow],
    captions: Mapping[int, ParsedCaption],
    *,
    scene: SceneFacts,
    settings: CheckSettings,
) -> dict[int, tuple[Finding, ...]]:
    """Check a reply's captions, each by itself and against the others of the picture.

    Args:
        rows: The segments asked for.
        captions: Row number to what was parsed; other keys are ignored.
        scene: Classes, boxes and accepted captions of the picture.
        settings: Language and length bands.

    Returns:
        Row number of every row to its findings in the order of `CHECK_NAMES`; empty tuples for
        captions without a fault and for segments that the model calls not visible.
    """
    found: dict[int, list[Finding]] = {row.number: [] for row in rows}
    texts: dict[int, str] = {}
    for row in rows:
        parsed = captions.get(row.number)
        if parsed is None or (parsed.visible and not parsed.text.strip()):
            found[row.number].append(
                Finding("missing", 'The reply had no caption for it; give one, or "visible": false.')
            )
        elif parsed.visible:
            texts[row.number] = parsed.text
    segment_of = {row.number: row.segment_id for row in rows}
    asked_ids = set(segment_of.values())
    accepted = {sid: text for sid, text in scene.texts.items() if sid not in asked_ids and text.strip()}
    for number, text in texts.items():
        peers = [other for key, other in texts.items() if key != number] + list(accepted.values())
        found[number].extend(check_text(text, settings, peers=peers))
    sound = {n: t for n, t in texts.items() if not any(f.check == "refusal" for f in found[n])}
    by_segment = {segment_of[n]: t for n, t in sound.items()}
    repeats = check_repeats(by_segment, accepted, settings)
    classes: Mapping[int, Finding] = {}
    if settings.is_english:
        names = {**scene.class_names, **{row.segment_id: row.class_name for row in rows}}
        classes = check_classes(by_segment, names)
    for row in rows:
        if row.number not in sound:
            continue
        for findings in (repeats, classes):
            if finding := findings.get(row.segment_id):
                found[row.number].append(finding)
        if settings.is_english and (finding := _side(row, sound[row.number], scene)):
            found[row.number].append(finding)
    order = {name: place for place, name in enumerate(CHECK_NAMES)}
    return {n: tuple(sorted(fs, key=lambda f: order[f.check])) for n, fs in found.items()}


def _side(row: UnitRow, text: str, scene: SceneFacts) -> Finding | None:
    box = scene.boxes_unit.get(row.segment_id, row.box_unit)
    return check_side(text, box, centroid_unit=scene.centroids_unit.get(row.segment_id))
