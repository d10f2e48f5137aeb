"""Put a described dataset on a hub, in commits that an interruption loses at most one of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pix2cap.dataset.card import published_files
from pix2cap.errors import HubError, InputError, Pix2CapError, UsageError
from pix2cap.formats.manifest import MANIFEST, SUMS, FolderHash, read_manifest
from pix2cap.formats.open_source import read_dataset_source
from pix2cap.formats.staged_folder import CONVERSION

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_LAST: Final = ("README.md", "croissant.json", SUMS, MANIFEST)
"""What describes the data goes after them, so that nobody finds a description of what is not there yet."""
_MOST_FILES: Final = 1_000
_MOST_BYTES: Final = 2**30
_CROWDED: Final = 10_000
"""Hubs advise at most so many files a folder."""
_REPO_ID: Final = re.compile(r"(?:[\w.-]{1,96}/)?[\w.-]{1,96}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class PushOptions:
    """Where and how.

    Args:
        private: A new repository is private; one that is public already is refused.
        revision: The branch; made where it is missing.
        endpoint: The hub; that of `HF_ENDPOINT`, or the usual one, otherwise.
        message: Of the commits.
        files_a_commit: At most so many files a commit.
    """

    private: bool = False
    revision: str | None = None
    endpoint: str | None = None
    message: str = "Upload with pix2cap"
    files_a_commit: int = _MOST_FILES


@dataclass(frozen=True, slots=True)
class PushFile:
    """A file to send.

    Args:
        name: Relative to the folder, and in the repository.
        bytes: Its size.
        sha256: Of its content, in hex.
    """

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PushProgress:
    """How far a push has come: files that are there of all."""

    done: int
    total: int


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Args:
        repo_id: Where.
        url: The dataset's page.
        revision: The branch.
        files: Files of the dataset.
        sent: Files sent now.
        sent_bytes: Their size.
        skipped: Files that were there already, byte by byte.
        commits: Commits made.
        strangers: Files in the repository that are not of this dataset; they stay.
    """

    repo_id: str
    url: str
    revision: str
    files: int
    sent: int
    sent_bytes: int
    skipped: int
    commits: int
    strangers: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The record as `dataset push --format json` prints it."""
        names = ("repo_id", "url", "revision", "files", "sent", "sent_bytes", "skipped", "commits")
        return {name: getattr(self, name) for name in names} | {"strangers": list(self.strangers)}


def plan_push(dataset: str | Path) -> tuple[PushFile, ...]:
    """The files that a push sends, after a look whether they are as described; nothing is sent.

    Raises:
        InputError: The folder has no card and manifest, or files differ from what these say.

    Example:
        >>> [file.name for file in plan_push("dataset")]  # doctest: +SKIP
    """
    folder = Path(dataset)
    again = f"; describe it anew with `pix2cap dataset card {folder}`"
    manifest = read_manifest(folder) or CONVERSION.read_manifest(folder)
    if manifest is None or not (folder / "README.md").is_file():
        raise InputError(
            f"{folder}: expected a dataset with README.md and {MANIFEST} of pix2cap, found none{again}"
        )
    has_sums = (folder / SUMS).is_file()
    stated = _stated_sums(folder / SUMS) if has_sums else _stated_files(folder, manifest, again)
    files = []
    for name in [*published_files(folder), *([SUMS] if has_sums else [])]:
        path = folder / name
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        wanted = stated.pop(name, None)
        # Without checksums the manifest speaks for the files that it names, and cannot for itself.
        is_known = wanted == digest if has_sums else wanted in (None, digest)
        if not is_known and name != SUMS:
            raise InputError(f"{path}: expected the file that was described, got another or a new one{again}")
        files.append(PushFile(name, path.stat().st_size, digest))
    if stated:
        raise InputError(f"{folder / min(stated)}: expected the file that was described, found none{again}")
    order = {name: number for number, name in enumerate(_LAST, start=1)}
    return tuple(sorted(files, key=lambda one: (order.get(one.name, 0), one.name)))


def _stated_sums(path: Path) -> dict[str, str]:
    lines = path.read_text("utf-8").splitlines()
    found = [re.fullmatch(r"([0-9a-f]{64})  (.+)", line) for line in lines]
    if not all(found):
        raise InputError(f"{path}: expected lines of SHA-256 and name; describe the dataset again")
    return {one[2]: one[1] for one in found if one is not None}


def _stated_files(folder: Path, manifest: Mapping[str, Any], again: str) -> dict[str, str]:
    """Hashes of single files by the manifest, after a look at the one that all masks share."""
    named = manifest.get("files")
    files = {name: one["sha256"] for name, one in (named if isinstance(named, dict) else {}).items()}
    masks = files.pop("panoptic/", None)
    if masks is not None:
        total = FolderHash()
        source = read_dataset_source(folder)
        for image_id in source.image_ids:
            total.add(source.record(image_id).mask_name or "", source.map_png(image_id) or b"")
        if total.to_json()["sha256"] != masks:
            raise InputError(
                f"{folder / 'panoptic'}: expected the masks that were described, got others{again}"
            )
    return files


def crowded(files: Sequence[PushFile]) -> bool:
    """Whether a folder has more files than hubs advise; Parquet shards are the way out."""
    folders: dict[str, int] = {}
    for one in files:
        folder = one.name.rpartition("/")[0]
        folders[folder] = folders.get(folder, 0) + 1
    return max(folders.values(), default=0) > _CROWDED


def push_dataset(
    dataset: str | Path,
    repo_id: str,
    options: PushOptions | None = None,
    *,
    on_progress: Callable[[PushProgress], None] | None = None,
) -> Pushed:
    """Send a described dataset to a hub; what is there already is not sent again.

    The token comes from `HF_TOKEN` or from `hf auth login`; it is never printed or stored. A push that was
    interrupted goes on where its last commit ended, and large files that were sent need no second sending.

    Args:
        dataset: A folder that `dataset card` has described.
        repo_id: `name/dataset` on the hub.
        options: Branch, endpoint, privacy.
        on_progress: Called after each commit.

    Raises:
        InputError: The folder is not described, or has changed since.
        UsageError: The name or endpoint is wrong, there is no token, or the repository is public while
            `private` was asked for.
        HubError: The hub cannot be reached or refuses.

    Example:
        >>> push_dataset("dataset", "me/captions", PushOptions(private=True))  # doctest: +SKIP
    """
    options, folder = options or PushOptions(), Path(dataset)
    check_target(repo_id, options.endpoint)
    files = plan_push(folder)
    import huggingface_hub

    token = huggingface_hub.get_token()
    if not token:
        raise UsageError(
            "expected a token of the hub in HF_TOKEN, or one that `hf auth login` stored, found neither"
        )
    api = huggingface_hub.HfApi(endpoint=options.endpoint, token=token)
    with _told(api.endpoint, repo_id, token):
        _prepare(api, repo_id, options)
        there = _there(api, repo_id, options)
        wanted = [one for one in files if not _is_there(folder, one, there.get(one.name))]
        commits = _send(api, repo_id, folder, wanted, len(files), options, on_progress)
    names = {one.name for one in files}
    return Pushed(
        repo_id=repo_id,
        url=f"{api.endpoint}/datasets/{repo_id}",
        revision=options.revision or "main",
        files=len(files),
        sent=len(wanted),
        sent_bytes=sum(one.bytes for one in wanted),
        skipped=len(files) - len(wanted),
        commits=commits,
        strangers=tuple(sorted(set(there) - names - {".gitattributes"})),
    )


def check_target(repo_id: str, endpoint: str | None) -> None:
    """Look at the words of a call before anything is read or sent.

    Raises:
        UsageError: The name cannot be one, or the endpoint would get the token unencrypted.
    """
    if not _REPO_ID.fullmatch(repo_id) or ".." in repo_id or "--" in repo_id:
        raise UsageError(f"expected a repository such as name/dataset, got {repo_id!r}")
    if endpoint is None:
        return
    parts = urlsplit(endpoint)
    is_loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise UsageError(f"expected --endpoint as https://host, without user or key, got {_bare(endpoint)!r}")
    if parts.scheme == "http" and not is_loopback:
        raise UsageError(f"expected https, as the token goes along, got {_bare(endpoint)!r}")


def _bare(endpoint: str) -> str:
    """An address without what may be a secret in it."""
    return re.sub(r"//[^/]*@", "//...@", endpoint)[:100]


def _prepare(api: HfApi, repo_id: str, options: PushOptions) -> None:
    """Make repository and branch where they are missing."""
    private = True if options.private else None
    api.create_repo(repo_id, repo_type="dataset", private=private, exist_ok=True)
    if options.private and not api.repo_info(repo_id, repo_type="dataset").private:
        raise UsageError(
            f"{repo_id}: expected a private repository, as --private asks for, got a public one; make it"
            " private on the hub, or name another"
        )
    if options.revision is not None and options.revision != "main":
        api.create_branch(repo_id, branch=options.revision, repo_type="dataset", exist_ok=True)


def _there(api: HfApi, repo_id: str, options: PushOptions) -> dict[str, Any]:
    """The files in the repository by name."""
    tree = api.list_repo_tree(repo_id, repo_type="dataset", revision=options.revision, recursive=True)
    return {entry.path: entry for entry in tree if hasattr(entry, "blob_id")}


def _is_there(folder: Path, file: PushFile, remote: Any) -> bool:
    if remote is None or remote.size != file.bytes:
        return False
    if remote.lfs is not None:
        return bool(remote.lfs.sha256 == file.sha256)
    blob = hashlib.sha1(b"blob %d\0" % file.bytes, usedforsecurity=False)
    with (folder / file.name).open("rb") as opened:
        for chunk in iter(lambda: opened.read(2**20), b""):
            blob.update(chunk)
    return bool(remote.blob_id == blob.hexdigest())


def _send(
    api: HfApi,
    repo_id: str,
    folder: Path,
    wanted: Sequence[PushFile],
    total: int,
    options: PushOptions,
    on_progress: Callable[[PushProgress], None] | None,
) -> int:
    from huggingface_hub import CommitOperationAdd

    done, commits = total - len(wanted), 0
    for batch in _batches(wanted, options.files_a_commit):
        operations = [CommitOperationAdd(one.name, folder / one.name) for one in batch]
        api.create_commit(
            repo_id,
            operations,
            commit_message=options.message,
            repo_type="dataset",
            revision=options.revision,
        )
        done, commits = done + len(batch), commits + 1
        if on_progress is not None:
            on_progress(PushProgress(done, total))
    return commits


def _batches(files: Sequence[PushFile], most_files: int) -> Iterator[list[PushFile]]:
    """Data by number and size; what describes them in a commit of its own, at the end."""
    batch: list[PushFile] = []
    for one in files:
        is_full = len(batch) >= most_files or sum(f.bytes for f in batch) + one.bytes > _MOST_BYTES
        begins_last = one.name in _LAST and bool(batch) and batch[-1].name not in _LAST
        if batch and (is_full or begins_last):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


@contextmanager
def _told(endpoint: str, repo_id: str, token: str) -> Iterator[None]:
    """Turn what a client library raises into one sentence without secrets."""
    try:
        yield
    except Pix2CapError:
        raise
    except Exception as error:  # The library lets classes of the HTTP client beneath it through.
        status = _status(error)
        text = " ".join(_innermost(error).replace(token, "***").split())[:300]
        if status in (401, 403):
            advice = "the token is not accepted, or may not write there; set HF_TOKEN to one that may"
        else:
            advice = "what was committed stays; the same command again sends the rest"
        told = f"status {status}: {text}" if status is not None else text
        raise HubError(f"{_bare(endpoint)}: {repo_id} could not be sent ({told}); {advice}") from error


def _status(error: BaseException | None) -> int | None:
    while error is not None:
        response = getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        if isinstance(status, int):
            return status
        error = error.__cause__
    return None


def _innermost(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}"
