"""Where the metrics keep what can be computed again."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

CACHE_VARIABLE = "PIX2CAP_CACHE"


def cache_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The folder for what can be computed again: PIX2CAP_CACHE, else the platform's own place for caches.

    Args:
        environ: Environment to read; the process's own by default.
    """
    environ = os.environ if environ is None else environ
    if environ.get(CACHE_VARIABLE):
        return Path(environ[CACHE_VARIABLE]).expanduser()
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "pix2cap"
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "pix2cap" / "Cache"
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "pix2cap"
