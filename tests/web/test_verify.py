"""Verifying a frozen sample: whose item comes next, and what becomes of a verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pix2cap.annotate.decisions import DecisionLog
from pix2cap.annotate.sample import Sample, SampleItem, write_sample
from pix2cap.errors import InputError
from pix2cap.web.settings import ReviewSettings
from pix2cap.web.site import Site
from tests.builders.review import CAPTIONS, CAT, DOG, FLOOR, build_run
from tests.builders.web_server import Got, Served, served

YES = {"object": "yes", "attributes": "no", "relations": "cannot_tell", "place": "not_applicable"}


def freeze(run: Path, name: str = "first") -> None:
    rows = [(1, 1, DOG, (1, 2)), (2, 3, CAT, (1,)), (3, 1, FLOOR, (2,))]
    items = tuple(
        SampleItem(n, image_id, segment_id, "thing", CAPTIONS[image_id, segment_id], ("a",), raters)
        for n, image_id, segment_id, raters in rows
    )
    write_sample(Sample(name, 0, ("class",), 3, 2, 0.3, {("a",): 8}, items, "2026-01-01", "run"), run)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    target = build_run(tmp_path)
    freeze(target)
    return target


@pytest.fixture
def site(run: Path) -> Iterator[Served]:
    with served(ReviewSettings(target=run, task="verify", reviewer="ann")) as server:
        yield server


def rate(site: Served, item: int, *, reviewer: str = "ann", token: str = "", **more: object) -> Got:
    record = {"sample": "first", "item": item, **YES, "token": token or f"{reviewer}{item}", **more}
    return site.post("/api/verdict", record, reviewer=reviewer)


def test_the_only_sample_is_taken(site: Served) -> None:
    assert site.site.settings.sample == "first"
    assert site.get("/verify/first").status == 200
    assert site.get("/verify/second").status == 404


def test_one_caption_at_a_time_until_all_is_done(site: Served, run: Path) -> None:
    first = site.get("/api/sample/first/next").json()
    assert (first["item"], first["done"], first["total"]) == (1, 0, 2)
    assert (first["image_id"], first["segment_id"]) == (1, DOG)
    assert first["text"] == CAPTIONS[1, DOG]
    assert (first["width"], first["height"], first["box"]) == (320, 240, [20, 100, 150, 200])
    for path in (first["pixels"], first["map"], first["crop"], first["marked"]):
        assert site.get(path).status == 200
    second = rate(site, 1, note="  the tail is cut ").json()
    assert (second["item"], second["done"]) == (2, 1)
    last = rate(site, 2).json()
    assert (last["item"], last["done"], last["total"], last["closed"]) == (None, 2, 2, None)
    again = site.get("/api/sample/first/item/1").json()["verdict"]
    assert again == {**YES, "note": "the tail is cut"}
    with DecisionLog(run, writable=False) as log:
        stored = log.verdicts("first")
    assert [(v.item, v.object, v.relations, v.place) for v in stored] == [
        (1, "yes", "cannot tell", "not applicable"),
        (2, "yes", "cannot tell", "not applicable"),
    ]


def test_a_second_thought_counts_and_a_retry_does_not_count_twice(site: Served, run: Path) -> None:
    rate(site, 1, token="t")
    rate(site, 1, token="t", object="no")
    assert site.get("/api/sample/first/item/1").json()["verdict"]["object"] == "yes"
    rate(site, 1, token="u", object="no")
    assert site.get("/api/sample/first/item/1").json()["verdict"]["object"] == "no"
    with DecisionLog(run, writable=False) as log:
        assert len(log.verdicts("first")) == 1


def test_a_second_rater_sees_the_own_share_and_a_third_is_told(site: Served) -> None:
    rate(site, 1, reviewer="ann")
    assert site.get("/api/sample/first/next?rater=bob").json()["total"] == 2
    assert rate(site, 1, reviewer="bob").json()["item"] == 3
    assert rate(site, 2, reviewer="bob").status == 400
    third = site.get("/api/sample/first/next?rater=cid").json()
    assert (third["item"], third["total"]) == (None, 0)
    assert "ann, bob" in third["closed"]
    assert rate(site, 1, reviewer="cid").status == 400


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"object": "maybe"}, 400),
        ({"object": None}, 400),
        ({"item": 9}, 400),
        ({"item": "1"}, 400),
        ({"sample": "../first"}, 404),
        ({"sample": ""}, 404),
        ({"sample": 3}, 400),
    ],
)
def test_what_is_no_verdict_is_refused(
    site: Served, run: Path, changes: dict[str, object], status: int
) -> None:
    record = {"sample": "first", "item": 1, **YES, "token": "t", **changes}
    got = site.post("/api/verdict", record)
    assert got.status == status
    assert "expected" in got.json()["error"]
    with DecisionLog(run, writable=False) as log:
        assert log.verdicts() == []


def test_no_path_comes_in_by_the_name_of_a_sample(site: Served) -> None:
    for name in ("..%2f..%2fsample", "%2e%2e", "a%20b", "x" * 300, "first.json"):
        assert site.get(f"/verify/{name}").status == 404
        assert site.get(f"/api/sample/{name}/next").status == 404


def test_a_sample_that_was_changed_is_refused(run: Path) -> None:
    path = run / "sample-first.json"
    record = json.loads(path.read_text())
    record["items"][0]["text"] = "A better caption."
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match="changed since"):
        Site.open(ReviewSettings(target=run, task="verify"))


def test_the_review_offers_the_sample_too(run: Path) -> None:
    with served(ReviewSettings(target=run)) as site:
        assert "/verify/first" in site.get("/").text
