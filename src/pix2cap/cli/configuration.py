"""Where options come from when no flag gives them: environment, `.env`, `pix2cap.toml`."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts.config import Dict, Env

from pix2cap.errors import UsageError

if TYPE_CHECKING:
    from cyclopts import App, ArgumentCollection

FILE_NAME = "pix2cap.toml"
DOTENV_NAME = ".env"

ENVIRONMENT = Env("PIX2CAP_", command=False, show=False)
"""`PIX2CAP_MODEL` stands for `--model` of every command that has it."""


class ConfigFile:
    """Options from `pix2cap.toml` in the current folder.

    `[annotate.run]` wins over `[annotate]`, and that over what stands at the top; only in the table of one
    command can an unknown name be told from an option of another command, and is refused.
    """

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Fill in what flags and environment left open, as cyclopts calls it.

        Raises:
            UsageError: The file is no TOML.
        """
        path = Path(FILE_NAME)
        if not path.is_file():
            return
        for depth in range(len(commands), -1, -1):
            values = _table(_read(path), commands[:depth])
            fill = Dict(
                {name.replace("_", "-"): value for name, value in values.items()},
                source=FILE_NAME,
                use_commands_as_keys=False,
                allow_unknown=depth < len(commands) or not commands,
            )
            fill(app, commands, arguments)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: expected TOML, got: {error}") from error


def _table(document: dict[str, Any], commands: tuple[str, ...]) -> dict[str, Any]:
    table: Any = document
    for number, name in enumerate(commands, start=1):
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise UsageError(f"{FILE_NAME}: expected a table [{'.'.join(commands[:number])}], got {table!r}")
    return {name: value for name, value in table.items() if not isinstance(value, dict)}


def load_dotenv() -> None:
    """Put `.env` of the current folder, where keys may lie, beneath the environment.

    Raises:
        UsageError: The file cannot be read.
    """
    if not Path(DOTENV_NAME).is_file():
        return
    from dotenv import dotenv_values

    try:
        values = dotenv_values(DOTENV_NAME)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{DOTENV_NAME}: expected lines NAME=VALUE in UTF-8, got: {error}") from error
    for name, value in values.items():
        if value is not None:
            os.environ.setdefault(name, value)
