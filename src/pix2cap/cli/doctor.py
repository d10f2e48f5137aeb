"""`pix2cap doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pix2cap.cli.output import print_json, say

if TYPE_CHECKING:
    from pix2cap.doctor import Diagnosis


def doctor(*, need: str = "", format: Literal["table", "json"] = "table") -> int:
    """Show versions, what is there, what is missing and how to get it.

    Exit code 1 where a part that is needed is missing.

    Args:
        need: Parts that must be ready, with commas: meteor, spice, spice_sg, vendors.
        format: table or json.
    """
    from pix2cap.doctor import diagnose

    diagnosis = diagnose()
    lacking = diagnosis.lacking([name.strip() for name in need.split(",") if name.strip()])
    if format == "json":
        print_json(diagnosis.to_json())
    else:
        _print_tables(diagnosis)
    for part in lacking:
        say(f"{part.name} is needed and not ready: {'; '.join(part.missing)}")
    return 1 if lacking else 0


def _print_tables(diagnosis: Diagnosis) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    versions = Table(title="Versions", title_justify="left", show_header=False)
    for name, version in diagnosis.versions.items():
        versions.add_row(name, version or "not installed")
    console.print(versions)
    parts = Table(title="Optional parts", title_justify="left")
    for title in ("part", "ready", "gives", "found or missing"):
        parts.add_column(title, overflow="fold")
    for part in diagnosis.parts:
        told = part.found if part.ready else "missing: " + "; ".join(part.missing)
        parts.add_row(part.name, "yes" if part.ready else "no", part.gives, escape(told))
    console.print(parts)
    keys = Table(title="Keys in the environment", title_justify="left", show_header=False)
    for name, is_set in diagnosis.keys.items():
        keys.add_row(name, "set" if is_set else "not set")
    console.print(keys)
    console.print(f"Cache: {diagnosis.cache}", soft_wrap=True, markup=False, highlight=False)
    for part in diagnosis.parts:
        if part.commands:
            console.print(f"\nTo get {part.name}:", highlight=False)
            for command in part.commands:
                # Not folded at the terminal's width: it is there to be copied.
                console.print(f"  {command}", soft_wrap=True, markup=False, highlight=False)
