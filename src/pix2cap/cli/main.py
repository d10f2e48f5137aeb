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


def _app() -> App:
    app = App(
        name="pix2cap",
        help="Captions for every pixel: give each panoptic segment its own true caption.",
        help_epilogue="Examples:\n\n    pix2cap demo --out demo\n\n    pix2cap annotate run --help",
        version=__version__,
        config=[_ENVIRONMENT, _FILE],
        help_format="markdown",
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    app.command("pix2cap.cli.demo:demo", name="demo", help="Caption a built-in sample and show it in one page.")
    annotate = App(
        name="annotate",
        help="Caption the segments of your images.",
        help_epilogue="Examples:\n\n    pix2cap annotate plan SOURCE.json --images DIR --masks DIR --model describe\n\n"
        "    pix2cap annotate run SOURCE.json --images DIR --masks DIR --model describe --out RUN",
    )
    annotate.command("pix2cap.cli.annotate_plan:plan", name="plan", help="Count requests, tokens and cost first.")
    annotate.command(
        "pix2cap.cli.annotate_preview:preview", name="preview", help="See what one image would send; send nothing."
    )
    annotate.command("pix2cap.cli.annotate_run:run", name="run", help="Caption every segment, or go on doing so.")
    annotate.command("pix2cap.cli.annotate_status:status", name="status", help="What became of every segment.")
    annotate.command("pix2cap.cli.annotate_export:export", name="export", help="Write the dataset folder.")
    app.command(annotate)
    dataset = App(
        name="dataset",
        help="Work on whole datasets.",
        help_epilogue="Examples:\n\n    pix2cap dataset validate panoptic.json --masks DIR --images DIR\n\n"
        "    pix2cap dataset validate DATASET --format json",
    )
    dataset.command(
        "pix2cap.cli.dataset_validate:validate", name="validate", help="List everything that is inconsistent."
    )
    app.command(dataset)
    app.command("pix2cap.cli.report:report", name="report", help="Show a dataset in one self-contained page.")
    return app


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 done with failures, 2 wrong use or input, 3 budget, 130 interrupted.

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
