"""What Label Studio exports once people have worked on our tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def annotation(
    answers: Mapping[str, str], *, by: object = 7, number: int = 1, note: str = "", **more: Any
) -> dict[str, Any]:
    """One person's annotation, in the shape of Label Studio's export "JSON"."""
    result: list[dict[str, Any]] = [
        {
            "id": f"r{number}{axis}",
            "from_name": axis,
            "to_name": "picture",
            "type": "choices",
            "origin": "manual",
            "value": {"choices": [answer]},
        }
        for axis, answer in answers.items()
    ]
    if note:
        value = {"text": [note]}
        result.append({"from_name": "note", "to_name": "picture", "type": "textarea", "value": value})
    return {
        "id": number,
        "completed_by": by,
        "result": result,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-01-01T10:00:00.000000Z",
        "updated_at": "2026-01-01T10:00:00.000000Z",
        "lead_time": 4.2,
        **more,
    }


def export_file(tasks: Path, annotations: Sequence[Sequence[dict[str, Any]]], out: Path) -> Path:
    """The tasks as imported, each with its annotations; tasks beyond the last have none."""
    rows = json.loads(tasks.read_text())
    for number, row in enumerate(rows):
        row |= {"id": 100 + number, "annotations": [], "predictions": [], "project": 1}
    for row, given in zip(rows, annotations, strict=False):
        row["annotations"] = list(given)
    out.write_text(json.dumps(rows))
    return out
