"""A small dataset and a run folder, worked on with scripted models."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.image_work import RunOptions
from pix2cap.annotate.journal import JOURNAL_NAME
from pix2cap.annotate.prompt import load_prompt
from pix2cap.annotate.run import run_annotation
from pix2cap.annotate.settings import AnnotateSettings, RunConfig, SourcePaths
from pix2cap.annotate.status import RunStatus
from pix2cap.formats.open_source import open_source
from pix2cap.vlm.pricing import Price
from tests.builders.panoptic import CocoPaths
from tests.builders.scripted_model import ScriptedModel


def scripted_config(paths: CocoPaths, **settings: Any) -> RunConfig:
    """The configuration of a run over a built dataset."""
    chosen = AnnotateSettings(model="scripted", prompt_sha256=load_prompt().sha256, **settings)
    return RunConfig(SourcePaths(paths.json_path, paths.masks, paths.images), chosen)


def scripted_run(
    paths: CocoPaths,
    run_dir: Path,
    model: ScriptedModel,
    *,
    price: Price | None = Price(0.0, 0.0, "test"),  # noqa: B008
    settings: Mapping[str, Any] | None = None,
    **options: Any,
) -> RunStatus:
    """One session of a run."""
    return run_annotation(
        open_source(paths.json_path, masks=paths.masks, images=paths.images),
        {"scripted": PricedModel(model, price)},
        run_dir,
        config=scripted_config(paths, **(settings or {})),
        template=load_prompt(),
        options=RunOptions(**options),
    )


def journal_sql(run_dir: Path, statement: str) -> list[tuple[Any, ...]]:
    """Ask or change a journal behind the program's back."""
    with contextlib.closing(sqlite3.connect(run_dir / JOURNAL_NAME)) as raw, raw:
        return raw.execute(statement).fetchall()
