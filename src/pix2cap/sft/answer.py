"""A tuned model that answers: captions of regions, and questions as any other `CaptionModel`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from pix2cap.core import PanopticMap, Segment
from pix2cap.errors import InputError, ModelRejected, UsageError
from pix2cap.formats.pictures import decode_picture
from pix2cap.sft.build import load_wording
from pix2cap.sft.collate import RegionCollator
from pix2cap.sft.region_data import Wording, mention, region_question
from pix2cap.sft.region_files import load_region_llava
from pix2cap.sft.region_llava import RegionLlava
from pix2cap.sft.region_processor import RegionProcessor, Rgb, Sample, Turn
from pix2cap.sft.regions import REGION_TOKEN, RESERVED
from pix2cap.vlm.model import CaptionRequest, Reply, Usage

Device = Literal["auto", "cpu", "cuda"]
_MARK: Final = re.compile(r"\b(?:the )?(?:region |object )?(?:marked|mark|number) (\d+)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answered:
    """A model's answer to one question.

    Args:
        text: Without special tokens.
        input_tokens: Of the question, the picture's among them.
        output_tokens: Of the answer.
        is_cut: It had not ended when `max_tokens` were written.
    """

    text: str
    input_tokens: int
    output_tokens: int
    is_cut: bool


class RegionAnswerer:
    """Answers questions about pictures and their regions with a tuned model.

    Args:
        model: In evaluation mode.
        processor: The model's own.
        wording: How its questions were worded in training.
        batch_size: Questions that are answered at once.
    """

    def __init__(
        self, model: RegionLlava, processor: RegionProcessor, wording: Wording, *, batch_size: int = 8
    ) -> None:
        self.model, self.processor, self.wording = model.eval(), processor, wording
        self.batch_size = batch_size
        known = processor.tokenizer.pad_token_id
        self._end = int(processor.tokenizer.eos_token_id)
        self._pad = self._end if known is None else int(known)

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: Device = "auto",
        precision: Literal["fp32", "bf16"] = "fp32",
        batch_size: int = 8,
    ) -> RegionAnswerer:
        """A model that `pix2cap sft train` wrote.

        Raises:
            InputError: The folder holds none.
        """
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        model = load_region_llava(folder, dtype=dtype)
        chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        return cls(
            model.to(chosen), RegionProcessor.load(folder), load_wording(folder), batch_size=batch_size
        )

    def captions(
        self,
        rgb: Rgb,
        panoptic: PanopticMap,
        segments: Sequence[Segment],
        *,
        max_tokens: int = 128,
        **options: Any,
    ) -> list[Answered]:
        """A caption of each segment, each asked on its own.

        Args:
            rgb: `(H, W, 3)` uint8.
            panoptic: Its map.
            segments: Of the map.
            max_tokens: Longest caption.
            options: Of transformers' `generate`.
        """
        size_wh = panoptic.size_wh
        turns = [region_question(segment, self.wording, size_wh) for segment in segments]
        samples = self._samples(rgb, panoptic.id_map, turns)
        return list(self._answers(samples, max_tokens, options))

    def answer(
        self, rgb: Rgb, id_map: NDArray[Any] | None, turn: Turn, *, max_tokens: int = 256, **options: Any
    ) -> Answered:
        """An answer to any question about a picture; `<region>` stands for each of the turn's segments."""
        return next(self._answers(self._samples(rgb, id_map, [turn]), max_tokens, options))

    def _samples(self, rgb: Rgb, id_map: NDArray[Any] | None, turns: Sequence[Turn]) -> Iterator[Sample]:
        pixels = self.processor.pixels(rgb)
        for turn in turns:
            ids, labels, _ = self.processor.encode([turn])
            yield Sample(ids, labels, pixels, self.processor.regions(id_map, turn.segment_ids))

    def _answers(
        self, samples: Iterator[Sample], max_tokens: int, options: Mapping[str, Any]
    ) -> Iterator[Answered]:
        collate = RegionCollator(self._pad, left=True)
        waiting = list(samples)
        for start in range(0, len(waiting), self.batch_size):
            part = waiting[start : start + self.batch_size]
            batch = {name: tensor.to(self.model.device) for name, tensor in collate(part).items()}
            written = self.model.generate(
                batch,
                max_new_tokens=max_tokens,
                pad_token_id=self._pad,
                eos_token_id=self._end,
                **options,
            )
            for sample, row in zip(part, written.tolist(), strict=True):
                yield self._read(row, len(sample.input_ids))

    def _read(self, ids: list[int], asked: int) -> Answered:
        ends = self._end in ids
        kept = ids[: ids.index(self._end)] if ends else ids
        text = self.processor.tokenizer.decode(kept, skip_special_tokens=True).strip()
        return Answered(text, asked, len(kept) + int(ends), not ends)


class RegionCaptionModel:
    """A tuned model as a `CaptionModel`, for annotation and benches.

    It reads the request's unit: its pixels, its map, its rows. Where a JSON schema is asked for it captions
    the rows. Otherwise it answers the prompt: `<region>`, or `mark 3`, stands for a row; a prompt that
    names no row is replaced by the model's own question about the only row there is, or, without rows, is
    put as it stands.

    Args:
        answerer: Does the work, one request at a time.
        name: For journals and results.
    """

    def __init__(self, answerer: RegionAnswerer, *, name: str) -> None:
        self._answerer, self._name, self._lock = answerer, name, Lock()

    @property
    def name(self) -> str:
        """As it was opened, `sft:DIR`."""
        return self._name

    @property
    def host(self) -> None:
        """None: nothing leaves the machine."""
        return

    @property
    def reads_pictures(self) -> bool:
        """False: it reads the unit, so that nothing need be drawn for it."""
        return False

    async def ask(self, request: CaptionRequest) -> Reply:
        """Answer one request.

        Raises:
            ModelRejected: There are neither a unit with pixels nor a picture.
        """
        return await asyncio.to_thread(self._ask, request)

    async def aclose(self) -> None:
        """Nothing to release."""

    def _ask(self, request: CaptionRequest) -> Reply:
        options = _sampling(request)
        with self._lock:
            if request.sampling.seed is not None:
                torch.manual_seed(request.sampling.seed)
            if request.schema is not None and request.unit is not None and request.unit.rgb is not None:
                return self._captions(request, options)
            return self._answer(request, options)

    def _captions(self, request: CaptionRequest, options: Mapping[str, Any]) -> Reply:
        unit = request.unit
        assert unit is not None and unit.rgb is not None
        segments = [unit.panoptic.by_id[row.segment_id] for row in unit.rows]
        share = max(16, request.sampling.max_tokens // max(1, len(segments)))
        told = self._answerer.captions(unit.rgb, unit.panoptic, segments, max_tokens=share, **options)
        entries = [
            {"id": row.number, "caption": one.text, "visible": True}
            for row, one in zip(unit.rows, told, strict=True)
        ]
        return self._reply(json.dumps({"captions": entries}, ensure_ascii=False), told)

    def _answer(self, request: CaptionRequest, options: Mapping[str, Any]) -> Reply:
        unit, most = request.unit, request.sampling.max_tokens
        if unit is None or unit.rgb is None:
            rgb, id_map, turn = _first_picture(request), None, Turn(RESERVED.sub("", request.prompt))
        else:
            rgb, id_map = unit.rgb, unit.panoptic.id_map
            found = question_of(request.prompt, {row.number: row.segment_id for row in unit.rows})
            if found.segment_ids or len(unit.rows) != 1:
                turn = found
            else:
                segment = unit.panoptic.by_id[unit.rows[0].segment_id]
                turn = region_question(segment, self._answerer.wording, unit.panoptic.size_wh)
            if self._answerer.wording.mention != "token":
                turn = in_words(turn, self._answerer.wording, unit.panoptic)
        told = self._answerer.answer(rgb, id_map, turn, max_tokens=most, **options)
        return self._reply(told.text, [told])

    def _reply(self, text: str, told: Sequence[Answered]) -> Reply:
        usage = Usage(sum(one.input_tokens for one in told), sum(one.output_tokens for one in told))
        reason = "length" if any(one.is_cut for one in told) else "stop"
        return Reply(text, usage, finish_reason="length" if reason == "length" else "stop", model=self._name)


def question_of(prompt: str, segments: Mapping[int, int]) -> Turn:
    r"""A bench's prompt as a question to the model: each mark of a row becomes `<region>`.

    A paragraph before the question that names no row explains drawings that the model is not shown; it is
    left out.

    Args:
        prompt: Speaks of `mark 2`, `the region marked 2` or `object number 2`.
        segments: Mark to segment.

    Example:
        >>> question_of("The numbers are marks.\n\nWhat is within mark 1?", {1: 70})
        Turn(question='What is within the region <region>?', answer=None, segment_ids=(70,))
    """
    found: list[int] = []

    def token(match: re.Match[str]) -> str:
        number = int(match[1])
        if number not in segments:
            return match[0]
        found.append(segments[number])
        return f"the region {REGION_TOKEN}"

    paragraphs = RESERVED.sub("", prompt).strip().split("\n\n")
    named = [any(int(m[1]) in segments for m in _MARK.finditer(one)) for one in paragraphs]
    kept = paragraphs[named.index(True) :] if any(named) else paragraphs
    question = _MARK.sub(token, "\n\n".join(kept))
    return Turn(question, None, tuple(found))


def in_words(turn: Turn, wording: Wording, panoptic: PanopticMap) -> Turn:
    """The same question with its regions as a model without region module was taught to read them."""
    question = turn.question
    for segment_id in turn.segment_ids:
        words = mention(panoptic.by_id[segment_id], wording, panoptic.size_wh)
        question = question.replace(f"the region {REGION_TOKEN}", words, 1)
    return Turn(question, turn.answer)


def open_region_model(folder: Path, *, device: Device = "auto") -> RegionCaptionModel:
    """A folder of `pix2cap sft train` as a `CaptionModel` named `sft:FOLDER`'s own name.

    Raises:
        UsageError: There is no such folder.
        InputError: It holds no model of ours.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected a model folder of `pix2cap sft train`, got none")
    return RegionCaptionModel(RegionAnswerer.load(folder, device=device), name=f"sft:{folder.resolve().name}")


def _sampling(request: CaptionRequest) -> dict[str, Any]:
    sampling = request.sampling
    if not sampling.temperature:
        return {}
    return {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p or 1.0}


def _first_picture(request: CaptionRequest) -> Rgb:
    if not request.pictures:
        raise ModelRejected("expected a request with a unit and its pixels, or with a picture, got neither")
    try:
        return np.asarray(decode_picture(request.pictures[0].data, name=request.pictures[0].label).rgb)
    except InputError as error:
        raise ModelRejected(str(error)) from error
