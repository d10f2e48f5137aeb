"""What a page of another site, a stranger on the network or a hostile caption can do: nothing."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from pix2cap.annotate import export_run
from pix2cap.annotate.decisions import DecisionLog
from pix2cap.web.security import MAX_BODY, AccessRules
from pix2cap.web.settings import ReviewSettings
from tests.builders.review import DOG, EVIL, EVIL_CLASS, build_run
from tests.builders.web_server import Served, served

ACCEPT = {"image_id": 1, "segment_id": DOG, "action": "accept", "text": "A dog.", "based_on": 0, "token": "t"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_run(tmp_path_factory.mktemp("review"))


@pytest.fixture(scope="module")
def site(run: Path) -> Iterator[Served]:
    with served(ReviewSettings(target=run, reviewer="ann")) as server:
        yield server


def decisions(run: Path) -> int:
    with DecisionLog(run, writable=False) as log:
        return len(log.since(0))


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ("127.0.0.1:8321", True),
        ("localhost:9999", True),
        ("[::1]:8321", True),
        ("LOCALHOST", True),
        ("evil.example", False),
        ("evil.example:8321", False),
        ("127.0.0.1.evil.example", False),
        ("10.0.0.7:8321", False),
        ("localhost.", False),
        ("[::1", False),
        ("", False),
        (None, False),
    ],
)
def test_a_server_on_loopback_answers_to_loopback_names_only(header: str | None, known: bool) -> None:
    assert AccessRules("127.0.0.1", "c").knows_host(header) is known


@pytest.mark.parametrize(
    ("header", "known"),
    [("10.0.0.7:8321", True), ("[fe80::1]:8321", True), ("evil.example", False), ("localhost", True)],
)
def test_a_wide_server_answers_to_addresses_but_to_no_strange_name(header: str, known: bool) -> None:
    assert AccessRules("0.0.0.0", "c", "t").knows_host(header) is known


@pytest.mark.parametrize("path", ["/", "/api/images", "/pixels/1.jpg", "/static/app.js"])
def test_a_foreign_host_is_refused(site: Served, path: str) -> None:
    got = site.get(path, Host="evil.example")
    assert got.status == 403
    assert b"Host" in got.body
    assert b"csrf" not in got.body


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:1", "file://", "http://127.0.0.1.evil.example"],
)
def test_a_foreign_origin_is_refused(site: Served, run: Path, origin: str) -> None:
    before = decisions(run)
    assert site.get("/api/images", Origin=origin).status == 403
    headers = {**site.page_headers, "Origin": origin}
    got = site.send("POST", "/api/decide", body=json.dumps(ACCEPT), headers=headers)
    assert got.status == 403
    assert decisions(run) == before


@pytest.mark.parametrize("token", [None, "", "x", "é"])
def test_a_post_without_the_token_of_a_page_is_refused(site: Served, run: Path, token: str | None) -> None:
    before = decisions(run)
    headers = {k: v for k, v in site.page_headers.items() if k != "X-Pix2cap-Token"}
    if token is not None:
        headers["X-Pix2cap-Token"] = token
    got = site.send("POST", "/api/decide", body=json.dumps(ACCEPT), headers=headers)
    assert got.status == 403
    assert "load the page again" in got.json()["error"]
    assert decisions(run) == before


def test_a_cross_site_form_is_refused_even_with_a_stolen_token(site: Served) -> None:
    headers = {**site.page_headers, "Sec-Fetch-Site": "cross-site"}
    del headers["Origin"]
    assert site.send("POST", "/api/decide", body=json.dumps(ACCEPT), headers=headers).status == 403


@pytest.mark.parametrize(
    "kind",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"],
)
def test_only_json_is_taken(site: Served, kind: str | None) -> None:
    headers = {k: v for k, v in site.page_headers.items() if k != "Content-Type"}
    if kind is not None:
        headers["Content-Type"] = kind
    assert site.send("POST", "/api/decide", body=json.dumps(ACCEPT), headers=headers).status == 415


def test_a_huge_body_is_refused_whether_or_not_it_says_its_size(site: Served) -> None:
    record = {**ACCEPT, "text": "a" * MAX_BODY}
    assert site.post("/api/decide", record).status == 413
    chunks = iter([json.dumps(record).encode()])
    got = site.send("POST", "/api/decide", body=chunks, headers=site.page_headers)
    assert got.status == 413


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "7", '"a"', "null", '{"image_id": NaN}', b"\xff\xfe", "[" * 5000, "{}"]
)
def test_what_is_no_decision_is_told_so(site: Served, body: str | bytes) -> None:
    got = site.send("POST", "/api/decide", body=body, headers=site.page_headers)
    assert got.status == 400
    assert "expected" in got.json()["error"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_id", "1"),
        ("image_id", True),
        ("image_id", 1.0),
        ("image_id", None),
        ("segment_id", 2**70),
        ("segment_id", [DOG]),
        ("action", "drop table"),
        ("action", {"a": 1}),
        ("text", 7),
        ("based_on", "x"),
        ("token", []),
    ],
)
def test_fields_of_another_type_are_refused(site: Served, run: Path, name: str, value: object) -> None:
    before = decisions(run)
    got = site.post("/api/decide", {**ACCEPT, name: value})
    assert got.status == 400, got.text
    assert decisions(run) == before


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/..%5capp.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/app.js%00.css",
        "/static/",
        "/pixels/../../../../etc/passwd.jpg",
        "/pixels/1%2f..%2f2.jpg",
        "/pixels/room.png.jpg",
        "/pixels/1.png",
        "/map/1.5.png",
        "/crop/1/..jpg",
        "/image/1e3",
        "/image/" + "9" * 5000,
        "/api/image/99999999999999999999",
        "/thumb/-1.jpg",
        "/sample/images/room.png",
        "/journal.sqlite",
    ],
)
def test_no_path_leads_to_a_file(site: Served, path: str) -> None:
    got = site.get(path)
    assert got.status == 404
    assert b"root:" not in got.body
    assert b"create_app" not in got.body


def test_other_methods_do_nothing(site: Served) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert site.send(method, "/api/decide").status in (403, 405)
    assert site.get("/api/decide").status == 405
    assert site.send("POST", "/", body="{}", headers=site.page_headers).status == 405


@pytest.mark.parametrize(
    "path",
    ["/", "/image/1", "/help", "/nowhere", "/api/images", "/api/nowhere", "/pixels/1.jpg", "/static/app.js"],
)
def test_every_answer_carries_the_headers(site: Served, path: str) -> None:
    headers = site.get(path).headers
    policy = headers["content-security-policy"]
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers
    assert not any(name.startswith("access-control") for name in headers)


def test_a_refusal_carries_the_headers_too(site: Served) -> None:
    assert "content-security-policy" in site.get("/", Host="evil.example").headers


@pytest.mark.parametrize(
    "path", ["/image/2", "/", f"/image/2?segment={EVIL}", "/?q=%3Cscript%3Ealert(1)%3C/script%3E"]
)
def test_captions_and_queries_are_shown_as_text(site: Served, path: str) -> None:
    page = site.get(path).text
    for hostile in ("<script>window.pwned", "<script>alert", "onerror='window", EVIL_CLASS, "<b onmouseover"):
        assert hostile not in page
    assert "<script>" not in page.replace('<script type="application/json"', "")


def test_json_is_never_taken_for_a_page(site: Served) -> None:
    got = site.get("/api/image/2")
    assert got.headers["content-type"] == "application/json"
    assert EVIL_CLASS in [segment["class"] for segment in got.json()["segments"]]


@pytest.mark.parametrize("name", ["", " ", "a" * 81, "a\u0007b", 7, None])
def test_names_of_reviewers_are_names(site: Served, name: object) -> None:
    assert site.post("/api/reviewer", {"name": name}).status == 400


def test_a_made_up_cookie_does_not_name_a_reviewer(site: Served) -> None:
    page = site.get("/", Cookie="pix2cap-reviewer=" + "a" * 500 + "; other=%00")
    assert page.status == 200
    assert 'data-reviewer="ann"' in page.text or "ann" in page.text
    assert "a" * 100 not in page.text


def test_a_wide_server_asks_everybody_for_the_token(run: Path) -> None:
    with served(ReviewSettings(target=run, reviewer="ann", host="0.0.0.0")) as site:
        token = site.site.rules.access_token
        assert token is not None
        assert len(token) >= 32
        for path in ("/", "/api/images", "/pixels/1.jpg", "/static/app.js", "/?token=", "/?token=wrong"):
            assert site.get(path).status == 401
        assert site.post("/api/decide", ACCEPT).status == 401
        let_in = site.get(f"/image/1?token={token}&q=dog")
        assert let_in.status == 200
        assert "url=/image/1?q=dog" in let_in.text
        assert token not in let_in.text
        cookie = let_in.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        pair = cookie.partition(";")[0]
        assert site.get("/image/1?q=dog", Cookie=pair).status == 200
        assert site.get("/", Cookie=pair + "x").status == 401
        got = site.send(
            "POST", "/api/check", body=json.dumps(ACCEPT), headers={**site.page_headers, "Cookie": pair}
        )
        assert got.status == 200


def test_the_token_page_leads_nowhere_else(run: Path) -> None:
    with served(ReviewSettings(target=run, host="0.0.0.0", access_token="t0")) as site:
        for path in ("//evil.example/%22%3E%3Cscript%3E", "/%5Cevil.example", "/%2Fevil.example"):
            got = site.get(f"{path}?token=t0")
            assert got.status == 200
            assert (
                'content="0;url=/evil.example' in got.text or 'content="0;url=/%5Cevil.example"' in got.text
            )
            assert "<script>" not in got.text


def test_a_dataset_is_only_read(run: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    export_run(run, dataset, copy_images=True)
    before = {p: sha256(p.read_bytes()).hexdigest() for p in sorted(dataset.rglob("*")) if p.is_file()}
    with served(ReviewSettings(target=dataset)) as site:
        record = site.get("/api/image/1").json()
        assert record["read_only"]
        assert all(segment["can"] == [] for segment in record["segments"])
        for action in ("accept", "edit", "reject", "ask_again", "undo"):
            got = site.post("/api/decide", {**ACCEPT, "action": action})
            assert got.status == 403
            assert "read only" in got.json()["error"]
        assert site.post("/api/check", ACCEPT).status == 200
        assert site.get("/").status == 200
        assert site.get(f"/crop/1/{DOG}.jpg").status == 200
    after = {p: sha256(p.read_bytes()).hexdigest() for p in sorted(dataset.rglob("*")) if p.is_file()}
    assert after == before


def test_a_request_without_host_is_refused(site: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.putrequest("GET", "/", skip_host=True)
    connection.endheaders()
    assert connection.getresponse().status in (400, 403)
    connection.close()
