"""LLaVA conversations of whole pictures: `human` asks of a box, `gpt` says the caption; one row a picture.

Masks, classes and statuses do not fit into a conversation. They stand in `instances.json` beside it, to which
`image_id` and `segment_ids` of a row refer, so that the way back loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import ijson
import orjson

from pix2cap.core import CaptionedImage, SegmentCaption
from pix2cap.core.boxes import xyxy_to_unit
from pix2cap.core.caption import CaptionStatus
from pix2cap.formats.findings import Finding, bad_file
from pix2cap.formats.json_stream import is_int
from pix2cap.formats.published import publish
from pix2cap.formats.row_store import RowStore
from pix2cap.formats.staged_folder import StagedFolder
from pix2cap.formats.storage import storage

LLAVA: Final = "llava.json"
_SPEAKERS: Final = {"user": "human", "assistant": "gpt"}
_IMAGE: Final = "<image>\n"


def llava_turns(messages: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Messages with `role` and `content` in LLaVA's keys.

    Example:
        >>> llava_turns([{"role": "user", "content": "What is it?"}])
        [{'from': 'human', 'value': 'What is it?'}]
    """
    return [{"from": _SPEAKERS[message["role"]], "value": message["content"]} for message in messages]


def picture_conversation(item: CaptionedImage) -> list[dict[str, Any]]:
    """Segment id, question and answer of every captioned segment, in the order of the segments."""
    published = publish(item)
    told = []
    for segment in item.panoptic.segments:
        caption = published[segment.id]
        if caption.status is CaptionStatus.CAPTIONED:
            box = ", ".join(f"{share:.3f}" for share in xyxy_to_unit(segment.box_xyxy, item.image.size_wh))
            question = f"Describe what lies in the region [{box}] of the picture."
            told.append({"segment_id": segment.id, "question": question, "answer": caption.description})
    return told


class LlavaWriter:
    """Writes `llava.json`; pictures without any caption have no row, as trainers stumble over empty ones.

    Args:
        folder: Where to.
        picture_dir: The folder of pictures, which `image` of a row begins with.
    """

    def __init__(self, folder: StagedFolder, picture_dir: str) -> None:
        self._file = folder.open(LLAVA)
        self._file.write(b"[\n")
        self._picture_dir = picture_dir
        self.rows = 0

    def add(self, item: CaptionedImage) -> None:
        """Write a picture's conversation.

        Raises:
            StorageFull: The disk took no more.
        """
        told = picture_conversation(item)
        if not told:
            return
        messages = []
        for number, turn in enumerate(told):
            content = turn["question"] if number else _IMAGE + turn["question"]
            messages.append({"role": "user", "content": content})
            messages.append({"role": "assistant", "content": turn["answer"]})
        row = {
            "id": str(item.image.image_id),
            "image": f"{self._picture_dir}/{item.image.file_name}",
            "image_id": item.image.image_id,
            "segment_ids": [turn["segment_id"] for turn in told],
            "conversations": llava_turns(messages),
        }
        with storage():
            self._file.write((b",\n" if self.rows else b"") + orjson.dumps(row))
        self.rows += 1

    def close(self) -> None:
        """Finish the file."""
        with storage():
            self._file.write(b"\n]\n")
            self._file.close()

    def abort(self) -> None:
        """Let go of the file being written."""
        self._file.close()


class LlavaAnswers:
    """The answers of a `llava.json`, by image; they stay in a file, not in memory.

    Args:
        path: The JSON.

    Raises:
        InputError: Damaged, or rows that do not say what they are about.
    """

    def __init__(self, path: Path) -> None:
        self._store = RowStore()
        self._numbers: dict[int, int] = {}
        try:
            with path.open("rb") as file:
                for number, row in enumerate(ijson.items(file, "item", use_float=True)):
                    self._keep(path.name, number, row)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            got = str(error).splitlines()[0][:120]
            raise bad_file(
                path.name, Finding.TRUNCATED_JSON, expected="whole, valid JSON", got=got
            ) from error

    def _keep(self, file: str, number: int, row: Any) -> None:
        row = row if isinstance(row, dict) else {}
        image_id, ids, turns = (row.get(key) for key in ("image_id", "segment_ids", "conversations"))
        answers = [
            turn.get("value")
            for turn in (turns if isinstance(turns, list) else ())
            if isinstance(turn, dict) and turn.get("from") == "gpt"
        ]
        whole = is_int(image_id) and isinstance(ids, list) and all(is_int(one) for one in ids)
        if not whole or len(answers) != len(ids) or not all(isinstance(text, str) for text in answers):
            raise bad_file(
                file,
                Finding.WRONG_TYPE,
                expected="rows with `image_id`, and one answer of `gpt` for each of `segment_ids`",
                got=f"row {number} ({str(row.get('id'))[:40]}) with {len(answers)} answers",
            )
        self._numbers[int(image_id)] = self._store.append(
            orjson.dumps(dict(zip(map(str, ids), answers, strict=True)))
        )

    def apply(self, item: CaptionedImage) -> CaptionedImage:
        """The image with the answers as captions: who edits the conversation edits the dataset."""
        number = self._numbers.get(item.image.image_id)
        if number is None:
            return item
        answers = {int(key): text for key, text in orjson.loads(self._store[number]).items()}
        known = {caption.segment_id: caption for caption in item.captions}
        for segment_id, text in answers.items():
            old = known.get(segment_id)
            if segment_id not in item.panoptic.by_id or (old is not None and old.text == text):
                continue
            known[segment_id] = SegmentCaption(segment_id, text)
        return replace(item, captions=tuple(known.values()))
