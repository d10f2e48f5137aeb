"""The house rules that a machine can hold: sizes, names, imports, and what is in the wheel."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src" / "pix2cap"
MODULES = sorted(SRC.rglob("*.py"))
ASSETS = sorted(path for suffix in ("js", "css", "j2") for path in SRC.rglob(f"*.{suffix}"))
ROOMS = sorted(path.parent for path in SRC.glob("*/__init__.py"))

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 50
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc"}
HEAVY = (
    *("cv2", "pyarrow", "skimage", "scipy", "pycocotools", "aiohttp"),
    *("torch", "tokenizers", "safetensors", "transformers", "datasets", "peft", "trl"),
)


def _name(path: Path) -> str:
    return path.relative_to(SRC).as_posix()


@pytest.mark.parametrize("path", [*MODULES, *ASSETS], ids=_name)
def test_a_module_is_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_MODULE_LINES, f"{path}: expected at most {MAX_MODULE_LINES} lines, got {lines}"


def _lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, its docstring aside: explaining a function must not cost it code."""
    assert function.end_lineno is not None
    first = function.body[0]
    docstring = 0
    if ast.get_docstring(function) is not None:
        assert first.end_lineno is not None
        docstring = first.end_lineno - first.lineno + 1
    return function.end_lineno - function.lineno + 1 - docstring


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_functions_are_short(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    long = [
        f"{path}:{node.lineno} {node.name}: {_lines_of(node)} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _lines_of(node) > MAX_FUNCTION_LINES
    ]
    assert not long, f"expected functions of at most {MAX_FUNCTION_LINES} lines, got {long}"


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = [_name(path) for path in SRC.rglob("*") if path.stem.strip("_") in FORBIDDEN_NAMES]
    assert named == []


def test_imports_go_one_way() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_line_loads_nothing_heavy() -> None:
    script = (
        "import json, sys, pix2cap.cli.main\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_torch_is_no_dependency_of_the_base_install() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [name for name in project["dependencies"] if name.startswith(("torch", "transformers"))] == []


@pytest.mark.parametrize("room", ROOMS, ids=lambda path: path.name)
def test_public_names_of_a_room_exist(room: Path) -> None:
    module = importlib.import_module(f"pix2cap.{room.name}")
    names = getattr(module, "__all__", [])
    assert list(names) == sorted(set(names), key=list(names).index), "a name stands twice"
    for name in names:
        assert getattr(module, name) is not None
    assert module.__doc__


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
        lines = archive.read(metadata).decode().splitlines()
    torch = [line for line in lines if line.startswith("Requires-Dist: torch")]
    assert torch and all("extra ==" in line for line in torch)
    present = {
        path.relative_to(SRC.parent).as_posix()
        for path in SRC.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == present


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("pix2cap/py.typed", "the typing marker"),
        ("pix2cap/annotate/prompts/*", "prompts"),
        ("pix2cap/report/assets/page.html.j2", "the report's page"),
        ("pix2cap/report/assets/*.js", "the report's scripts"),
        ("pix2cap/scenes/*.json", "outlines of the photos"),
    ],
    ids=lambda value: value.split("/")[-1],
)
def test_the_wheel_has_its_data(wheel: Path, pattern: str, what: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = [name for name in archive.namelist() if Path(name).match(pattern)]
    assert found, f"{what} ({pattern}) not in the wheel"


def test_the_demo_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "a target"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-index", "--target", target, wheel], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}
    where = [sys.executable, "-c", "import pix2cap; print(pix2cap.__file__)"]
    origin = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert Path(origin.stdout.strip()).is_relative_to(target), "the checkout would be tested, not the wheel"
    demo = subprocess.run(
        [sys.executable, "-m", "pix2cap", "demo", "--out", "shown"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    page = (tmp_path / "shown" / "report.html").read_text(encoding="utf-8")
    assert page.count('<article class="card"') >= 4
    panoptic = json.loads((tmp_path / "shown" / "dataset" / "panoptic.json").read_text(encoding="utf-8"))
    statuses = [s["caption_status"] for a in panoptic["annotations"] for s in a["segments_info"]]
    assert statuses.count("captioned") > len(statuses) / 2
