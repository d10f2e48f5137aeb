"""What an answerer and a judge are asked in ViP-Bench."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.asking import Question, Shown
from pix2cap.evaluate.judge import grade_prompt, rubric_hash
from pix2cap.evaluate.region_view import RegionView, polygon
from pix2cap.evaluate.vipbench_files import (
    DRAWN_IN,
    Prompts,
    SourceRegion,
    ViPBenchItem,
    ViPBenchPaths,
    fill_placeholders,
    read_regions,
)

_MARKS = "The second picture is the first one with numbered outlines drawn in; the numbers are the marks."
_BOXES = "A box is [x0, y0, x1, y1]: left, top, right and bottom edge as shares of the picture's size."
WORDS_VERSION = 1


def words_hash() -> str:
    """SHA-256 of the words around a question, for run folders."""
    return hashlib.sha256(f"{WORDS_VERSION}\n{_MARKS}\n{_BOXES}".encode()).hexdigest()


class ItemView:
    """How one item is put to an answerer.

    Args:
        item: The item.
        prompts: How its regions are shown.
        paths: Where its picture lies.

    Raises:
        InputError: Its regions are missing or damaged.
        UsageError: Nobody said where the pictures are.
    """

    def __init__(self, item: ViPBenchItem, prompts: Prompts, paths: ViPBenchPaths) -> None:
        self.item, self.prompts = item, prompts
        if paths.images is None:
            raise UsageError(
                f"{paths.meta}: expected a folder of pictures for {prompts}; name it with --images"
            )
        if item.picture is None:
            raise InputError(f"{paths.meta}, {item.item_id}: expected the name of a picture, got none")
        picture = _picture(paths.images / item.picture)
        if not picture.is_file():
            raise InputError(f"{picture}: expected the picture of {item.item_id}, found no such file")
        regions = () if prompts in DRAWN_IN else read_regions(paths.images, item)
        shapes = tuple(polygon(region.polygon_xy) for region in regions)
        self.view = RegionView(picture, item.index, shapes)
        self.question = item.question
        if prompts not in DRAWN_IN:
            self.question = fill_placeholders(item.question, self._words(regions))

    def _words(self, regions: tuple[SourceRegion, ...]) -> dict[str, str]:
        if self.prompts == "marks":
            return {region.label: f"within mark {n}" for n, region in enumerate(regions, start=1)}
        size_wh = self.view.size_wh()
        return {region.label: f"within the box {_box(region, size_wh)}" for region in regions}

    def ask(self, *, with_pictures: bool) -> Question:
        """The question to an answerer.

        Args:
            with_pictures: False for a model that reads regions and pixels of the unit alone.
        """
        marked = self.prompts == "marks"
        before = {"marks": f"{_MARKS}\n\n", "boxes": f"{_BOXES}\n\n"}.get(self.prompts, "")
        content: dict[str, Any] = {
            "bench": "vipbench",
            "prompts": self.prompts,
            "with_pictures": with_pictures,
            **self.view.fingerprint(),
        }
        return Question(
            image_id=self.item.index,
            item_ids=(self.item.index,),
            prompt=before + self.question,
            content=content,
            show=lambda: self.view.show(marked=marked, with_pictures=with_pictures),
            picture_sizes_wh=self.view.sent_sizes_wh(marked=marked) if with_pictures else (),
            stage="answer",
        )


def grade_question(
    item: ViPBenchItem, question: str, answer: str, run: int, attempt: int, objection: str | None
) -> Question:
    """The question to a judge.

    Args:
        item: The item.
        question: As the answerer had it.
        answer: To be graded.
        run: From 0; every run asks anew.
        attempt: From 0.
        objection: Why the last reply was no use.
    """
    content = {
        "bench": "vipbench",
        "item": item.item_id,
        "run": run,
        "attempt": attempt,
        "rubric": rubric_hash(),
    }
    return Question(
        image_id=item.index,
        item_ids=(item.index,),
        prompt=grade_prompt(question, item.reference, answer, objection=objection),
        content=content,
        show=Shown,
        stage="grade",
    )


def _picture(path: Path) -> Path:
    """The picture, or one of that name with another ending: meta data and files differ in it at times."""
    if path.is_file():
        return path
    others = (path.with_suffix(suffix) for suffix in (".png", ".jpg", ".jpeg", ".webp"))
    return next((other for other in others if other.is_file()), path)


def _box(region: SourceRegion, size_wh: tuple[int, int]) -> str:
    xs, ys = [x for x, _ in region.polygon_xy], [y for _, y in region.polygon_xy]
    width, height = size_wh
    edges = (min(xs) / width, min(ys) / height, max(xs) / width, max(ys) / height)
    return "[" + ", ".join(f"{min(1.0, max(0.0, edge)):.3f}" for edge in edges) + "]"
