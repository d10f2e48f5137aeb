"""`run.toml`: what it remembers, what it does not tell, and what may differ between sessions."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.annotate.settings import CONFIG_NAME, AnnotateSettings, RunConfig, SourcePaths
from pix2cap.errors import InputError, RunMismatch

SETTINGS = AnnotateSettings(model="openai:gpt-4o", prompt="segments v1", prompt_sha256="ab" * 32)


def config(folder: Path, **settings: object) -> RunConfig:
    return RunConfig(
        SourcePaths(folder / "panoptic.json", folder / "masks", folder / "images"),
        replace(SETTINGS, **settings),  # type: ignore[arg-type]
    )


@given(
    temperature=st.none() | st.floats(0, 2),
    seed=st.none() | st.integers(0, 2**31),
    strong=st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])),
    language=st.sampled_from(["en", "de", "Klingon"]),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    temperature: float | None,
    seed: int | None,
    strong: str | None,
    language: str,
) -> None:
    folder = tmp_path_factory.mktemp("run")
    written = config(
        folder.parent, temperature=temperature, seed=seed, strong_model=strong, language=language
    )
    written.write(folder)
    read = RunConfig.read(folder)
    assert read.settings == written.settings
    assert read.paths.source.resolve() == written.paths.source.resolve()
    assert read.sends_the_same(written)


def test_paths_are_relative_to_the_run(tmp_path: Path) -> None:
    (tmp_path / "deep" / "run").mkdir(parents=True)
    config(tmp_path / "data").write(tmp_path / "deep" / "run")
    text = (tmp_path / "deep" / "run" / CONFIG_NAME).read_text()
    assert 'source = "../../data/panoptic.json"' in text
    assert str(tmp_path) not in text
    assert sorted(p.name for p in (tmp_path / "deep" / "run").iterdir()) == [CONFIG_NAME]


def test_paths_left_out_stay_left_out(tmp_path: Path) -> None:
    RunConfig(SourcePaths(tmp_path / "dataset"), SETTINGS).write(tmp_path)
    read = RunConfig.read(tmp_path)
    assert (read.paths.masks, read.paths.images) == (None, None)


def test_settings_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    config(tmp_path).write(tmp_path)
    path = tmp_path / CONFIG_NAME
    path.write_text(path.read_text().replace("[settings]", "[settings]\nbeam_size = 4"))
    assert RunConfig.read(tmp_path).settings == SETTINGS


def test_every_difference_is_named(tmp_path: Path) -> None:
    mine, theirs = config(tmp_path), config(tmp_path, max_marks=3, language="de")
    with pytest.raises(RunMismatch, match=r"language: en then, de now; max_marks: 12 then, 3 now") as caught:
        mine.require_same(theirs, tmp_path / "run")
    assert "another --out" in str(caught.value)
    mine.require_same(mine, tmp_path)


def test_a_place_counts_only_while_it_is_there(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "panoptic.json").write_text("{}")
    mine, moved = config(old), config(new)
    with pytest.raises(RunMismatch, match=r"source: .*old.* then, .*new.* now"):
        mine.require_same(moved, tmp_path)
    (old / "panoptic.json").unlink()
    assert mine.sends_the_same(moved)
    assert not mine.sends_the_same(config(new, max_tokens=9))


def test_the_same_place_by_another_way(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "panoptic.json").write_text("{}")
    (tmp_path / "link").symlink_to("data")
    around = Path(os.path.relpath(tmp_path / "link", Path.cwd()))
    assert config(tmp_path / "data").sends_the_same(config(around))


@pytest.mark.parametrize(
    "text",
    [
        "= =",
        "",
        "paths = 1\nsettings = 2",
        "[paths]\nsource = 'x'",
        "[paths]\nsource = 1\n[settings]\nmodel = 'm'",
        "[paths]\nsource = 'x'\nfoo = 'y'\n[settings]\nmodel = 'm'",
        "[paths]\nsource = 'x'\n[settings]\nlanguage = 'de'",
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / CONFIG_NAME).write_text(text)
    with pytest.raises(InputError, match=r"run\.toml: expected a run configuration"):
        RunConfig.read(tmp_path)


def test_no_text_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="annotate run"):
        RunConfig.read(tmp_path)
    (tmp_path / CONFIG_NAME).write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="expected a run configuration"):
        RunConfig.read(tmp_path)
