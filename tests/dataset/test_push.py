"""Datasets on a hub: all files, once, resumable; no token where it does not belong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pix2cap.dataset.card import write_card
from pix2cap.dataset.convert import ConvertOptions, convert_dataset
from pix2cap.dataset.push import (
    PushFile,
    PushOptions,
    _batches,
    check_target,
    crowded,
    plan_push,
    push_dataset,
)
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.manifest import SUMS
from tests.builders.exchanged import rich_dataset
from tests.builders.hub_server import HubServer, Repo

TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345"
NOWHERE = "http://127.0.0.1:9"
LAST = ["README.md", "croissant.json", SUMS, "manifest.json"]


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rich_dataset(tmp_path_factory.mktemp("rich") / "dataset")


@pytest.fixture(scope="module")
def shards(rich: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parquet shards, with a card."""
    folder = tmp_path_factory.mktemp("shards") / "hub"
    convert_dataset(rich, folder, ConvertOptions(to="parquet"))
    write_card(folder)
    return folder


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer(token=TOKEN) as server:
        yield server


def push(
    hub: HubServer | str, folder: Path, *words: object, token: str | None = TOKEN, home: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """`pix2cap dataset push` as a process of its own: the client library reads its environment at import."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment = kept | {"HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home or folder.parent / "hf")}
    environment |= {} if token is None else {"HF_TOKEN": token}
    command = [sys.executable, "-m", "pix2cap", "dataset", "push", folder, "me/captions"]
    command += ["--endpoint", hub if isinstance(hub, str) else hub.url, "--format", "json", *words]
    done = subprocess.run(
        [*map(str, command)], env=environment, capture_output=True, text=True, check=False, cwd=folder.parent
    )
    for secret in (token or TOKEN, TOKEN):
        assert secret not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr
    return done


def expected(folder: Path) -> dict[str, bytes]:
    return {one.name: (folder / one.name).read_bytes() for one in plan_push(folder)}


def test_all_is_there_and_a_second_push_sends_nothing(hub: HubServer, shards: Path) -> None:
    done = push(hub, shards)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["files"], told["sent"], told["skipped"], told["commits"]) == (5, 5, 0, 2)
    assert told["url"] == f"{hub.url}/datasets/me/captions" and told["revision"] == "main"
    assert hub.files("me/captions") == expected(shards)
    assert [names for _, names in hub.repos["me/captions"].commits] == [
        ["data/train-00000-of-00001.parquet"],
        LAST,
    ]
    assert hub.repos["me/captions"].private is False
    again = push(hub, shards)
    told = json.loads(again.stdout)
    assert (told["sent"], told["skipped"], told["commits"]) == (0, 5, 0)
    assert len(hub.repos["me/captions"].commits) == 2
    assert hub.unauthorized == 0


def test_a_push_that_broke_goes_on_and_sends_nothing_twice(hub: HubServer, shards: Path) -> None:
    hub.broken_commits = {0, 2}
    for number, sent in enumerate((0, 1)):
        broken = push(hub, shards)
        assert broken.returncode == 2 and broken.stdout == ""
        assert "status 500" in broken.stderr and "the same command again" in broken.stderr
        assert len(hub.files("me/captions")) == sent, number
    done = push(hub, shards)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["skipped"] == 1
    assert hub.files("me/captions") == expected(shards)
    assert set(hub.uploads.values()) == {1}


def test_private_branch_and_strangers(hub: HubServer, shards: Path) -> None:
    done = push(hub, shards, "--private", "--revision", "v1", "--message", "First")
    assert done.returncode == 0, done.stderr
    repo = hub.repos["me/captions"]
    assert repo.private is True
    assert hub.files("me/captions", "v1") == expected(shards) and hub.files("me/captions") == {}
    assert {summary for summary, _ in repo.commits} == {"First"}
    repo.branches["v1"]["old/1.png"] = b"old"
    again = push(hub, shards, "--private", "--revision", "v1")
    assert json.loads(again.stdout)["strangers"] == ["old/1.png"]
    assert "1 files there are not of this dataset" in again.stderr
    assert "old/1.png" in hub.files("me/captions", "v1")


def test_a_public_repository_is_not_taken_for_a_private_one(hub: HubServer, shards: Path) -> None:
    hub.repos["me/captions"] = Repo(private=False)
    done = push(hub, shards, "--private")
    assert done.returncode == 2 and "expected a private repository" in done.stderr
    assert hub.files("me/captions") == {}


def test_tokens_that_lack_or_are_refused(hub: HubServer, shards: Path, tmp_path: Path) -> None:
    without = push(hub, shards, token=None, home=tmp_path / "hf")
    assert without.returncode == 2 and "HF_TOKEN" in without.stderr
    assert hub.unauthorized == 0  # Nobody was asked.
    wrong = push(hub, shards, token="hf_wrong_0123456789")
    assert wrong.returncode == 2 and "status 401" in wrong.stderr and "token is not accepted" in wrong.stderr
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text(TOKEN)
    stored = push(hub, shards, token=None, home=tmp_path / "hf")
    assert stored.returncode == 0, stored.stderr


def test_a_hub_that_is_not_there(shards: Path) -> None:
    done = push(NOWHERE, shards)
    assert done.returncode == 2 and "could not be sent" in done.stderr and "the same command" in done.stderr


def test_the_plan_of_a_dataset_folder(rich: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(rich, folder)
    (folder / ".env").write_text("OPENAI_API_KEY=sk-1")
    (folder / "notes.txt").write_text("mine")
    (folder / "panoptic" / ".hidden.png").write_bytes(b"")
    (folder / "images").symlink_to(rich.parent / "pictures")
    names = [one.name for one in plan_push(folder)]
    masks = ["panoptic/a.b.png", "panoptic/none.png", "panoptic/sub/ü.png"]
    assert names == [
        "captions.parquet",
        "instances.json",
        *sorted([*masks, "panoptic.json"]),
        *LAST[:2],
        LAST[3],
    ]
    write_card(folder)
    assert [one.name for one in plan_push(folder)][-4:] == LAST


@pytest.mark.parametrize("with_sums", [False, True])
@pytest.mark.parametrize("name", ["panoptic.json", "panoptic/none.png", "captions.parquet"])
def test_what_changed_since_it_was_described_is_not_sent(
    rich: Path, tmp_path: Path, name: str, with_sums: bool
) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(rich, folder)
    if with_sums:
        write_card(folder)
    path = folder / name
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(InputError, match=r"that (?:was|were) described.*pix2cap dataset card"):
        plan_push(folder)
    path.unlink()
    with pytest.raises(InputError):
        plan_push(folder)


def test_what_is_no_described_dataset_is_not_sent(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"README\.md and manifest\.json.*dataset card"):
        plan_push(tmp_path)


@pytest.mark.parametrize(
    ("repo_id", "endpoint", "words"),
    [
        ("me/cap tions", None, "name/dataset"),
        ("me/../you", None, "name/dataset"),
        ("a/b/c", None, "name/dataset"),
        ("me/captions", "http://hub.example.org", "expected https"),
        ("me/captions", "ftp://hub.example.org", "https://host"),
        ("me/captions", "https://me:hf_key@hub.example.org", r"without user or key, got 'https://...@hub"),
        ("me/captions", "hub.example.org", "https://host"),
    ],
)
def test_names_and_endpoints_that_cannot_be(repo_id: str, endpoint: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        check_target(repo_id, endpoint)
    assert "hf_key" not in str(refused.value)
    with pytest.raises(UsageError):
        push_dataset("nowhere", repo_id, PushOptions(endpoint=endpoint))


def test_batches_hold_the_descriptions_back() -> None:
    files = [PushFile(f"data/{n}", 2**28, "") for n in range(6)] + [PushFile(name, 10, "") for name in LAST]
    cut = [[one.name for one in batch] for batch in _batches(files, 1000)]
    assert cut == [[f"data/{n}" for n in range(4)], ["data/4", "data/5"], LAST]
    assert [len(batch) for batch in _batches(files, 2)] == [2, 2, 2, 2, 2]
    assert crowded([PushFile(f"panoptic/{n}.png", 1, "") for n in range(10_001)])
    assert not crowded(files)


def test_a_dry_run_needs_neither_hub_nor_token(shards: Path) -> None:
    done = push(NOWHERE, shards, "--dry-run", token=None)
    assert done.returncode == 0, done.stderr
    assert [one["name"] for one in json.loads(done.stdout)] == ["data/train-00000-of-00001.parquet", *LAST]
    assert "nothing was sent" in done.stderr
