"""How a person can call this program again from where they are."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def program(argv0: str | None = None, *, folder: Path | None = None, found: str | None = None) -> str:
    """What to type before `annotate ...` so that the same program runs; quoted for a shell.

    `make demo` runs `.venv/bin/pix2cap`, which is on nobody's PATH: a printed command that begins with
    `pix2cap` would not be found.

    Args:
        argv0: The running script, `sys.argv[0]` by default.
        folder: Where the person is, the current folder by default.
        found: What a shell takes `pix2cap` for, looked up on the PATH by default; "" for nothing.

    Example:
        >>> program("/work/.venv/bin/pix2cap", folder=Path("/work"), found="")
        '.venv/bin/pix2cap'
        >>> program("/opt/bin/pix2cap", folder=Path("/work"), found="/opt/bin/pix2cap")
        'pix2cap'
    """
    here = Path.cwd() if folder is None else folder
    script = here / (sys.argv[0] if argv0 is None else argv0)
    if script.stem != "pix2cap":
        return f"{shlex.quote(sys.executable)} -m pix2cap"
    on_path = shutil.which("pix2cap") if found is None else found
    if on_path and Path(on_path).absolute() == script:
        return "pix2cap"
    if not script.is_relative_to(here):
        return shlex.quote(str(script))
    inside = script.relative_to(here)
    return shlex.quote(str(inside) if len(inside.parts) > 1 else f"./{inside}")
