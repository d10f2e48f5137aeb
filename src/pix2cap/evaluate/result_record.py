"""What every result of this room can do: be finite, be written as JSON, and be read again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from pix2cap.evaluate.result_files import numbers, parse_as, plain, read_json, write_json


class ResultRecord:
    """A frozen dataclass whose JSON is its fields; `to_json` may leave out those that grow with the data.

    Raises:
        ValueError: A score is NaN or infinite.
    """

    command: ClassVar[str]
    """What writes such results, for messages."""

    def __post_init__(self) -> None:
        for path, value in numbers(self._whole()):
            if not math.isfinite(value):
                raise ValueError(f"expected {path} to be finite or None, got {value}")

    def _whole(self) -> dict[str, Any]:
        record: dict[str, Any] = plain(self)
        record["provenance"] = record["provenance"] or {}
        return {"bench": record.pop("bench"), **record} if "bench" in record else record

    def write(self, path: str | Path) -> Path:
        """Write the JSON with everything in it; an earlier file is replaced when the new one is complete.

        Returns:
            The path.

        Raises:
            StorageFull: The disk took no more.
        """
        return write_json(self._whole(), Path(path))

    @classmethod
    def from_json(cls, record: object, *, where: str = "result") -> Self:
        """The inverse of `to_json`; keys it does not know are left out.

        Args:
            record: What a JSON parser gave.
            where: File name for messages.

        Raises:
            InputError: It is no such result; the message names the first wrong values.
        """
        return parse_as(cls, record, where=where, command=cls.command)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a file that `write` or the command made.

        Raises:
            InputError: The file is missing, no JSON, or no such result.
        """
        return cls.from_json(read_json(Path(path), cls.command), where=str(path))


class _Item(Protocol):
    @property
    def status(self) -> str: ...


class JudgedRecord(ResultRecord):
    """A result of a bench whose items a judge looked at."""

    failed: Mapping[str, str]
    missing: tuple[str, ...]
    items: Sequence[_Item]

    @property
    def pending(self) -> int:
        """Items that were not asked yet."""
        return sum(item.status == "pending" for item in self.items)

    @property
    def is_clean(self) -> bool:
        """True where every item has an answer and all that a judge says of it."""
        return not (self.failed or self.missing or self.pending)

    def to_json(self, *, items: bool = True) -> dict[str, Any]:
        """Plain dictionaries, lists and scalars.

        Args:
            items: Keep what became of every item.
        """
        record = self._whole()
        if not items:
            del record["items"]
        return record
