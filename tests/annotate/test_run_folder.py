"""Which folders a run may begin in, go on in, or must leave alone."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from pix2cap.annotate.journal import JOURNAL_NAME, Journal
from pix2cap.annotate.run_folder import open_run
from pix2cap.annotate.settings import RunConfig
from pix2cap.errors import InputError, ModelUnavailable, RunMismatch, UsageError
from tests.builders.bench import journal_sql, scripted_config, scripted_run
from tests.builders.panoptic import CocoPaths, build_coco_panoptic
from tests.builders.scripted_model import ScriptedModel


@pytest.fixture
def paths(tmp_path: Path) -> CocoPaths:
    return build_coco_panoptic(tmp_path / "data", n_segments=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "run"
    made.mkdir()
    return made


def opens(folder: Path, config: RunConfig) -> bool:
    with contextlib.closing(open_run(folder, config)) as journal:
        return isinstance(journal, Journal)


@pytest.mark.parametrize(
    "left", [[], ["run.lock"], ["run.toml"], ["run.toml.new", "reserve.bin"], ["run.toml", JOURNAL_NAME]]
)
def test_what_a_kill_at_the_start_leaves_is_no_hindrance(
    paths: CocoPaths, folder: Path, left: list[str]
) -> None:
    config = scripted_config(paths)
    for name in left:
        (folder / name).write_bytes(b"")
    if "run.toml" in left:
        config.write(folder)
    assert opens(folder, config)
    assert RunConfig.read(folder).sends_the_same(config)


@pytest.mark.parametrize("name", ["thesis.txt", "poetry.lock", "panoptic.json"])
def test_files_of_others(paths: CocoPaths, folder: Path, name: str) -> None:
    (folder / name).write_text("mine")
    with pytest.raises(UsageError, match=rf"found other files \({name}\)"):
        open_run(folder, scripted_config(paths))
    assert [path.name for path in folder.iterdir()] == [name]


def test_paid_replies_keep_their_settings(paths: CocoPaths, folder: Path) -> None:
    scripted_run(paths, folder, ScriptedModel(), limit=1)
    with pytest.raises(RunMismatch, match="max_marks"):
        open_run(folder, scripted_config(paths, max_marks=2))
    assert opens(folder, scripted_config(paths))


def test_without_replies_other_settings_begin_anew(paths: CocoPaths, folder: Path) -> None:
    down = ScriptedModel(lambda _: ModelUnavailable("refused", unreachable=True))
    with pytest.raises(ModelUnavailable):
        scripted_run(paths, folder, down)
    other = scripted_config(paths, max_marks=2)
    assert opens(folder, other)
    assert RunConfig.read(folder).settings == other.settings
    assert journal_sql(folder, "SELECT count(*) FROM images") == [(0,)]


def test_without_replies_the_same_settings_keep_the_journal(paths: CocoPaths, folder: Path) -> None:
    down = ScriptedModel(lambda _: ModelUnavailable("refused", unreachable=True))
    with pytest.raises(ModelUnavailable):
        scripted_run(paths, folder, down)
    assert opens(folder, scripted_config(paths))
    assert journal_sql(folder, "SELECT count(*) FROM images") == [(2,)]


def test_a_lost_journal_is_not_paid_for_again(paths: CocoPaths, folder: Path) -> None:
    scripted_run(paths, folder, ScriptedModel())
    (folder / JOURNAL_NAME).write_bytes(b"")
    with pytest.raises(InputError, match="one without content"):
        open_run(folder, scripted_config(paths))
    (folder / JOURNAL_NAME).unlink()
    with pytest.raises(InputError, match="no such file"):
        open_run(folder, scripted_config(paths))


def test_lost_settings_are_not_guessed(paths: CocoPaths, folder: Path) -> None:
    scripted_run(paths, folder, ScriptedModel())
    (folder / "run.toml").unlink()
    with pytest.raises(InputError, match=r"run\.toml: expected the settings"):
        open_run(folder, scripted_config(paths))
    assert not (folder / "run.toml").exists()


def test_a_journal_of_a_later_version(paths: CocoPaths, folder: Path) -> None:
    scripted_run(paths, folder, ScriptedModel())
    journal_sql(folder, "INSERT INTO migrations VALUES (99, 'm099', 'later')")
    with pytest.raises(InputError, match="upgrade pix2cap"):
        open_run(folder, scripted_config(paths))
    with pytest.raises(InputError, match="upgrade pix2cap"):
        Journal(folder / JOURNAL_NAME, writable=False)
