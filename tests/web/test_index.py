"""The index keeps what a plain loop over the segments would, before and after changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.annotate.decisions import Action, Decision, Standing, apply
from pix2cap.core import CaptionSource, CaptionStatus, SegmentCaption
from pix2cap.web.collection import ReviewedImage, ReviewedSegment
from pix2cap.web.filters import Filters
from pix2cap.web.index import ReviewIndex
from pix2cap.web.open_collection import CheckFinding

TEXTS = ("", "A red car.", "A red-and-white café table in the sun.", "Two dogs play on green grass today.")
STATUSES = (CaptionStatus.CAPTIONED, CaptionStatus.FAILED, CaptionStatus.PENDING, CaptionStatus.CROWD)
CLASSES = ("car", "dog", "<b>")
MODELS = (None, "m1", "m2")
CHECKS = ("class", "length")


def decided(action: Action | None, reviewer: str = "ann", text: str = "By hand.") -> Standing:
    if action is None:
        return Standing()
    decision = Decision(1, "2026-01-01", reviewer, 1, 1, action, text, None, 0, None)
    return Standing(decision, (decision,))


@st.composite
def segments(draw: st.DrawFn, segment_id: int) -> ReviewedSegment:
    status = draw(st.sampled_from(STATUSES))
    model = draw(st.sampled_from(MODELS))
    source = None if model is None else CaptionSource(model, attempt=draw(st.integers(1, 3)))
    original = SegmentCaption(segment_id, draw(st.sampled_from(TEXTS)), status, None, source)
    actions = (None, Action.ACCEPT, Action.EDIT, Action.REJECT, Action.ASK_AGAIN)
    standing = decided(draw(st.sampled_from(actions)), draw(st.sampled_from(("ann", "bob"))))
    is_crowd = status is CaptionStatus.CROWD
    standing = Standing() if is_crowd else standing
    return ReviewedSegment(
        segment_id,
        draw(st.sampled_from(CLASSES)),
        True,
        original,
        apply(original, standing),
        standing,
        tuple(draw(st.sets(st.sampled_from(CHECKS)))),
    )


@st.composite
def collections(draw: st.DrawFn) -> list[ReviewedImage]:
    images = []
    for place in range(draw(st.integers(0, 5))):
        rows = tuple(draw(segments(n)) for n in range(1, draw(st.integers(0, 4)) + 1))
        images.append(ReviewedImage(10 * place + 7, place, f"{place}.jpg", 4, 4, rows))
    return images


FILTERS = st.builds(
    Filters,
    equal=st.lists(
        st.sampled_from(
            [
                ("status", "captioned"),
                ("status", "rejected"),
                ("class", "car"),
                ("class", "<b>"),
                ("check", "class"),
                ("finding", "swap"),
                ("decision", "open"),
                ("decision", "edit"),
                ("attempt", "2"),
                ("model", "m1"),
                ("reviewer", "bob"),
            ]
        ),
        max_size=2,
        unique_by=lambda pair: pair[0],
    ).map(tuple),
    words_min=st.sampled_from([None, 0, 3, 7]),
    words_max=st.sampled_from([None, 2, 7]),
    q=st.sampled_from(["", "red", "DOGS", "cafe", '"red car"', "gre"]),
    sort=st.sampled_from(["source", "failed", "findings", "short", "long"]),
)
FINDINGS = {(7, 1): (CheckFinding("swap", "exchanged", 0.9),)}


def passes(image: ReviewedImage, segment: ReviewedSegment, filters: Filters) -> bool:
    """The filters, spelled out."""
    source, decision = segment.current.source, segment.standing.decision
    values = {
        "status": {str(segment.current.status)},
        "class": {segment.class_name},
        "check": set(segment.checks),
        "finding": {f.check for f in FINDINGS.get((image.image_id, segment.segment_id), ())},
        "decision": set() if segment.is_crowd else {str(decision.action) if decision else "open"},
        "attempt": {str(source.attempt)} if source else set(),
        "model": {source.model} if source else set(),
        "reviewer": {source.reviewer} if source else set(),
    }
    if any(wanted not in values[name] for name, wanted in filters.equal):
        return False
    text = segment.current.text
    words = {"": 0, TEXTS[1]: 3, TEXTS[2]: 7, TEXTS[3]: 7, "By hand.": 2}[text]
    for bound, fits in (
        (filters.words_min, words >= (filters.words_min or 0)),
        (filters.words_max, words <= (filters.words_max or 0)),
    ):
        if bound is not None and not (text and fits):
            return False
    found = {"": True, "red": "red" in text, "DOGS": "dogs" in text, "cafe": "café" in text}
    found |= {'"red car"': "red car" in text, "gre": "green" in text}
    return found[filters.q]


def expected(images: Sequence[ReviewedImage], filters: Filters) -> Counter[int]:
    kept = Counter({image.image_id: 0 for image in images} if filters.keep_all else {})
    for image in images:
        for segment in image.segments:
            if passes(image, segment, filters):
                kept[image.image_id] += 1
    return kept


@given(collections(), FILTERS)
def test_a_selection_is_what_a_loop_finds(images: list[ReviewedImage], filters: Filters) -> None:
    index = ReviewIndex(findings=FINDINGS)
    index.put(images)
    chosen, wanted = index.select(filters), expected(images, filters)
    assert set(chosen.image_ids) == set(wanted)
    assert chosen.segments == sum(wanted.values())
    if chosen.matching is not None:
        assert dict(chosen.matching) == dict(wanted)
    for image in images:
        kept = {s.segment_id for s in image.segments if passes(image, s, filters)}
        assert index.matching_segments(image.image_id, filters) == kept
    index.close()


@given(collections(), FILTERS)
def test_next_and_previous_walk_through_the_selection(images: list[ReviewedImage], filters: Filters) -> None:
    index = ReviewIndex(findings=FINDINGS)
    index.put(images)
    ids = list(index.select(filters).image_ids)
    for number, image_id in enumerate(ids):
        place = index.place(image_id, filters)
        assert place.number == number + 1
        assert place.total == len(ids)
        assert place.next == (ids[number + 1] if number + 1 < len(ids) else None)
        assert place.previous == (ids[number - 1] if number else None)
    everything = list(index.select(Filters(sort=filters.sort)).image_ids)
    for image_id in set(everything) - set(ids):
        place, here = index.place(image_id, filters), everything.index(image_id)
        assert place.number is None
        assert place.next == next((i for i in everything[here:] if i in ids), None)
        assert place.previous == next((i for i in reversed(everything[:here]) if i in ids), None)
    index.close()


@given(collections(), collections())
def test_an_index_that_was_changed_equals_a_new_one(
    before: list[ReviewedImage], after: list[ReviewedImage]
) -> None:
    changed, new = ReviewIndex(findings=FINDINGS), ReviewIndex(findings=FINDINGS)
    changed.put(before)
    changed.facets()
    changed.select(Filters(q="red"))
    changed.put(after)
    by_id = {image.image_id: image for image in before} | {image.image_id: image for image in after}
    new.put(by_id.values())
    assert changed.facets() == new.facets()
    assert changed.totals() == new.totals()
    for filters in (Filters(), Filters(q="red"), Filters((("status", "failed"),), sort="failed")):
        one, other = changed.select(filters), new.select(filters)
        assert list(one.image_ids) == list(other.image_ids)
        assert changed.cards(list(one.image_ids)) == new.cards(list(other.image_ids))
    changed.close()
    new.close()


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("red", {1, 2}),
        ("RED car", {1}),
        ("car red", {1}),
        ('"car red"', set()),
        ('"red car"', {1}),
        ("caf", {2}),
        ("café", {2}),
        ("cafe", {2}),
        ("red-and", {2}),
        ("ed", set()),
        ("NOT red", set()),
        ("red OR dogs", set()),
        ("text:red", set()),
        ("red*", {1, 2}),
        ('"', set()),
        ("''; DROP TABLE texts --", set()),
        ("(", set()),
        ("%", set()),
        ("^red", {1, 2}),
        ("红色", {4}),
        ("色的", {4}),
        ("红%车", set()),
    ],
)
def test_searches_say_what_people_mean(q: str, found: set[int]) -> None:
    texts = {1: TEXTS[1], 2: TEXTS[2], 3: TEXTS[3], 4: "一辆红色的公共汽车停在左边"}
    rows = tuple(
        ReviewedSegment(i, "car", True, SegmentCaption(i, text), SegmentCaption(i, text))
        for i, text in texts.items()
    )
    index = ReviewIndex()
    index.put([ReviewedImage(1, 0, "1.jpg", 4, 4, rows)])
    assert index.matching_segments(1, Filters(q=q)) == found
    index.close()


def test_deciding_moves_no_picture_in_any_order() -> None:
    def images(action: Action | None) -> list[ReviewedImage]:
        made = []
        for place, (status, text) in enumerate(
            [(CaptionStatus.CAPTIONED, TEXTS[3]), (CaptionStatus.FAILED, TEXTS[1])]
        ):
            original = SegmentCaption(1, text, status)
            standing = decided(action)
            segment = ReviewedSegment(1, "car", True, original, apply(original, standing), standing)
            made.append(ReviewedImage(place + 1, place, "x.jpg", 4, 4, (segment,)))
        return made

    for sort in ("source", "failed", "short", "long"):
        index = ReviewIndex()
        index.put(images(None))
        before = list(index.select(Filters(sort=sort)).image_ids)
        for action in (Action.REJECT, Action.EDIT, Action.ASK_AGAIN):
            index.put(images(action))
            assert list(index.select(Filters(sort=sort)).image_ids) == before
        index.close()


def test_an_image_that_is_not_there() -> None:
    index = ReviewIndex()
    with pytest.raises(KeyError):
        index.place(1, Filters())
    assert index.cards([1]) == []
    index.close()
