"""Small ViP-Bench and DLC-Bench folders in the published layouts, and models that answer and judge them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pix2cap.annotate.asker import PricedModel
from pix2cap.evaluate.judge import exact_grade
from pix2cap.vlm.model import CaptionRequest
from pix2cap.vlm.pricing import Price
from tests.builders.chat_answers import ChatRequest
from tests.builders.scripted_model import Script, ScriptedModel

COLORS = {"red": (220, 30, 30), "green": (30, 160, 40), "blue": (40, 60, 220), "yellow": (230, 210, 40)}
CAPABILITIES = (["rec"], ["ocr", "math"], ["know", "rec"], ["math", "ocr", "rel"], ["ocr"])
FREE = Price(0.0, 0.0, "given")


@dataclass(frozen=True)
class ViPBenchFolder:
    """A built folder; the reference answers by item."""

    root: Path
    references: dict[str, str]


def build_vipbench(root: Path, n_items: int = 5) -> ViPBenchFolder:
    """`n_items` pictures, each with one or two coloured squares that the questions ask about."""
    meta: dict[str, Any] = {}
    references: dict[str, str] = {}
    rows: dict[str, list[dict[str, Any]]] = {"bbox": [], "human": []}
    for folder in ("source_image", "bbox/images", "human/images"):
        (root / folder).mkdir(parents=True)
    for number in range(n_items):
        item_id = f"v1_{number}"
        names = [list(COLORS)[(number + k) % 4] for k in range(1 + number % 2)]
        plain, boxes = _picture(names, number)
        source, drawn = f"src_{number}.png", f"{item_id}.png"
        _write(root / "source_image" / source, plain)
        labels = [f"obj{k + 1}" if len(names) > 1 else "obj" for k in range(len(names))]
        shapes = [_shape(label, box, number) for label, box in zip(labels, boxes, strict=True)]
        labelme = {"shapes": shapes, "imagePath": source, "imageHeight": 96, "imageWidth": 128}
        (root / "source_image" / f"src_{number}.json").write_text(json.dumps(labelme))
        for kind, thickness in (("bbox", 2), ("human", 3)):
            marked = plain.copy()
            for (x0, y0), (x1, y1) in boxes:
                cv2.rectangle(marked, (x0 - 2, y0 - 2), (x1 + 2, y1 + 2), (255, 0, 255), thickness)
            _write(root / kind / "images" / drawn, marked)
            text = "Which color is the square within the pink rectangle?"
            rows[kind].append({"question_id": number, "image": drawn, "text": text, "category": "default"})
        spoken = " and ".join(f"<{label}>" for label in labels)
        references[item_id] = "<AND>".join(names)
        meta[item_id] = {
            "image_source": source,
            "image": drawn,
            "question": f"Which color has the square {spoken}?",
            "answer": references[item_id],
            "capability": CAPABILITIES[number % len(CAPABILITIES)],
        }
    for kind, lines in rows.items():
        (root / kind / "questions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (root / "vip-bench-meta-data.json").write_text(json.dumps(meta))
    return ViPBenchFolder(root, references)


def _picture(names: list[str], seed: int) -> tuple[np.ndarray, list[tuple[tuple[int, int], tuple[int, int]]]]:
    rgb = np.random.default_rng(seed).integers(120, 136, (96, 128, 3)).astype(np.uint8)
    boxes = []
    for place, name in enumerate(names):
        x0, y0 = 14 + 60 * place, 30
        rgb[y0 : y0 + 34, x0 : x0 + 34] = COLORS[name]
        boxes.append(((x0, y0), (x0 + 33, y0 + 33)))
    return rgb, boxes


def _shape(label: str, box: tuple[tuple[int, int], tuple[int, int]], number: int) -> dict[str, Any]:
    (x0, y0), (x1, y1) = box
    if number % 3 == 2:
        points = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
        return {"label": label, "points": points, "shape_type": "polygon"}
    return {"label": label, "points": [[x1, y1], [x0, y0]], "shape_type": "rectangle"}


def _write(path: Path, rgb: np.ndarray) -> None:
    cv2.imwrite(str(path), rgb[..., ::-1])


def is_judging(prompt: str) -> bool:
    """True for a prompt that asks a judge."""
    return '"reference":' in prompt or '"options":' in prompt


def judged_task(prompt: str) -> dict[str, Any]:
    """The task of a judge's prompt: the last line that is a JSON object."""
    line = [line for line in prompt.splitlines() if line.startswith("{")][-1]
    task: dict[str, Any] = json.loads(line)
    return task


def tenth(key: str, salt: str = "") -> int:
    """0..9 from a request's key, the same in every process."""
    return hashlib.sha256(f"{salt}{key}".encode()).digest()[0] % 10


class GradeAnswers:
    """Answerer and judge of a ViP-Bench: answers name a colour, grades are tenths, both drawn from the key.

    Args:
        garbage: So many of ten replies of the judge are no grade.
    """

    def __init__(self, garbage: int) -> None:
        self._garbage = garbage

    def __call__(self, request: ChatRequest) -> str:
        if not is_judging(request.text):
            return f"It is {list(COLORS)[tenth(request.key) % 4]}."
        if tenth(request.key, "garbage") < self._garbage:
            return "I would call that a fair answer: 7 out of 10."
        return f"0.{tenth(request.key)}"


def honest_judge(request: CaptionRequest) -> str:
    """Grades by exact match."""
    task = judged_task(request.prompt)
    return f"{exact_grade(task['reference'], task['answer']):.1f}"


def priced(script: Script, *, name: str = "openai:test", price: Price | None = FREE) -> PricedModel:
    """A scripted model with a price and a remote host."""
    return PricedModel(ScriptedModel(script, name=name, host="judge.example"), price)


def requests_of(model: PricedModel) -> list[CaptionRequest]:
    """What a scripted model was sent."""
    assert isinstance(model.model, ScriptedModel)
    return model.model.requests


Judge = Callable[[CaptionRequest], str]


def dlc_questions(thing: str, color: str, absent: str) -> list[dict[str, Any]]:
    """A recognition, a positive and a negative question about one thing."""
    ask = "Which statement fits the description?"
    return [
        {
            "question": f"Is the thing described {thing}?",
            "choices": [["Yes", "correct"], ["No", "incorrect"]],
            "type": "recognition",
        },
        {
            "question": ask,
            "choices": [
                [f"The color of the {thing} is not mentioned.", 0],
                [f"The color of the {thing} is mentioned and is {color}.", 1],
                [f"The color of the {thing} is mentioned but is not {color}.", -1],
            ],
            "type": "positive",
        },
        {
            "question": ask,
            "choices": [[f"The {absent} is mentioned.", -1], [f"The {absent} is not mentioned.", 1]],
            "type": "negative",
        },
    ]


def build_dlc(root: Path) -> Path:
    """Two regions in one picture: `qa.json`, `annotations.json`, `images/`; returns the folder."""
    (root / "images").mkdir(parents=True)
    rgb, boxes = _picture(["red", "blue"], 1)
    _write(root / "images" / "one.png", rgb)
    annotations = [
        {"id": 70 + n, "image_id": 5, "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]]}
        for n, ((x0, y0), (x1, y1)) in enumerate(boxes)
    ]
    coco = {"images": [{"id": 5, "file_name": "one.png"}], "annotations": annotations}
    (root / "annotations.json").write_text(json.dumps(coco))
    questions = {"70": dlc_questions("square", "red", "cat"), "71": dlc_questions("square", "blue", "dog")}
    (root / "qa.json").write_text(json.dumps(questions))
    return root
