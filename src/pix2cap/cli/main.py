"""Entry point: the command tree, and how errors become exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import App, CycloptsError

from pix2cap import __version__
from pix2cap.cli.commands import COMMANDS, GROUPS
from pix2cap.cli.configuration import ENVIRONMENT, ConfigFile, load_dotenv
from pix2cap.cli.output import make_console
from pix2cap.errors import Pix2CapError

EXIT_WRONG_USE = 2
EXIT_INTERRUPTED = 130
EXIT_OUR_FAULT = 70

_EXAMPLE_WIDTH = 74


def _app() -> App:
    app = App(
        name="pix2cap",
        help="Captions for every pixel: give each panoptic segment its own true caption.",
        help_epilogue=_examples("pix2cap demo", "pix2cap annotate run --help"),
        version=__version__,
        config=[ENVIRONMENT, ConfigFile()],
        help_format="plaintext",
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    groups = {"": app}
    for name, (told, examples) in GROUPS.items():
        groups[name] = App(name=name, help=told, help_epilogue=_examples(*examples))
        app.command(groups[name])
    for command, (target, told, examples_of) in COMMANDS.items():
        group, _, name = command.rpartition(" ")
        groups[group].command(target, name=name, help=told, help_epilogue=_examples(*examples_of))
    return app


def _examples(*commands: str) -> str:
    uses_demo = any(" demo/" in command for command in commands)
    title = "Examples, after `pix2cap demo`:" if uses_demo else "Examples:"
    return "\n".join((title, "", *(_broken(command) for command in commands)))


def _broken(command: str) -> str:
    """A long command over several lines in a way that a shell takes when it is pasted."""
    lines, line = [], ""
    for word in command.split(" "):
        if line and len(line) + 1 + len(word) > _EXAMPLE_WIDTH:
            lines.append(f"  {line} \\")
            line = f"  {word}"
        else:
            line = f"{line} {word}" if line else word
    return "\n".join((*lines, f"  {line}"))


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    0 done, 1 done with failures, 2 wrong use or bad input, 3 budget reached, 130 interrupted.

    A traceback is shown with `--debug` only.
    """
    tokens = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in tokens
    tokens = [token for token in tokens if token != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a letter shows its number, rather than nothing at all.
            stream.reconfigure(errors="backslashreplace")
    try:
        load_dotenv()
        code = _app()(tokens, exit_on_error=False, print_error=False, console=make_console())
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): that is no failure of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        code = _told(error)
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: Exception | KeyboardInterrupt) -> int:
    """Tell a person what went wrong, and return the exit code."""
    code = EXIT_WRONG_USE
    match error:
        case CycloptsError():
            command = " ".join(("pix2cap", *(error.command_chain or ())))
            message = f"{' '.join(str(error).split())} Type `{command} --help` for what it takes."
        case Pix2CapError():
            code, message = error.exit_code, str(error)
        case KeyboardInterrupt():
            code, message = EXIT_INTERRUPTED, "interrupted; the same command again goes on from here"
        case UnicodeEncodeError():
            around = error.object[max(0, error.start - 20) : error.end + 20]
            message = (
                f"expected names in UTF-8, got {error.object[error.start : error.end]!a} in ...{around!a}...;"
                " rename the file or folder, or set a UTF-8 locale (LC_ALL=C.UTF-8)"
            )
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            message = f"{where}{error.strerror or error}; give another path, or mend what is in the way"
        case _:
            code = EXIT_OUR_FAULT
            message = (
                f"internal error, please report it: {type(error).__name__}: {error} (--debug shows where)"
            )
    print(f"pix2cap: {message}", file=sys.stderr)
    return code
