"""What a comparison needs of a result's provenance."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import orjson

from pix2cap.evaluate.result import Provenance

_DIGEST_CHARS = 12


def files_of(made: Provenance | None, roles: Sequence[str]) -> dict[str, str]:
    """Role to hash of what was read; a file that was not there is "none"."""
    if made is None:
        return {}
    known = {role: made.inputs.get(role) for role in roles}
    return {
        f"file {role.replace('_', ' ')}": "none" if file is None else f"{file.name} sha256 {file.sha256}"
        for role, file in known.items()
    }


def facts_of(made: Provenance | None) -> tuple[tuple[str, str], ...]:
    """Label and text of what made a result: files, arguments, software."""
    if made is None:
        return (("provenance", "not recorded"),)
    files = [
        (role.replace("_", " "), f"{file.name} {file.sha256[:_DIGEST_CHARS]}…")
        for role, file in made.inputs.items()
    ]
    told = [
        (name.replace("_", " "), ", ".join(value) if isinstance(value, list) else str(value))
        for name, value in made.arguments.items()
        if value is not None
    ]
    software = {"pix2cap": made.pix2cap, "Python": made.python, **made.libraries}
    versions = ", ".join(f"{name} {version}" for name, version in software.items())
    return (*files, *told, ("software", versions))


def argument_of(made: Provenance | None, name: str) -> str:
    """One argument of what made a result; "not recorded" where it is not there."""
    value = None if made is None else made.arguments.get(name)
    return "not recorded" if value is None else str(value)


def digest_of(value: object) -> str:
    """A short hash of JSON types."""
    return hashlib.sha256(orjson.dumps(value)).hexdigest()[:16]
