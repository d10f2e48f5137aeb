"""Documentation that cannot lie: what it tells to type is typed, what it names exists."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from cyclopts import App, CycloptsError, MissingArgumentError
from scripts.readme_pictures import caption_table, marked_picture, with_table

from pix2cap.annotate.findings import CHECK_NAMES
from pix2cap.annotate.ladder import STAGES
from pix2cap.annotate.migrations import migrate
from pix2cap.annotate.prompt import PLACEHOLDERS
from pix2cap.cli.commands import COMMANDS
from pix2cap.cli.main import _app
from pix2cap.core.caption import CaptionStatus
from pix2cap.demo import Demo, run_demo
from pix2cap.formats.dataset_folder import DATASET

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DOCS = [README, *sorted((ROOT / "docs").glob("*.md"))]
LANGUAGES = {"bash", "python", "json", ""}
NETWORK = re.compile(r"\b(?:pip install|git clone|make (?:demo|test)|openai:|pydantic-ai:)")
MOST_PICTURE_BYTES = 250_000


def _name(path: object) -> str:
    return path.relative_to(ROOT).as_posix() if isinstance(path, Path) else str(path)


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    doc: Path
    line: int
    language: str
    is_run: bool
    text: str

    def __str__(self) -> str:
        return f"{_name(self.doc)}:{self.line}"


def _blocks(doc: Path) -> list[Block]:
    found: list[Block] = []
    opened: tuple[int, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(doc.read_text("utf-8").splitlines(), start=1):
        if not line.startswith("```"):
            lines.append(line)
        elif opened is None:
            opened, lines = (number, line[3:].strip()), []
        else:
            language, _, flag = opened[1].partition(" ")
            assert flag in ("", "no-run"), f"{doc}:{number}: expected no-run or nothing, got {flag!r}"
            found.append(Block(doc, opened[0], language, not flag, "\n".join(lines) + "\n"))
            opened = None
    assert opened is None, f"{doc}: the block of line {opened} is not closed"
    return found


ALL_BLOCKS = [block for doc in DOCS for block in _blocks(doc)]
RUNNABLE = sorted({b.doc for b in ALL_BLOCKS if b.is_run and b.language in ("bash", "python")})


def _prose(doc: Path) -> str:
    return re.sub(r"^```.*?^```$", "", doc.read_text("utf-8"), flags=re.S | re.M)


def _inline_code(doc: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", _prose(doc))


def _commands(script: str) -> Iterator[list[str]]:
    """The calls of a bash script as words; here-documents, comments and assignments are left out."""
    script = re.sub(r"<<'(\w+)'.*?^\1$", "", script, flags=re.S | re.M).replace("\\\n", " ")
    for line in script.splitlines():
        for part in re.split(r"&&|\|\||[|;]", line):
            words = shlex.split(re.split(r"\s[<>]", part)[0], comments=True)
            while words and re.fullmatch(r"\w+=.*", words[0]):
                words.pop(0)
            if words:
                yield words


def _calls(program: str) -> list[tuple[str, list[str]]]:
    blocks = [(str(b), words) for b in ALL_BLOCKS if b.language == "bash" for words in _commands(b.text)]
    inline = [(_name(doc), words) for doc in DOCS for code in _inline_code(doc) for words in _tried(code)]
    return [(where, words) for where, words in blocks + inline if words[0] == program]


def _tried(code: str) -> Iterator[list[str]]:
    if re.match(r"(?:\w+=\S* )*(?:pix2cap|python|make) ", code):
        yield from _commands(code)


@pytest.fixture(scope="module")
def app() -> App:
    return _app()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return run_demo(tmp_path_factory.mktemp("docs") / "demo")


def test_blocks_say_what_they_are() -> None:
    assert {block.language for block in ALL_BLOCKS} <= LANGUAGES
    for block in ALL_BLOCKS:
        if block.language == "json":
            assert json.loads(block.text), block


def test_only_blocks_that_need_a_key_a_server_or_data_are_not_run() -> None:
    for block in ALL_BLOCKS:
        assert block.language == "bash" or block.is_run, f"{block}: only bash may be left unrun"
        if block.is_run and block.language == "bash":
            assert not NETWORK.search(block.text), f"{block}: would need the network"
        if not block.is_run:
            needs = NETWORK.search(block.text) or re.search(
                r"benchmarks/|pix2cap_coco_val|pix2cap review|from-label-studio", block.text
            )
            assert needs, f"{block}: could be run"
    assert sum(block.is_run and block.language in ("bash", "python") for block in ALL_BLOCKS) >= 12


@pytest.mark.parametrize("doc", RUNNABLE, ids=_name)
def test_examples_run_as_they_stand(doc: Path, demo: Demo, tmp_path: Path) -> None:
    blocks = [b for b in _blocks(doc) if b.is_run and b.language in ("bash", "python")]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    if doc != README:  # The README makes its own, as its readers do.
        (tmp_path / "demo").symlink_to(demo.report.parent)
    kept = {
        k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and not k.startswith("PIX2CAP_")
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    for block in blocks:
        program = ["bash", "-euo", "pipefail", "-c"] if block.language == "bash" else [sys.executable, "-c"]
        done = subprocess.run(
            [*program, block.text],
            cwd=tmp_path,
            env={**kept, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{block}\n{block.text}\n{done.stdout}{done.stderr}"
    if doc == README:
        for name in ("demo/report.html", "report.html", "dataset/manifest.json", "annotated/report.html"):
            assert (tmp_path / name).stat().st_size > 1000, f"README's examples made no {name}"


def test_every_command_named_exists_with_its_flags(app: App, tmp_path: Path) -> None:
    calls = _calls("pix2cap")
    assert len(calls) >= 20
    before = Path.cwd()
    os.chdir(tmp_path)  # A pix2cap.toml where the tests run must not fill in what is missing.
    try:
        wrong = [(where, " ".join(words)) for where, words in calls if not _parses(app, words[1:])]
    finally:
        os.chdir(before)
    assert wrong == []


def _parses(app: App, tokens: list[str]) -> bool:
    if tokens[0] in ("--help", "--version"):
        return True
    groups, commands = {name.split()[0] for name in COMMANDS if " " in name}, tokens[:1]
    if tokens[0] in groups:
        if len(tokens) == 1:
            return True
        commands = tokens[:2]
    try:
        for depth in range(len(commands)):
            _sub(app, commands[: depth + 1])
        app.parse_args(tokens, exit_on_error=False, print_error=False)
    except MissingArgumentError:
        return "--" not in " ".join(tokens)  # `pix2cap annotate run` in a sentence names no arguments
    except (CycloptsError, KeyError):
        return False
    return True


def _sub(app: App, path: list[str]) -> App:
    for name in path:
        app = app[name]
    return app


@pytest.mark.parametrize(
    ("tokens", "is_good"),
    [
        (["annotate", "run"], True),
        (["annotate", "run", "x.json", "--out", "y"], True),
        (["annotate", "run", "x.json", "--out", "y", "--nonsense", "1"], False),
        (["annotate", "walk", "x.json"], False),
        (["annotate", "run", "x.json", "--out", "y", "--limit", "many"], False),
        (["annotate", "run", "x.json", "--limit", "2"], False),
        (["scores", "x"], False),
    ],
    ids=str,
)
def test_a_wrong_command_would_be_found(app: App, tokens: list[str], is_good: bool) -> None:
    assert _parses(app, tokens) is is_good


def _flags(app: App) -> set[str]:
    names: set[str] = {"--help", "--version", "--debug"}
    for command in COMMANDS:
        names |= {n for a in _sub(app, command.split()).assemble_argument_collection() for n in a.names}
    return names


def test_every_flag_named_in_a_sentence_exists(app: App) -> None:
    known = _flags(app) | _script_flags("benchmarks") | _script_flags("examples")
    named = {
        (_name(doc), flag)
        for doc in DOCS
        for code in _inline_code(doc)
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", code)
    }
    assert {flag for _, flag in named} >= {"--max-cost", "--retry-failed", "--masks"}
    assert [(doc, flag) for doc, flag in sorted(named) if flag not in known] == []


def _script_flags(folder: str) -> set[str]:
    texts = (path.read_text("utf-8") for path in (ROOT / folder).glob("*.py"))
    return {flag for text in texts for flag in re.findall(r'add_argument\(\s*"(--[a-z-]+)"', text)}


def test_scripts_named_exist_with_their_flags() -> None:
    calls = [(where, words) for where, words in _calls("python") if words[1].endswith(".py")]
    assert len(calls) >= 6
    for where, words in calls:
        script = ROOT / words[1]
        assert script.is_file(), f"{where}: {words[1]}"
        known = re.findall(r'add_argument\(\s*"(--[a-z-]+)"', script.read_text("utf-8"))
        assert [w for w in words if w.startswith("--") and w not in known] == [], where


def test_make_targets_and_extras_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.M))
    calls = _calls("make")
    assert {words[1] for _, words in calls} <= targets
    assert {"demo", "test"} <= {words[1] for _, words in calls}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    texts = "".join(doc.read_text("utf-8") for doc in DOCS)
    named = set(re.findall(r"'?\.\[(\w+)\]", texts))
    assert {"vendors"} <= named <= set(extras)


def _links(doc: Path) -> list[str]:
    return [t for t in re.findall(r"\]\(([^)\s]+)\)", _prose(doc)) if not t.startswith(("http:", "https:"))]


@pytest.mark.parametrize("doc", DOCS, ids=_name)
def test_links_and_pictures_exist(doc: Path) -> None:
    for target in _links(doc):
        path, _, anchor = target.partition("#")
        where = (doc.parent / path).resolve() if path else doc
        assert where.is_relative_to(ROOT) and where.exists(), f"{_name(doc)}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", where.read_text("utf-8"), re.M)
            slugs = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in slugs, f"{_name(doc)}: {target}"


def test_every_document_and_picture_can_be_reached() -> None:
    linked = {(doc.parent / target.partition("#")[0]).resolve() for doc in DOCS for target in _links(doc)}
    present = {path for path in (ROOT / "docs").rglob("*") if path.is_file()}
    assert {_name(path) for path in present - linked} == set()


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "img").iterdir()), ids=_name)
def test_pictures_are_small(picture: Path) -> None:
    assert picture.stat().st_size <= MOST_PICTURE_BYTES


def test_captions_in_the_readme_are_those_of_today(demo: Demo) -> None:
    text = README.read_text("utf-8")
    table = caption_table(demo.dataset)
    assert table.count("\n") >= 6
    assert with_table(text, table) == text, "run scripts/readme_pictures.py"


def test_the_marked_picture_is_that_of_today(demo: Demo) -> None:
    drawn = marked_picture(demo.dataset).astype(np.int16)
    stored = cv2.imread(str(ROOT / "docs" / "img" / "marked.jpg"), cv2.IMREAD_COLOR)
    assert stored is not None and stored.shape == drawn.shape
    # Another libjpeg may decode another bit; a moved label differs by hundreds in many places.
    apart = np.abs(stored[..., ::-1].astype(np.int16) - drawn).max(axis=-1)
    assert (apart > 100).mean() < 0.001, "run scripts/readme_pictures.py"


def _first_column(doc: Path, head: str) -> list[str]:
    """Code in the first column of the table whose header begins so."""
    lines = doc.read_text("utf-8").splitlines()
    (start,) = [n for n, line in enumerate(lines) if line.startswith(f"| {head} |")]
    rows: list[str] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(line.split("|")[1].strip())
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row) or [row]]


def test_tables_name_what_the_code_names() -> None:
    assert _first_column(README, "check") == list(CHECK_NAMES)
    assert _first_column(README, "status") == [status.value for status in CaptionStatus]
    assert _first_column(README, "exit code") == ["0", "1", "2", "3", "70", "130"]
    files = {name.rstrip("/") for name in _first_column(README, "file")}
    assert files == set(DATASET.entries) - {"images"}
    assert _first_column(ARCHITECTURE, "rung") == list(STAGES)
    assert _first_column(ROOT / "docs" / "prompt.md", "placeholder") == list(PLACEHOLDERS)


def test_the_journal_has_the_tables_that_the_map_names() -> None:
    import sqlite3

    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "journal")
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert set(_first_column(ARCHITECTURE, "table")) == tables


def test_the_map_shows_every_room_and_only_modules_that_exist() -> None:
    diagram = next(block for block in _blocks(ARCHITECTURE) if not block.language)
    rooms = set(re.findall(r"^([a-z]+(?:  [a-z]+)*)  ", diagram.text, re.M))
    shown = {room for line in rooms for room in line.split()}
    source = ROOT / "src" / "pix2cap"
    present = {path.parent.name for path in source.glob("*/__init__.py")} | {"demo", "doctor", "errors"}
    assert shown == present
    modules = {code for doc in DOCS for code in _inline_code(doc) if re.fullmatch(r"[\w/]+\.py", code)}
    assert len(modules) >= 15
    missing = [m for m in sorted(modules) if not (source / m).is_file() and not (ROOT / m).is_file()]
    assert missing == []


def test_benchmarks_leave_room_for_the_numbers() -> None:
    assert (ROOT / "docs" / "benchmarks.md").read_text("utf-8").count("<!-- numbers -->") == 1
