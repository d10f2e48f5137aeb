"""Which version of the parsing and checking code judged a reply."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

_ROOMS = {
    "pix2cap.annotate": ("parse", "check", "findings", "lenient", "ladder"),
    "pix2cap.text": ("class", "colors", "language", "sides", "subject", "words"),
}


@cache
def rules_version() -> str:
    """A short hash over the sources of the parser, the checks and the words they use.

    Images that were settled under other rules are judged again from their recorded replies when a run
    continues, so a mended check takes effect without anything being asked again.
    """
    digest = hashlib.sha256()
    for room, prefixes in _ROOMS.items():
        for entry in sorted(files(room).iterdir(), key=lambda item: item.name):
            if entry.is_file() and entry.name.startswith(prefixes) and not entry.name.endswith(".pyc"):
                digest.update(entry.name.encode() + b"\0" + entry.read_bytes())
    return digest.hexdigest()[:16]
