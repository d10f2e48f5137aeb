"""What every page is made of: templates, one hashed script and style, a file that appears when complete."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from pix2cap.formats.storage import storage


@contextmanager
def replacing(out: Path) -> Iterator[IO[str]]:
    """Open a page for writing; it takes the place of an earlier one only when the block ends well.

    Raises:
        StorageFull: The disk took no more; an earlier page at `out` is untouched.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.part")
    try:
        with storage(out):
            with partial.open("w", encoding="utf-8", errors="replace") as page:
                yield page
            partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def one_script(*names: str) -> str:
    """Scripts of `assets/` in one scope of their own."""
    return "(() => {\n'use strict';\n" + "\n".join(asset(name) for name in names) + "})();\n"


def csp_hash(text: str) -> str:
    """The source expression that lets exactly this script or style into the page."""
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def template(name: str) -> Template:
    """A template of `assets/`; everything put into it is escaped."""
    return _environment().get_template(name)


@cache
def asset(name: str) -> str:
    """The text of a file of `assets/`."""
    return (files("pix2cap.report") / "assets" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pix2cap.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["spaced"] = lambda status: str(status).replace("_", " ")
    return environment
