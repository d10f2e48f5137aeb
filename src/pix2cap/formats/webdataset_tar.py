"""WebDataset shards: `KEY.jpg`, `KEY.panoptic.png` and `KEY.json` a sample, in plain tar files."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import orjson

from pix2cap.core import Category
from pix2cap.errors import ImageRefused, InputError
from pix2cap.formats.exchange import Carried, Refused, carried_image, image_record
from pix2cap.formats.findings import Finding, bad_file
from pix2cap.formats.png import SIGNATURE, encode_id_png
from pix2cap.formats.staged_folder import StagedFolder
from pix2cap.formats.storage import storage

MASK: Final = "panoptic.png"
_KINDS: Final = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "avif")
_MOST_BYTES: Final = 512 * 2**20
"""No picture or record is larger; a member that claims to be is an attack or an error."""


class TarShards:
    """Writes `SPLIT-000000.tar` and so on; the same images give the same bytes.

    Args:
        folder: Where to.
        categories: By id.
        split: The name of the split.
        shard_bytes: A new shard begins when one has so many bytes.
    """

    def __init__(
        self, folder: StagedFolder, categories: Mapping[int, Category], *, split: str, shard_bytes: int
    ) -> None:
        self._folder, self._categories, self._split = folder, categories, split
        self._shard_bytes = shard_bytes
        self._file: IO[bytes] | None = None
        self._tar: tarfile.TarFile | None = None
        self.shards = 0

    def add(self, carried: Carried) -> None:
        """Write a sample.

        Raises:
            StorageFull: The disk took no more.
        """
        key = f"{carried.item.image.image_id:012}"
        map_png = carried.map_png or encode_id_png(carried.item.panoptic.id_map)
        with storage():
            if self._tar is None:
                self._file = self._folder.open(f"data/{self._split}-{self.shards:06}.tar")
                self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)
                self.shards += 1
            if carried.picture is not None:
                self._put(f"{key}.{_kind(carried.item.image.file_name, carried.picture)}", carried.picture)
            self._put(f"{key}.{MASK}", map_png)
            self._put(f"{key}.json", orjson.dumps(image_record(carried, self._categories)))
            if self._tar.offset >= self._shard_bytes:
                self._end_shard()

    def _put(self, name: str, data: bytes) -> None:
        assert self._tar is not None
        info = tarfile.TarInfo(name)  # No time, no owner: bytes depend on the data alone.
        info.size = len(data)
        self._tar.addfile(info, io.BytesIO(data))

    def _end_shard(self) -> None:
        if self._tar is not None and self._file is not None:
            self._tar.close()
            self._file.close()
        self._tar = self._file = None

    def close(self) -> None:
        """Finish the last shard."""
        with storage():
            self._end_shard()

    def abort(self) -> None:
        """Let go of the file being written."""
        if self._file is not None:
            self._file.close()
            self._tar = self._file = None


def _kind(file_name: str, data: bytes) -> str:
    """The ending of a picture: its own where readers know it, else by its first bytes."""
    own = PurePosixPath(file_name).suffix.lower().lstrip(".")
    if own in _KINDS:
        return own
    return "png" if data[:8] == SIGNATURE else "jpg"


def find_shards(path: Path) -> list[Path]:
    """The tars of a folder or the one file named, in the order of their names."""
    if path.is_file():
        return [path] if path.suffix == ".tar" else []
    return sorted(found for where in (path, path / "data") for found in where.glob("*.tar"))


def read_tar_images(shards: list[Path]) -> Iterator[Carried | Refused]:
    """All samples of the shards, one in memory at a time.

    Raises:
        InputError: A shard is damaged, or a sample lacks `.json` or `.panoptic.png`.
    """
    for shard in shards:
        for key, members in _samples(shard):
            if "json" not in members or MASK not in members:
                got = f"sample {key} with {', '.join(sorted(members)) or 'nothing'}"
                expected = f"{key}.json and {key}.{MASK} in every sample"
                raise bad_file(shard.name, Finding.MISSING_FILE, expected=expected, got=got)
            yield _carried(shard.name, key, members)


def read_tar_records(shards: list[Path]) -> Iterator[dict[str, Any]]:
    """The `.json` of every sample, for what concerns the dataset as a whole."""
    for shard in shards:
        for key, members in _samples(shard, only="json"):
            if "json" in members:
                yield _record(f"{shard.name}/{key}.json", members["json"])


def _carried(shard: str, key: str, members: dict[str, bytes]) -> Carried | Refused:
    record = _record(f"{shard}/{key}.json", members["json"])
    picture = next((data for kind, data in members.items() if kind in _KINDS), None)
    try:
        return carried_image(record, members[MASK], picture=picture, file=f"{shard}/{key}")
    except ImageRefused as refused:
        image_id = record.get("image_id")
        segments = record.get("segments")
        count = len(segments) if isinstance(segments, list) else 0
        number = image_id if isinstance(image_id, int) else -1
        return Refused(number, str(record.get("file_name")), str(refused), count)


def _record(name: str, data: bytes) -> dict[str, Any]:
    try:
        record = json.loads(data)
    except ValueError as error:
        raise bad_file(name, Finding.TRUNCATED_JSON, expected="whole, valid JSON", got=str(error)) from error
    if not isinstance(record, dict):
        raise bad_file(name, Finding.NOT_AN_OBJECT, expected="an object", got=type(record).__name__)
    return record


def _samples(shard: Path, *, only: str | None = None) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Members of the same key stand together, as everywhere in WebDataset."""
    key, members = None, dict[str, bytes]()
    try:
        with tarfile.open(shard, "r:") as tar:
            for info in tar:
                if not info.isfile():
                    continue
                stem, _, kind = PurePosixPath(info.name).name.partition(".")
                if stem != key:
                    if key is not None:
                        yield key, members
                    key, members = stem, {}
                if info.size > _MOST_BYTES:
                    raise tarfile.ReadError(f"{info.name} claims {info.size} bytes")
                file = tar.extractfile(info) if only in (None, kind) else None
                if file is not None:
                    members[kind] = file.read()
    except FileNotFoundError:
        raise bad_file(str(shard), Finding.MISSING_FILE, expected="a tar", got="no such file") from None
    except InputError:
        raise
    except (tarfile.TarError, OSError, EOFError) as error:
        raise bad_file(shard.name, Finding.UNREADABLE_FILE, expected="a whole tar", got=str(error)) from error
    if key is not None:
        yield key, members
