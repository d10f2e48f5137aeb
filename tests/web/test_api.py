"""What scripts read and send: images, pixels, decisions, live checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pix2cap.annotate import JobOptions, annotate, export_run
from pix2cap.annotate.decisions import Action, DecisionLog, NewDecision
from pix2cap.annotate.ladder import Ask
from pix2cap.annotate.prompt import load_prompt
from pix2cap.annotate.render import LoadedImage, draw_parts, prepare_ask
from pix2cap.annotate.settings import RunConfig
from pix2cap.formats.captions_parquet import read_captions_parquet
from pix2cap.formats.open_source import open_source
from pix2cap.formats.png import check_png, decode_id_png
from pix2cap.web.settings import ReviewSettings
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.recorded import write_recorded
from tests.builders.review import BENCH, CAPTIONS, CURTAIN, DOG, EVIL, FLOOR, build_run
from tests.builders.web_server import Got, Served, served


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return build_run(tmp_path)


@pytest.fixture
def site(run: Path) -> Iterator[Served]:
    with served(ReviewSettings(target=run, reviewer="ann")) as server:
        yield server


def segment(site: Served, segment_id: int, image_id: int = 1) -> dict[str, object]:
    record = site.get(f"/api/image/{image_id}").json()
    return next(s for s in record["segments"] if s["id"] == segment_id)


def decide(
    site: Served, action: str, *, segment_id: int = DOG, reviewer: str | None = None, **more: object
) -> Got:
    record = {"image_id": 1, "segment_id": segment_id, "action": action, "based_on": 0, **more}
    return site.post("/api/decide", record, reviewer=reviewer)


def exported(run: Path, out: Path) -> dict[int, dict[str, object]]:
    export_run(run, out)
    return {row["segment_id"]: row for row in read_captions_parquet(out / "captions.parquet")}


def test_an_image_with_all_that_is_known_of_it(site: Served) -> None:
    record = site.get("/api/image/1").json()
    assert (record["width"], record["height"]) == (320, 240)
    assert (record["previous"], record["next"], record["index"], record["total"]) == (None, 2, 1, 3)
    dog = segment(site, DOG)
    assert dog["text"] == CAPTIONS[1, DOG]
    assert (dog["box"], dog["area"]) == ([20, 100, 150, 200], 13000)
    assert (dog["status"], dog["words"], dog["model"], dog["attempt"]) == (
        "captioned", 15, "replay:captions.json", 1,
    )  # fmt: skip
    assert dog["latest"] == 0
    assert dog["can"] == ["accept", "edit", "reject", "ask_again"]
    bench = segment(site, BENCH)
    assert bench["status"] == "failed"
    assert [a["stage"] for a in bench["attempts"]][:2] == ["first", "again"]
    assert {f["check"] for a in bench["attempts"] for f in a["findings"]} == {"missing"}
    assert "accept" not in bench["can"]


@pytest.mark.parametrize(
    ("action", "text", "status", "published"),
    [
        ("accept", CAPTIONS[1, DOG], "captioned", CAPTIONS[1, DOG]),
        (
            "edit",
            "A tired brown dog sleeps on the floor.",
            "captioned",
            "A tired brown dog sleeps on the floor.",
        ),
        ("reject", CAPTIONS[1, DOG], "rejected", ""),
        ("ask_again", CAPTIONS[1, DOG], "pending", ""),
    ],
)
def test_a_decision_reaches_the_export(
    site: Served, run: Path, tmp_path: Path, action: str, text: str, status: str, published: str
) -> None:
    got = decide(site, action, text=text, reason="because", token="t1")
    assert got.status == 200
    shown = got.json()["segment"]
    assert (shown["status"], shown["decision"]["action"], shown["reviewer"]) == (status, action, "ann")
    row = exported(run, tmp_path / "out")[DOG]
    assert (row["status"], row["caption"], row["reviewer"]) == (status, published, "ann")


def test_a_decision_sent_twice_is_made_once(site: Served) -> None:
    first = decide(site, "reject", token="same").json()["segment"]
    second = decide(site, "reject", token="same").json()["segment"]
    assert len(second["history"]) == 1
    assert first["history"] == second["history"]


def test_undo_takes_back_the_own_decision_only(site: Served) -> None:
    shown = decide(site, "reject", reviewer="bob", token="1").json()["segment"]
    assert "undo" not in segment(site, DOG)["can"]
    got = decide(site, "undo", reviewer="ann", based_on=shown["latest"], token="2")
    assert got.status == 400
    assert "undo" in got.json()["error"]
    back = decide(site, "undo", reviewer="bob", based_on=shown["latest"], token="3").json()["segment"]
    assert (back["status"], back["decision"]) == ("captioned", None)
    assert [one["undone"] for one in back["history"]] == [True, False]


def test_the_second_reviewer_is_told_and_both_decisions_are_kept(
    site: Served, run: Path, tmp_path: Path
) -> None:
    decide(site, "accept", reviewer="ann", text=CAPTIONS[1, DOG], token="1")
    edit = {"reviewer": "bob", "text": "A brown dog sleeps on a floor of wood."}
    got = decide(site, "edit", **edit, token="2")
    assert got.status == 409
    told = got.json()
    assert told["conflict"]
    assert "ann" in told["error"]
    assert len(told["segment"]["history"]) == 1
    kept = decide(site, "edit", **edit, token="3", anyway=True).json()["segment"]
    assert [one["reviewer"] for one in kept["history"]] == ["ann", "bob"]
    assert kept["conflict"]
    assert [card["conflicts"] for card in site.get("/api/images?decision=conflict").json()["images"]] == [1]
    agreed = decide(
        site, "accept", reviewer="ann", text=edit["text"], based_on=kept["latest"], token="4"
    ).json()["segment"]
    assert not agreed["conflict"]
    assert exported(run, tmp_path / "out")[DOG]["caption"] == edit["text"]


def test_a_decision_on_what_was_seen_is_no_conflict(site: Served) -> None:
    seen = decide(site, "accept", reviewer="ann", text=CAPTIONS[1, DOG], token="1").json()["segment"][
        "latest"
    ]
    got = decide(site, "reject", reviewer="bob", based_on=seen, token="2")
    assert got.status == 200
    assert not got.json()["segment"]["conflict"]


def test_what_another_process_decides_is_on_the_next_page(site: Served, run: Path) -> None:
    assert site.get("/api/images?decision=reject").json()["total"] == 0
    with DecisionLog(run) as log:
        log.add(NewDecision("eve", 1, FLOOR, Action.REJECT, "x", token="e"))
    answer = site.get("/api/images?decision=reject&reviewer=eve").json()
    assert (answer["total"], answer["matching"]) == (1, 1)
    assert segment(site, FLOOR)["status"] == "rejected"


def test_what_a_run_captions_meanwhile_is_on_the_next_page(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path / "src", n_images=4)
    options = JobOptions(images=paths.images, masks=paths.masks, model=f"replay:{write_recorded(paths)}")
    annotate(paths.json_path, tmp_path / "run", options, limit=2)
    with served(ReviewSettings(target=tmp_path / "run")) as site:
        assert site.get("/api/images").json()["total"] == 2
        annotate(paths.json_path, tmp_path / "run", options)
        answer = site.get("/api/images").json()
        assert answer["total"] == 4
        assert all(card["captioned"] == card["segments"] for card in answer["images"])
        assert site.get("/api/image/2").json()["next"] == 3


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ({"segment_id": 999}, 404),
        ({"image_id": 9}, 404),
        ({"action": "edit", "text": "  "}, 400),
        ({"action": "edit", "text": "a" * 6000}, 400),
        ({"segment_id": BENCH, "action": "accept", "text": ""}, 400),
        ({"action": "undo"}, 400),
    ],
)
def test_decisions_that_cannot_be(site: Served, run: Path, record: dict[str, object], status: int) -> None:
    got = site.post(
        "/api/decide", {"image_id": 1, "segment_id": DOG, "action": "accept", "text": "x", **record}
    )
    assert got.status == status, got.text
    assert "expected" in got.json()["error"]
    with DecisionLog(run, writable=False) as log:
        assert log.since(0) == []


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("A red double-decker bus drives along the road past a row of shops.", "class"),
        ("Segment 3 is a dog which lies on the floor.", "mark_talk"),
        (CAPTIONS[1, FLOOR], "repeat"),
        ("A dog.", "length"),
        ("A brown dog lies on the floor at the right side of the picture.", "side"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("", "missing"),
    ],
)
def test_edits_are_held_to_the_checks_of_the_pipeline(site: Served, text: str, check: str) -> None:
    record = {"image_id": 1, "segment_id": DOG, "text": text}
    found = site.post("/api/check", record).json()["findings"]
    assert check in [finding["check"] for finding in found]


def test_a_true_caption_raises_no_warning(site: Served) -> None:
    record = {"image_id": 1, "segment_id": DOG, "text": CAPTIONS[1, DOG]}
    assert site.post("/api/check", record).json() == {"findings": [], "words": 15}


def test_a_reviewer_may_take_another_name(site: Served) -> None:
    got = site.post("/api/reviewer", {"name": "  Zoë   Ångström "})
    assert got.json() == {"reviewer": "Zoë Ångström"}
    cookie = got.headers["set-cookie"].partition(";")[0]
    assert "HttpOnly" in got.headers["set-cookie"]
    headers = {**site.page_headers, "Cookie": cookie}
    record = {"image_id": 1, "segment_id": DOG, "action": "reject", "based_on": 0}
    shown = site.send("POST", "/api/decide", body=json.dumps(record), headers=headers).json()["segment"]
    assert shown["reviewer"] == "Zoë Ångström"
    assert "Zoë Ångström" in site.get("/", Cookie=cookie).text


def test_maps_arrive_exactly(site: Served, run: Path) -> None:
    got = site.get("/map/1.png")
    assert got.headers["content-type"] == "image/png"
    paths = RunConfig.read(run).paths
    source = open_source(paths.source, masks=paths.masks, images=paths.images)
    np.testing.assert_array_equal(decode_id_png(got.body), source.panoptic(1).id_map)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "gamma", "transparent"])
def test_maps_of_any_kind_arrive_exactly(tmp_path: Path, mode: str) -> None:
    paths = build_coco_panoptic(tmp_path, n_images=1, captions=True)
    with Image.open(paths.mask_path()) as opened:
        ids = opened.convert("RGBA" if mode == "RGBA" else "RGB")
    info = PngInfo()
    if mode == "gamma":
        info.add(b"gAMA", (45455).to_bytes(4, "big"))
    more = {"transparency": ids.getpixel((5, 5))} if mode == "transparent" else {}
    ids.save(paths.mask_path(), pnginfo=info, **more)
    wanted = np.asarray(ids.convert("RGB")).astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    with served(ReviewSettings(target=paths.json_path, masks=paths.masks, images=paths.images)) as site:
        body = site.get("/map/1.png").body
        np.testing.assert_array_equal(decode_id_png(body), wanted)
        _, chunks = check_png(body)
        assert chunks == {b"IHDR", b"IDAT", b"IEND"}
        assert (body == paths.mask_path().read_bytes()) is (mode == "RGB")


def test_pictures_are_sent_as_they_are_where_a_browser_shows_the_same(site: Served, tmp_path: Path) -> None:
    got = site.get("/pixels/1.jpg")
    assert got.headers["content-type"] == "image/png"
    assert got.body == (tmp_path / "sample" / "images" / "room.png").read_bytes()
    thumb = cv2.imdecode(np.frombuffer(site.get("/thumb/1.jpg").body, np.uint8), cv2.IMREAD_COLOR)
    assert thumb is not None
    assert max(thumb.shape) <= 320


@pytest.mark.parametrize(("segment_id", "stage"), [(DOG, "first"), (CURTAIN, "first")])
def test_marks_and_crops_are_those_that_the_model_saw(
    site: Served, run: Path, segment_id: int, stage: str
) -> None:
    config = RunConfig.read(run)
    source = open_source(config.paths.source, masks=config.paths.masks, images=config.paths.images)
    loaded = LoadedImage(source, source.entry(1))
    style = site.site.collection.style
    shown = segment(site, segment_id)
    drawn = site.site.pictures.shapes(1).drawn[segment_id]
    ask = Ask(stage, drawn, drawn)  # type: ignore[arg-type]
    common = {"template": load_prompt(None), "settings": config.settings, "style": style}
    prepared = prepare_ask(loaded, ask, **common, round_key=0, reads_pictures=True)
    parts = {part.label: part.data for part in draw_parts(loaded, prepared, style)}
    assert site.get(str(shown["marked"])).body == parts["marked"]
    assert drawn[int(str(shown["mark"])) - 1] == segment_id
    alone = prepare_ask(loaded, Ask("crop", drawn, (segment_id,)), **common, round_key=0, reads_pictures=True)
    (crop,) = draw_parts(loaded, alone, style)
    assert site.get(str(shown["crop"])).body == crop.data


def test_a_segment_that_only_a_crop_could_help_shows_the_request_that_was_made(site: Served) -> None:
    bench = segment(site, BENCH)
    assert bench["mark"] == 1
    assert bench["crop_seen"]
    assert site.site.pictures.shapes(1).drawn[BENCH] == (BENCH,)


def test_pixels_are_sent_once_and_asked_for_again(site: Served) -> None:
    for path in (
        "/pixels/1.jpg",
        "/thumb/2.jpg",
        "/map/1.png",
        "/marked/1.jpg",
        f"/crop/1/{DOG}.jpg",
        "/static/app.js",
    ):
        first = site.get(path)
        assert first.status == 200
        again = site.get(path, If_None_Match=first.headers["etag"])
        assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["/pixels/9.jpg", "/map/9.png", "/marked/1.jpg?segment=9", "/crop/1/9.jpg", "/marked/1.jpg?segment=x"],
)
def test_pixels_that_are_not_there(site: Served, path: str) -> None:
    assert site.get(path).status == 404


def test_missing_pictures_and_maps_are_told_and_the_rest_goes_on(run: Path, tmp_path: Path) -> None:
    (tmp_path / "sample" / "images" / "room.png").unlink()
    mask = next((tmp_path / "sample" / "panoptic").glob("sofa*"))
    mask.write_bytes(b"no png")
    with served(ReviewSettings(target=run)) as site:
        room, sofa = site.get("/api/image/1").json(), site.get("/api/image/3").json()
        assert "room.png" in room["refused"]
        assert room["map"] is not None
        assert room["segments"][0]["box"] is not None
        assert mask.name in sofa["refused"]
        assert sofa["map"] is None
        assert sofa["segments"][0]["box"] is None
        assert sofa["segments"][0]["text"] == CAPTIONS[3, sofa["segments"][0]["id"]]
        for path in ("/pixels/1.jpg", "/thumb/1.jpg", "/map/3.png"):
            got = site.get(path)
            assert got.status == 404
            assert "expected" in got.text
        for path in ("/", "/image/1", "/image/3"):
            assert site.get(path).status == 200
        record = {"image_id": 3, "segment_id": sofa["segments"][0]["id"], "text": "A cat."}
        assert site.post("/api/check", record).status == 200


def test_findings_of_dataset_check_are_shown_and_filter(run: Path, tmp_path: Path) -> None:
    rows = [
        {"image_id": 2, "segment_id": EVIL, "check": "class", "reason": "about a kite", "confidence": 0.9},
        {"image_id": 1, "segment_id": DOG, "check": "colour", "reason": "not brown", "confidence": 0.5},
    ]
    path = tmp_path / "found.json"
    path.write_text(json.dumps(rows))
    with served(ReviewSettings(target=run, findings=path)) as site:
        assert [c["image_id"] for c in site.get("/api/images?finding=class").json()["images"]] == [2]
        assert segment(site, DOG)["findings"] == [
            {"check": "colour", "reason": "not brown", "confidence": 0.5}
        ]
        assert [s["matches"] for s in site.get("/api/image/1?finding=colour").json()["segments"]].count(
            True
        ) == 1
        assert site.get("/api/image/1?finding=colour").json()["selected"] == DOG
        assert site.get("/api/image/1?finding=class").json()["index"] is None
        assert site.get("/api/image/1?finding=class").json()["next"] == 2


def test_filters_in_links_and_pages(site: Served) -> None:
    answer = site.get("/api/images?status=failed&page=7").json()
    assert (answer["page"], answer["pages"]) == (1, 1)
    assert all("status=failed" in card["href"] for card in answer["images"])
    assert site.get("/api/images?words_min=x&decision=maybe&sort=up").json()["problems"] == [
        "decision: expected one of open, accept, edit, reject, ask_again, conflict, got 'maybe'",
        "sort: expected one of source, failed, findings, short, long, got 'up'",
        "words_min: expected a whole number, got 'x'",
    ]
    page = site.get("/?status=failed&q=%22").text
    assert "failed" in page
