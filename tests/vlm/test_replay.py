from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from pix2cap.errors import ModelRejected
from pix2cap.vlm.model import CaptionModel, Usage
from pix2cap.vlm.replay import Replay
from tests.vlm.requests import make_request, make_unit


@dataclass
class Record:
    caption: str
    visible: bool = True


async def test_records_come_back_under_the_numbers_of_the_rows():
    records = {(5, 11): Record("A cat."), (5, 13): Record("Größe “x”", False), (6, 12): Record("Elsewhere.")}
    model = Replay(records, name="replay:a.json")
    reply = await model.ask(make_request(unit=make_unit(5)))
    assert json.loads(reply.text) == {
        "captions": [
            {"id": 1, "caption": "A cat.", "visible": True},
            {"id": 3, "caption": "Größe “x”", "visible": False},
        ]
    }
    assert reply.finish_reason == "stop" and reply.usage == Usage(0, 0)
    assert isinstance(model, CaptionModel)
    assert (model.name, model.host, model.reads_pictures) == ("replay:a.json", None, False)
    await model.aclose()


async def test_nothing_recorded_is_an_empty_reply():
    assert json.loads((await Replay({}).ask(make_request(unit=make_unit()))).text) == {"captions": []}


async def test_a_request_without_a_unit_cannot_be_answered():
    with pytest.raises(ModelRejected, match="unit"):
        await Replay({}).ask(make_request())
