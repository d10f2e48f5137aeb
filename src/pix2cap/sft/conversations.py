"""Captioned images to questions and answers: one conversation a segment, and one a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Literal

from pix2cap.core import CaptionedImage, ImageRef, Segment
from pix2cap.core.caption import CaptionStatus
from pix2cap.core.rle import mask_to_rle
from pix2cap.formats.published import publish
from pix2cap.sft.questions import Style, draw_question, fill
from pix2cap.sft.regions import RESERVED, Notation, Region
from pix2cap.vlm.describe_nouns import noun_of

Rows = Literal["segment", "picture", "both"]

RESERVED_WORDS: Final = "reserved_words"
NO_EXTENT: Final = "box_without_extent"
NOT_UNIQUE: Final = "caption_not_unique"
ONLY_MARK: Final = "only_mark_in_picture"
BEYOND_PICTURE: Final = "beyond_picture_rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkOptions:
    """What is asked, and how regions are written.

    Args:
        notation: How regions are written.
        rows: One conversation a segment, one of several turns a picture, or both.
        styles: What is asked. A segment gets a row in each style; a turn of a picture row is in one of them.
        per_picture: Most turns of a picture row, and most marks in one picture.
        seed: Of templates, styles and which segments a picture row has; each image is drawn for itself.
        with_rle: Give regions their masks.
    """

    notation: Notation
    rows: Rows = "both"
    styles: tuple[Style, ...] = ("describe",)
    per_picture: int = 15
    seed: int = 0
    with_rle: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """A question about one region, and its answer.

    Args:
        style: What is asked.
        question: With the region as the notation writes it.
        answer: The caption verbatim (`describe`), the region (`locate`) or the class as a noun (`name`).
        region: The region.
    """

    style: Style
    question: str
    answer: str
    region: Region


@dataclass(frozen=True)
class Conversation:
    """One row to be: questions and answers about one picture.

    Args:
        id: Unique among the conversations of a dataset.
        image: The picture.
        kind: Whether it is about one segment or about a picture.
        group: The group of marks, from 0, whose numbers the regions have.
        turns: At least one.
    """

    id: str
    image: ImageRef
    kind: Literal["segment", "picture"]
    group: int
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class PictureTalk:
    """All that is asked about one picture.

    Args:
        groups: Segments in random order, cut into groups of at most `per_picture`.
        conversations: Segment rows group by group, then the picture row, which is about the first group.
        dropped: Segments that no row has, by the reason: a caption status, `reserved_words`,
            `box_without_extent`, or `beyond_picture_rows`.
        skipped: Questions that were not asked, by the reason.
    """

    groups: tuple[tuple[Region, ...], ...]
    conversations: tuple[Conversation, ...]
    dropped: Counter[str]
    skipped: Counter[str]


def talk_about(item: CaptionedImage, class_names: Mapping[int, str], options: TalkOptions) -> PictureTalk:
    """Ask about every captioned segment of an image.

    Args:
        item: Image, map and captions.
        class_names: By category id.
        options: What is asked.

    Returns:
        Conversations that depend on the image and the options alone, not on other images.
    """
    texts, dropped = _usable(item, class_names, options.notation)
    groups = _groups(item, texts, class_names, options)
    if options.rows == "picture" and len(groups) > 1:
        dropped[BEYOND_PICTURE] += sum(len(group) for group in groups[1:])
    skipped: Counter[str] = Counter()
    speaker = _Speaker(item.image, texts, _unlocatable(groups, texts, options.notation), options, skipped)
    conversations: list[Conversation] = []
    if options.rows != "picture":
        for number, group in enumerate(groups):
            conversations += (c for region in group for c in speaker.about_segment(region, number))
    if options.rows != "segment" and groups:
        turns = tuple(turn for region in groups[0] if (turn := speaker.turn_of_picture(region)) is not None)
        if turns:
            conversations.append(Conversation(str(item.image.image_id), item.image, "picture", 0, turns))
    return PictureTalk(groups, tuple(conversations), dropped, skipped)


def _unlocatable(
    groups: Sequence[Sequence[Region]], texts: Mapping[int, str], notation: Notation
) -> dict[int, str]:
    """Segments that a caption does not lead to, by the reason; among one mark there is nothing to find."""
    repeated = Counter(_same(text) for text in texts.values())
    found = {i: NOT_UNIQUE for i, text in texts.items() if repeated[_same(text)] > 1}
    if notation.kind == "mark":
        found |= {group[0].segment_id: ONLY_MARK for group in groups if len(group) == 1}
    return found


def _same(text: str) -> str:
    return " ".join(text.casefold().split())


def _usable(
    item: CaptionedImage, class_names: Mapping[int, str], notation: Notation
) -> tuple[dict[int, str], Counter[str]]:
    """Captions to ask about, by segment id, and why the others are left out."""
    published, dropped, texts = publish(item), Counter[str](), dict[int, str]()
    for segment in item.panoptic.segments:
        entry = published[segment.id]
        if entry.status is not CaptionStatus.CAPTIONED:
            dropped[entry.status.value] += 1
        elif RESERVED.search(f"{entry.description} {class_names[segment.category_id]}"):
            dropped[RESERVED_WORDS] += 1
        elif not notation.is_legible(_region(segment, "", 0), item.image.size_wh):
            dropped[NO_EXTENT] += 1
        else:
            texts[segment.id] = entry.description
    return texts, dropped


def _region(segment: Segment, class_name: str, number: int) -> Region:
    return Region(segment.id, segment.category_id, class_name, segment.box_xyxy, segment.area, number)


def _groups(
    item: CaptionedImage, texts: Mapping[int, str], class_names: Mapping[int, str], options: TalkOptions
) -> tuple[tuple[Region, ...], ...]:
    order = sorted(texts)
    Random(f"{options.seed}:{item.image.image_id}").shuffle(order)
    groups = []
    for first in range(0, len(order), options.per_picture):
        chosen = order[first : first + options.per_picture]
        group = []
        for segment_id in chosen:
            segment = item.panoptic.by_id[segment_id]
            # Numbered in another order than that of the turns, which would tell the number otherwise.
            number = 1 + sorted(chosen).index(segment_id)
            region = _region(segment, class_names[segment.category_id], number)
            if options.with_rle:
                region = replace(region, rle=mask_to_rle(item.panoptic.mask(segment_id)))
            group.append(region)
        groups.append(tuple(group))
    return tuple(groups)


@dataclass(frozen=True)
class _Speaker:
    """Asks about the regions of one picture."""

    image: ImageRef
    texts: Mapping[int, str]
    unlocatable: Mapping[int, str]
    options: TalkOptions
    skipped: Counter[str]

    def about_segment(self, region: Region, group: int) -> Sequence[Conversation]:
        """One conversation a style."""
        styles, found = self.options.styles, []
        for style in styles:
            if style == "locate" and region.segment_id in self.unlocatable:
                self.skipped[self.unlocatable[region.segment_id]] += 1
                continue
            name = f"{self.image.image_id}-{region.segment_id}" + (f"-{style}" if len(styles) > 1 else "")
            turn = self._turn(region, style, self._draw(region, style))
            found.append(Conversation(name, self.image, "segment", group, (turn,)))
        return found

    def turn_of_picture(self, region: Region) -> Turn | None:
        """A turn in one of the styles that can be asked; None where there is none."""
        why = self.unlocatable.get(region.segment_id)
        styles = [style for style in self.options.styles if style != "locate" or why is None]
        if not styles and why is not None:
            self.skipped[why] += 1
            return None
        draw = self._draw(region, "picture")
        return self._turn(region, styles[draw.randrange(len(styles))], draw)

    def _draw(self, region: Region, what: str) -> Random:
        return Random(f"{self.options.seed}:{self.image.image_id}:{region.segment_id}:{what}")

    def _turn(self, region: Region, style: Style, draw: Random) -> Turn:
        notation, size_wh = self.options.notation, self.image.size_wh
        caption = self.texts[region.segment_id]
        mention = notation.mention(region, size_wh)
        question = fill(draw_question(style, draw), region=mention, caption=caption)
        match style:
            case "describe":
                answer = caption
            case "locate":
                answer = notation.point(region, size_wh)
                question += notation.wish
            case "name":
                answer = noun_of(region.class_name).text
        return Turn(style, question, answer, region)
