"""Starting and stopping, and what stands in the way told plainly."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pix2cap.errors import InputError, UsageError
from pix2cap.web.keys import KEYS
from pix2cap.web.serve import address_of, bind
from pix2cap.web.settings import ReviewSettings
from pix2cap.web.site import Site
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.review import build_run
from tests.builders.web_server import served


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_run(tmp_path_factory.mktemp("serve"))


def test_the_command_tells_its_address_serves_and_stops_on_interrupt(run: Path) -> None:
    command = [sys.executable, "-m", "pix2cap", "review", str(run), "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        place = urlsplit(address)
        assert (place.scheme, place.hostname, place.query) == ("http", "127.0.0.1", "")
        connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=30)
        connection.request("GET", "/api/images")
        assert json.loads(connection.getresponse().read())["total"] == 3
        connection.close()
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)[1]
    assert process.returncode == 0, told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "found nothing at nowhere"),
        (["RUN", "--port", "70000"], "--port from 0"),
        (["RUN", "--task", "verify"], "annotate sample"),
        (["RUN", "--task", "verify", "--sample", "nope"], "expected a sample"),
        (["RUN", "--sample", "x"], "--task verify"),
        (["RUN", "--findings", "missing.json"], "missing.json"),
        (["RUN", "--reviewer", "a" * 100], "--reviewer"),
        (["RUN", "--host", "203.0.113.7"], "--host"),
    ],
)
def test_wrong_use_is_told_in_one_line(run: Path, arguments: list[str], told: str) -> None:
    given = [str(run) if argument == "RUN" else argument for argument in arguments]
    command = [sys.executable, "-m", "pix2cap", "review", *given, "--no-browser"]
    if "--port" not in given:
        command += ["--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("reading ")]
    assert len(lines) == 1
    assert lines[0].startswith("pix2cap: ")


def test_a_taken_port_is_told() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=rf"127\.0\.0\.1:{port} is taken; give another --port"):
            bind("127.0.0.1", port)


def test_a_port_is_free_again_after_a_server() -> None:
    first = bind("127.0.0.1", 0)
    port = first.getsockname()[1]
    first.close()
    bind("127.0.0.1", port).close()


@pytest.mark.parametrize(
    ("host", "start"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("::1", "http://[::1]:80/"),
        ("localhost", "http://localhost:80/"),
    ],
)
def test_addresses(run: Path, host: str, start: str) -> None:
    site = Site.open(ReviewSettings(target=run, host=host, port=80))
    assert address_of(site) == start
    site.close()


def test_the_address_of_a_wide_server_carries_the_token(run: Path) -> None:
    site = Site.open(ReviewSettings(target=run, host="0.0.0.0", port=80))
    assert address_of(site).endswith(f":80/?token={site.rules.access_token}")
    assert str(site.rules.access_token) not in repr(site)
    assert site.rules.csrf not in repr(site)
    site.close()


def broken(run: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(run.parent, copy)
    return copy / "run"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            lambda run: (run / "journal.sqlite").write_bytes(b"no database at all" * 100),
            "expected an SQLite journal",
        ),
        (lambda run: (run / "journal.sqlite").write_bytes(b""), "without its tables"),
        (lambda run: (run / "journal.sqlite").unlink(), "found no such file"),
        (lambda run: (run / "run.toml").unlink(), "run.toml"),
        (lambda run: (run / "run.toml").write_text("settings = 3"), "run configuration"),
        (
            lambda run: (run.parent / "sample" / "panoptic.json").unlink(),
            "put it back, or name the new places",
        ),
        (lambda run: shutil.rmtree(run.parent / "sample" / "images"), "put it back, or name the new places"),
    ],
)
def test_a_damaged_run_is_told(run: Path, tmp_path: Path, damage: object, told: str) -> None:
    assert callable(damage)
    target = broken(run, tmp_path)
    for extra in ("journal.sqlite-wal", "journal.sqlite-shm"):
        (target / extra).unlink(missing_ok=True)
    damage(target)
    with pytest.raises(InputError, match=told):
        Site.open(ReviewSettings(target=target))


def test_pictures_that_were_moved_are_found_where_the_user_says(run: Path, tmp_path: Path) -> None:
    target = broken(run, tmp_path)
    (target.parent / "sample" / "images").rename(tmp_path / "moved")
    with served(ReviewSettings(target=target, images=tmp_path / "moved")) as site:
        assert site.get("/pixels/1.jpg").status == 200


def test_what_is_neither_run_nor_dataset_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "empty", tmp_path / "x.json"):
        if target.suffix:
            target.write_text("[]")
        with pytest.raises(InputError, match="expected"):
            Site.open(ReviewSettings(target=target))


@pytest.mark.parametrize(
    "text",
    ["{}", "[3]", '[{"image_id": 1}]', "no json", '[{"image_id": 1, "segment_id": "x", "check": "c"}]'],
)
def test_findings_of_another_shape_are_told(run: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "found.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"found\.json"):
        Site.open(ReviewSettings(target=run, findings=path))


def test_a_published_json_is_shown_with_its_masks(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path, captions=True, crowd=True)
    settings = ReviewSettings(target=paths.json_path, masks=paths.masks, images=paths.images)
    with served(settings) as site:
        record = site.get("/api/image/1").json()
        wanted = {s["id"]: s["description"] for s in paths.annotation()["segments_info"]}
        assert {s["id"]: s["text"] for s in record["segments"]} == wanted
        assert [s["status"] for s in record["segments"]].count("crowd") == 1
        assert site.get("/api/images").json()["images"][0]["open"] == len(wanted) - 1
        assert site.get("/verify/x").status == 404
    with pytest.raises(UsageError, match="expected a run for --task verify"):
        Site.open(replace(settings, task="verify"))


def test_no_key_means_two_things_on_one_page() -> None:
    for page in ("grid", "picture", "verify"):
        keys = [key.key for key in KEYS if key.page in (page, "any")]
        assert len(keys) == len(set(keys))
    promised = {"j", "k", "n", "p", "a", "e", "x", "r", "u", "h", "/", "?"}
    assert promised <= {key.key for key in KEYS if key.page in ("picture", "any")}


@pytest.mark.parametrize(("name", "user"), [("  Ada  L. ", "Ada L."), ("", None)])
def test_names(tmp_path: Path, name: str, user: str | None) -> None:
    found = ReviewSettings(target=tmp_path, reviewer=name).reviewer_name
    assert found
    assert user in (None, found)
