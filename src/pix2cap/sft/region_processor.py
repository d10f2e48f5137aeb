"""Pictures, masks and conversations to what a region-aware model reads, without torchvision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pix2cap.errors import InputError
from pix2cap.sft.picture_fit import Mask, PictureSettings, cover_grid, place
from pix2cap.sft.regions import REGION_TOKEN

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IMAGE_TOKEN: Final = "<image>"
PROCESSOR_FILE: Final = "region_processor.json"
IGNORED: Final = -100
"""The label on which no loss falls."""

Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer; the answer is None where the model is to give it.

    Args:
        question: May hold `<image>` (once in a conversation, at its beginning) and `<region>` once for each
            of `segment_ids`.
        answer: The words to learn.
        segment_ids: Segments that the question's `<region>` marks stand for, in order.
    """

    question: str
    answer: str | None = None
    segment_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """The words between which a language model expects questions and answers.

    The defaults are Vicuna's, which LLaVA-1.5 and GPT4RoI were trained with.

    Args:
        system: Before the first turn.
        user: Before each question.
        assistant: Between question and answer.
        answer_prefix: Before each answer, and learnt with it.
        between: After a closed turn.
    """

    system: str = ""
    user: str = "USER: "
    assistant: str = " ASSISTANT:"
    answer_prefix: str = " "
    between: str = ""


@dataclass(frozen=True)
class RegionInputs:
    """The regions of one conversation, in the order of its `<region>` marks.

    Args:
        cover: `(R, grid, grid)` float32 share of each patch under the mask.
        boxes: `(R, 4)` float32 x0, y0, x1, y1 as shares of the square.
        shapes: `(R, S, S)` float32 share of each cell of the box under the mask.
    """

    cover: NDArray[np.float32]
    boxes: NDArray[np.float32]
    shapes: NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """One conversation as the model reads it.

    Args:
        input_ids: `(L,)` int64.
        labels: `(L,)` int64, `IGNORED` where no loss falls.
        pixels: `(3, size, size)` float32, normalised.
        regions: As many as the conversation has `<region>` marks.
    """

    input_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    pixels: NDArray[np.float32]
    regions: RegionInputs


@dataclass
class RegionProcessor:
    """Makes samples of pictures, id-maps and conversations.

    Args:
        tokenizer: Has `<image>` and `<region>` as tokens of their own; `for_tokenizer` adds them.
        picture: How pictures are fitted.
        chat: The words between the turns.
        tokens_per_region: `<region>` tokens that stand for one mark in the text.
        shape: Side of the outline grid; that of the model's `RegionConfig`.
        max_tokens: Longest sample; conversations lose their last turns, never half an answer.
    """

    tokenizer: PreTrainedTokenizerBase
    picture: PictureSettings = field(default_factory=PictureSettings)
    chat: ChatFormat = field(default_factory=ChatFormat)
    tokens_per_region: int = 1
    shape: int = 0
    max_tokens: int = 2048

    def __post_init__(self) -> None:
        for token in (IMAGE_TOKEN, REGION_TOKEN):
            ids = self.tokenizer.encode(token, add_special_tokens=False)
            if len(ids) != 1:
                raise InputError(
                    f"tokenizer: expected {token} to be one token, got {len(ids)};"
                    " add it with add_region_tokens"
                )
        if self.tokenizer.eos_token_id is None:
            raise InputError("tokenizer: expected an end-of-sequence token, which ends each answer, got none")

    @property
    def image_token_id(self) -> int:
        """Id of `<image>`."""
        return int(self.tokenizer.encode(IMAGE_TOKEN, add_special_tokens=False)[0])

    @property
    def region_token_id(self) -> int:
        """Id of `<region>`."""
        return int(self.tokenizer.encode(REGION_TOKEN, add_special_tokens=False)[0])

    def sample(self, rgb: Rgb, id_map: NDArray[Any] | None, turns: Sequence[Turn]) -> Sample:
        """One conversation about one picture.

        Args:
            rgb: `(H, W, 3)` uint8.
            id_map: `(H, W)` segment ids; None where no turn names a segment.
            turns: In order; `<image>` is put before the first question where it is missing.

        Raises:
            InputError: A question's `<region>` marks and segments differ in number, a segment has no pixel,
                or the first turn alone is longer than `max_tokens`.
        """
        input_ids, labels, used = self.encode(turns)
        ids = [segment_id for turn in turns[:used] for segment_id in turn.segment_ids]
        return Sample(input_ids, labels, self.pixels(rgb), self.regions(id_map, ids))

    def encode(self, turns: Sequence[Turn]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        """Ids and labels of a conversation, and how many of its turns fit into `max_tokens`."""
        ids, labels = self._opening()
        used = 0
        for turn in turns:
            question = turn.question
            if used == 0 and IMAGE_TOKEN not in question:
                question = f"{IMAGE_TOKEN}\n{question}"
            asked = self._ids(f"{self.chat.user}{self._marked(question, turn)}{self.chat.assistant}")
            told: list[int] = []
            if turn.answer is not None:
                told = self._ids(f"{self.chat.answer_prefix}{_plain(turn.answer)}")
                told.append(int(self.tokenizer.eos_token_id))
            if len(ids) + len(asked) + len(told) > self.max_tokens:
                break
            ids += asked + told
            labels += [IGNORED] * len(asked) + told
            if turn.answer is not None and self.chat.between:
                after = self._ids(self.chat.between)
                ids += after
                labels += [IGNORED] * len(after)
            used += 1
        if used == 0:
            raise InputError(f"conversation: expected a turn of at most {self.max_tokens} tokens, got none")
        return np.array(ids, np.int64), np.array(labels, np.int64), used

    def pixels(self, rgb: Rgb) -> NDArray[np.float32]:
        """`(H, W, 3)` uint8 to `(3, size, size)` float32, fitted and normalised; padding becomes 0."""
        size = self.picture.size
        where = place((rgb.shape[1], rgb.shape[0]), self.picture.fit)
        left, top = round(where.left * size), round(where.top * size)
        right, bottom = round((where.left + where.width) * size), round((where.top + where.height) * size)
        inner = (max(1, right - left), max(1, bottom - top))
        shrinks = inner[0] < rgb.shape[1] and inner[1] < rgb.shape[0]
        small = cv2.resize(rgb, inner, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
        mean, std = np.array(self.picture.mean, np.float32), np.array(self.picture.std, np.float32)
        square = np.zeros((size, size, 3), np.float32)
        square[top : top + inner[1], left : left + inner[0]] = (small / np.float32(255) - mean) / std
        return np.ascontiguousarray(square.transpose(2, 0, 1))

    def regions(self, id_map: NDArray[Any] | None, segment_ids: Sequence[int]) -> RegionInputs:
        """Masks and boxes of segments on the model's grid.

        Raises:
            InputError: There is no map, or a segment has no pixel in it.
        """
        grid, shape = self.picture.grid, self.shape
        inputs = RegionInputs(
            np.zeros((len(segment_ids), grid, grid), np.float32),
            np.zeros((len(segment_ids), 4), np.float32),
            np.zeros((len(segment_ids), shape, shape), np.float32),
        )
        for row, segment_id in enumerate(segment_ids):
            mask = None if id_map is None else id_map == segment_id
            if mask is None or not mask.any():
                raise InputError(f"segment {segment_id}: expected it in the id-map, got no pixel of it")
            inputs.cover[row], inputs.boxes[row], inputs.shapes[row] = self._region(mask)
        return inputs

    def _region(self, mask: Mask) -> tuple[NDArray[np.float32], tuple[float, ...], NDArray[np.float32]]:
        size_wh = (mask.shape[1], mask.shape[0])
        where = place(size_wh, self.picture.fit)
        per_x, per_y = size_wh[0] / where.width, size_wh[1] / where.height
        grid = self.picture.grid
        cover = cover_grid(
            mask,
            start=(-where.left * per_x, -where.top * per_y),
            step=(per_x / grid, per_y / grid),
            cells=grid,
        )
        ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = (int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1)
        inside = mask[box[1] : box[3], box[0] : box[2]]
        step = (inside.shape[1] / max(1, self.shape), inside.shape[0] / max(1, self.shape))
        outline = cover_grid(inside, start=(0, 0), step=step, cells=self.shape)
        return cover, where.box(box, size_wh), outline

    def save(self, folder: Path) -> None:
        """Write tokenizer and settings."""
        self.tokenizer.save_pretrained(folder)
        record = {
            "picture": asdict(self.picture),
            "chat": asdict(self.chat),
            "tokens_per_region": self.tokens_per_region,
            "shape": self.shape,
            "max_tokens": self.max_tokens,
        }
        (folder / PROCESSOR_FILE).write_text(json.dumps(record, indent=2) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> RegionProcessor:
        """The counterpart of `save`.

        Raises:
            InputError: The folder has no such files.
        """
        from transformers import AutoTokenizer

        path = folder / PROCESSOR_FILE
        try:
            record = json.loads(path.read_text("utf-8"))
            picture, chat = record.pop("picture"), record.pop("chat")
            picture |= {name: tuple(picture[name]) for name in ("mean", "std")}
            return cls(
                AutoTokenizer.from_pretrained(folder, local_files_only=True),
                PictureSettings(**picture),
                ChatFormat(**chat),
                **record,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: expected a processor as `pix2cap sft train` writes it, got: {error}"
            ) from error

    def _opening(self) -> tuple[list[int], list[int]]:
        first = self.tokenizer.bos_token_id
        ids = ([] if first is None else [int(first)]) + (
            self._ids(self.chat.system) if self.chat.system else []
        )
        return ids, [IGNORED] * len(ids)

    def _marked(self, question: str, turn: Turn) -> str:
        marks = question.count(REGION_TOKEN)
        if marks != len(turn.segment_ids):
            raise InputError(
                f"question {question[:60]!r}: expected a {REGION_TOKEN} mark for each of its"
                f" {len(turn.segment_ids)} segments, got {marks}"
            )
        question = question.replace(IMAGE_TOKEN, IMAGE_TOKEN * self.picture.image_tokens)
        return question.replace(REGION_TOKEN, REGION_TOKEN * self.tokens_per_region)

    def _ids(self, text: str) -> list[int]:
        return [int(i) for i in self.tokenizer.encode(text, add_special_tokens=False)]


def _plain(answer: str) -> str:
    """An answer must not hold our marks, which would ask for features that are not there."""
    return answer.replace(IMAGE_TOKEN, "image").replace(REGION_TOKEN, "region")


def add_region_tokens(tokenizer: PreTrainedTokenizerBase) -> int:
    """Make `<image>` and `<region>` tokens of their own where they are not; returns how many were added."""
    known = tokenizer.get_vocab()
    missing = [token for token in (IMAGE_TOKEN, REGION_TOKEN) if token not in known]
    if not missing:
        return 0
    return int(tokenizer.add_special_tokens({"additional_special_tokens": missing}))
