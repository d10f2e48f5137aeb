"""Entry point: the command tree, and how errors become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import App, CycloptsError
from cyclopts.config import Env, Toml

from pix2cap import __version__
from pix2cap.errors import Pix2CapError

EXIT_INTERRUPTED = 130

_ENVIRONMENT = Env("PIX2CAP_", command=False, show=False)
_FILE = Toml("pix2cap.toml", must_exist=False, allow_unknown=True)


_SAMPLE = "demo/sample/panoptic.json --images demo/sample/images --masks demo/sample/panoptic"

_COMMANDS: dict[str, tuple[str, str, tuple[str, str]]] = {
    "demo": (
        "pix2cap.cli.demo:demo",
        "Caption a built-in sample and show it in one page.",
        ("pix2cap demo", "pix2cap demo --out /tmp/demo"),
    ),
    "report": (
        "pix2cap.cli.report:report",
        "Show a dataset in one self-contained page.",
        (
            "pix2cap report demo/dataset",
            "pix2cap report demo/dataset --out page.html --images demo/sample/images",
        ),
    ),
    "annotate plan": (
        "pix2cap.cli.annotate_plan:plan",
        "Count requests, tokens and cost first.",
        (
            f"pix2cap annotate plan {_SAMPLE} --model openai:gpt-4o",
            f"pix2cap annotate plan {_SAMPLE} --limit 2 --format json",
        ),
    ),
    "annotate preview": (
        "pix2cap.cli.annotate_preview:preview",
        "See what one image would send; send nothing.",
        (
            f"pix2cap annotate preview {_SAMPLE} --image-id 1 --out preview",
            f"pix2cap annotate preview {_SAMPLE} --image-id 2 --out preview --model openai:gpt-4o",
        ),
    ),
    "annotate run": (
        "pix2cap.cli.annotate_run:run",
        "Caption every segment, or go on doing so.",
        (
            f"pix2cap annotate run {_SAMPLE} --model describe --out run",
            f"OPENAI_API_KEY=... pix2cap annotate run {_SAMPLE} --model openai:gpt-4o --max-cost 1 --out run",
        ),
    ),
    "annotate status": (
        "pix2cap.cli.annotate_status:status",
        "What became of every segment.",
        ("pix2cap annotate status demo/run", "pix2cap annotate status demo/run --format json"),
    ),
    "annotate export": (
        "pix2cap.cli.annotate_export:export",
        "Write the dataset folder.",
        (
            "pix2cap annotate export demo/run --out dataset",
            "pix2cap annotate export demo/run --out dataset --copy-images --overwrite",
        ),
    ),
    "dataset validate": (
        "pix2cap.cli.dataset_validate:validate",
        "List everything that is inconsistent.",
        (
            f"pix2cap dataset validate {_SAMPLE}",
            "pix2cap dataset validate demo/dataset --images demo/sample/images --format json",
        ),
    ),
}
"""Command to its function (imported when it is called), its line of help, and two examples that work."""

_GROUPS = {"annotate": "Caption the segments of your images.", "dataset": "Work on whole datasets."}


def _app() -> App:
    app = App(
        name="pix2cap",
        help="Captions for every pixel: give each panoptic segment its own true caption.",
        help_epilogue=_examples("pix2cap demo", "pix2cap annotate run --help"),
        version=__version__,
        config=[_ENVIRONMENT, _FILE],
        help_format="markdown",
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    groups = {"": app}
    for name, told in _GROUPS.items():
        examples = [ex for command, (_, _, (ex, _)) in _COMMANDS.items() if command.startswith(f"{name} ")]
        groups[name] = App(name=name, help=told, help_epilogue=_examples(*(examples * 2)[:2]))
        app.command(groups[name])
    for command, (target, told, examples_of) in _COMMANDS.items():
        group, _, name = command.rpartition(" ")
        groups[group].command(target, name=name, help=told, help_epilogue=_examples(*examples_of))
    return app


def _examples(*commands: str) -> str:
    return "Examples:\n\n```\n" + "\n".join(commands) + "\n```"


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    0 done, 1 done with failures, 2 wrong use or bad input, 3 budget reached, 130 interrupted.

    A traceback is shown with `--debug` only.
    """
    tokens = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in tokens
    tokens = [token for token in tokens if token != "--debug"]
    try:
        code = _app()(tokens, exit_on_error=False, print_error=True)
    except CycloptsError:
        code = 2  # cyclopts has told what is wrong.
    except Pix2CapError as error:
        if debug:
            raise
        _tell(str(error))
        code = error.exit_code
    except KeyboardInterrupt:
        if debug:
            raise
        _tell("interrupted; run the same command again to go on from here")
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): that is no failure of ours.
        sys.stderr.close()
        code = 0
    except Exception as error:
        if debug:
            raise
        _tell(f"internal error, please report it: {type(error).__name__}: {error} (--debug shows where)")
        code = 70
    sys.exit(code if isinstance(code, int) else 0)


def _tell(message: str) -> None:
    print(f"pix2cap: {message}", file=sys.stderr)
