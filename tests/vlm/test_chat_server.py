"""The fixture itself: end-to-end tests trust it, so it is tested like the product."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from pix2cap.vlm.openai_compatible import OpenAICompatible
from tests.builders.chat_answers import (
    CONTENT_KINDS,
    TRANSPORT_KINDS,
    ChatRequest,
    RecordedAnswers,
    Segment,
    Storm,
    spoil,
)
from tests.builders.chat_server import ChatServer
from tests.vlm.requests import make_request

SEGMENTS = [
    Segment(1, 11, "cat", (0, 0, 500, 500)),
    Segment(1, 12, "sky", (0, 0, 1000, 1000)),
    Segment(2, 21, "sky", (0, 0, 1000, 1000)),
    Segment(2, 22, "dog", (100, 100, 500, 500)),
]
CAPTIONS = {(s.image_id, s.segment_id): (f"caption {s.segment_id}", s.segment_id != 22) for s in SEGMENTS}


def prompt(*rows: str) -> str:
    return "Describe.\n<id> | <class name> | [x0, y0, x1, y1]\n" + "\n".join(rows) + "\nReply in JSON."


def ask(text: str, key: str = "k", pictures: tuple[str, ...] = ()) -> ChatRequest:
    return ChatRequest(key, text, "m", {}, {}, pictures)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (
            ["1 | cat | [0.000, 0.000, 0.500, 0.500]", "2 | sky | [0.000, 0.000, 1.000, 1.000]"],
            {1: 11, 2: 12},
        ),
        (
            ["1 | sky | [0.000, 0.000, 1.000, 1.000]", "7 | dog | [0.100, 0.100, 0.500, 0.500]"],
            {1: 21, 7: 22},
        ),
        (["1 | sky | [0.000, 0.000, 1.000, 1.000]"], {1: 12}),
        (["3 | dog | [0.101, 0.100, 0.500, 0.499]"], {3: 22}),
        (["3 | canine | [0.100, 0.100, 0.500, 0.500]"], {3: 22}),
        (["3 | dog | [0.300, 0.100, 0.500, 0.500]"], {}),
        ([], {}),
    ],
)
def test_rows_are_found_by_class_box_and_company(rows, found):
    located = RecordedAnswers(SEGMENTS, CAPTIONS).locate(ask(prompt(*rows)))
    assert {number: segment.segment_id for number, segment in located.items()} == found


def test_the_clean_picture_decides_where_rows_cannot():
    answers = RecordedAnswers(SEGMENTS, CAPTIONS, {"abc": 2})
    text = prompt("1 | sky | [0.000, 0.000, 1.000, 1.000]")
    assert json.loads(answers(ask(text, pictures=("other", "abc"))))["captions"][0]["caption"] == "caption 21"


@pytest.mark.parametrize("split", ["train", "val"])
def test_all_rows_of_the_real_images_are_found(coco: Path, split: str):
    panoptic = coco / f"panoptic_{split}.json"
    answers = RecordedAnswers.read([coco / f"captions_{split}.json"], [panoptic])
    by_image: dict[int, list[Segment]] = {}
    for segment in answers.segments:
        by_image.setdefault(segment.image_id, []).append(segment)
    for segments in by_image.values():
        rows = [
            f"{n} | {s.class_name} | [{', '.join(f'{v / 1000:.3f}' for v in s.box)}]"
            for n, s in enumerate(segments, 1)
        ]
        located = answers.locate(ask(prompt(*rows)))
        assert [located[n].segment_id for n in sorted(located)] == [s.segment_id for s in segments]


def test_a_storm_is_a_function_of_seed_and_key():
    storm = Storm(0.3)
    keys = [f"key{i}" for i in range(3000)]
    drawn = [storm(ask("", key), 0) for key in keys]
    assert drawn == [Storm(0.3)(ask("other text", key), 0) for key in keys]
    assert drawn != [Storm(0.3, seed=8)(ask("", key), 0) for key in keys]
    kinds = Counter(fault.kind for fault in drawn if fault)
    assert 800 < kinds.total() < 1000
    assert set(kinds) == set(TRANSPORT_KINDS + CONTENT_KINDS)


def test_transport_faults_pass_after_one_or_two_deliveries_and_content_faults_stay():
    storm = Storm(1.0)
    lasted: dict[str, set[int]] = {}
    for i in range(400):
        request = ask("", f"key{i}")
        faults = [storm(request, delivery) for delivery in range(5)]
        assert faults[0] is not None
        lasted.setdefault(faults[0].kind, set()).add(sum(fault is not None for fault in faults))
        assert Storm(1.0, persistent=True)(request, 9) == faults[0]
    for kind, counts in lasted.items():
        assert counts == ({1, 2} if kind in TRANSPORT_KINDS else {5})


def test_spoilt_replies():
    entries = [{"id": n, "caption": f"text {n}", "visible": True} for n in (1, 2, 3)]
    good = json.dumps({"captions": entries})
    names = {1: "cat", 2: "cat", 3: "dog"}

    def captions(kind: str, draw: int = 5) -> list[dict]:
        return json.loads(spoil(good, kind, draw, names)[0])["captions"]

    with pytest.raises(ValueError, match="delimiter"):
        captions("broken-json")
    cut, finish = spoil(good, "cut", 5, names)
    assert good.startswith(cut) and len(cut) < len(good) and finish == "length"
    assert spoil(good, "refusal", 5, names)[0].startswith("I'm sorry")
    assert len(captions("missing")) == 2
    assert [entry["id"] for entry in captions("extra")] == [1, 2, 3, 4, 999]
    for draw in range(20):  # never between the two cats, where no check could see it
        swapped = {entry["caption"]: entry["id"] for entry in captions("swapped", draw)}
        assert swapped["text 3"] != 3 and sorted(swapped.values()) == [1, 2, 3]


async def test_one_reply_with_one_row_survives_every_fault():
    for kind in CONTENT_KINDS[:-1]:
        spoil('{"captions": [{"id": 1, "caption": "c", "visible": true}]}', kind, 1, {})
        spoil('{"captions": []}', kind, 1, {})


async def test_the_command_serves_and_logs_what_it_delivered(tmp_path: Path):
    captions, panoptic, log = tmp_path / "captions.json", tmp_path / "panoptic.json", tmp_path / "log.jsonl"
    recorded = [
        {"image_id": 1, "segment_id": 11, "caption": "A cat.", "visible": True, "category_seen": "cat"}
    ]
    captions.write_text(json.dumps({"captions": recorded}))
    info = {"id": 11, "category_id": 3, "bbox": [0, 0, 50, 40], "area": 2000, "iscrowd": 0}
    crowd = info | {"id": 12, "iscrowd": 1}
    panoptic.write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "1.jpg", "width": 100, "height": 80}],
                "categories": [{"id": 3, "name": "cat"}],
                "annotations": [{"image_id": 1, "file_name": "1.png", "segments_info": [info, crowd]}],
            }
        )
    )
    # fmt: off
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.builders.chat_server", "--captions", captions, "--panoptic", panoptic,
        "--fault-rate", "1.0", "--fault-kinds", "429,500,reset", "--log", log,
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
    )
    # fmt: on
    try:
        assert process.stdout is not None
        base_url = (await process.stdout.readline()).decode().strip()
        model = OpenAICompatible("test", base_url=base_url, api_key="", wait_initial_s=0.001)
        text = prompt("1 | cat | [0.000, 0.000, 0.500, 0.500]")
        replies = [await model.ask(make_request(f"key{i}", prompt=text)) for i in range(6)]
        # A line is written after its reply was delivered; one more request comes after that.
        await model.ask(make_request("last", prompt=text))
        await model.aclose()
    finally:
        process.terminate()
        await process.wait()
    wanted = {"captions": [{"id": 1, "caption": "A cat.", "visible": True}]}
    assert [json.loads(reply.text) for reply in replies] == [wanted] * 6
    assert all(reply.tries in (2, 3) for reply in replies)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["key"] for line in lines][:6] == [f"key{i}" for i in range(6)]


async def test_a_storm_is_weathered_by_the_client_alone():
    storm = Storm(1.0, kinds=("429", "500", "reset"))
    async with ChatServer(RecordedAnswers(SEGMENTS, CAPTIONS), faults=storm) as server:
        model = OpenAICompatible("m", base_url=server.base_url, api_key="", wait_initial_s=0.001)
        text = prompt("3 | dog | [0.100, 0.100, 0.500, 0.500]")
        requests = [make_request(f"key{i}", prompt=text) for i in range(100)]
        replies = await asyncio.gather(*(model.ask(request) for request in requests))
        await model.aclose()
    assert {reply.text for reply in replies} == {
        json.dumps({"captions": [{"id": 3, "caption": "caption 22", "visible": False}]})
    }
    assert set(server.delivered.values()) == {1} and len(server.delivered) == 100
    assert 200 <= sum(server.arrivals.values()) <= 300
