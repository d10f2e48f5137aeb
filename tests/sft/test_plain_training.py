"""Any vision-language model through TRL, on our own exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from pix2cap.errors import InputError, UsageError
from pix2cap.sft.plain_training import freeze, plain_part_of
from pix2cap.sft.run_log import read_sft_log
from pix2cap.sft.settings import SftSettings, parse_sft_settings
from pix2cap.sft.stage_trainer import SftProgress
from pix2cap.sft.training import RunOptions, train_sft
from tests.builders.talks import captioned_coco, export
from tests.sft.formats.test_trl_training import small_model, small_processor

pytest.importorskip("trl")
# These libraries warn of each other's deprecations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
CPU = RunOptions(device="cpu")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`rows/`, an export with marks drawn in, and `base/`, a small vision-language model."""
    folder = tmp_path_factory.mktemp("plain")
    coco = captioned_coco(folder / "coco", n_images=2, n_segments=4)
    export(coco, folder / "rows", to="marked", rows="segment")
    export(coco, folder / "others", to="messages")
    rows = [json.loads(line) for line in (folder / "rows/train/metadata.jsonl").read_text().splitlines()]
    processor = small_processor([m["content"] for row in rows for m in row["prompt"] + row["completion"]])
    small_model(processor).save_pretrained(folder / "base")
    processor.save_pretrained(folder / "base")
    return folder


def plain_settings(folders: Path, **changes: Any) -> SftSettings:
    document: dict[str, Any] = {
        "data": {"train": str(folders / "rows")},
        "model": {"base": str(folders / "base"), "kind": "plain", "lora": {"rank": 2}},
        "stages": [{"name": "lora", "train": ["lora"], "lr": 1e-2, "steps": 4, "batch": 2}],
        "log_every": 1,
        "checkpoint_every": 1,
    }
    for name, table in changes.items():
        document[name] = {**document[name], **table} if isinstance(table, dict) else table
    return parse_sft_settings(document)


class Stop(Exception):
    pass


def test_adapters_are_learnt_and_a_crash_changes_nothing(folders: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForImageTextToText, AutoProcessor

    summary = train_sft(plain_settings(folders), tmp_path / "whole", CPU)
    assert summary.steps == 4 and summary.learnt["lora"] > 0
    model = tmp_path / "whole" / "model"
    for path in model.iterdir():
        assert str(folders).encode() not in path.read_bytes(), f"{path.name} tells where files lie"
    AutoProcessor.from_pretrained(model)
    base = AutoModelForImageTextToText.from_pretrained(folders / "base")
    tuned = PeftModel.from_pretrained(base, model)
    adapted = [name for name, _ in tuned.named_parameters() if "lora_B" in name]
    assert adapted and not any("vision" in name for name in adapted)
    assert all(p.abs().max() > 0 for n, p in tuned.named_parameters() if n in adapted)
    records = read_sft_log(tmp_path / "whole" / "log.jsonl")
    assert [r["step"] for r in records] == [1, 2, 3, 4]

    def crash(progress: SftProgress) -> None:
        if progress.step == 3:
            raise Stop

    with pytest.raises(Stop):
        train_sft(plain_settings(folders), tmp_path / "crashed", RunOptions(device="cpu", on_progress=crash))
    train_sft(plain_settings(folders), tmp_path / "crashed", CPU)
    one, other = (load_file(tmp_path / n / "model/adapter_model.safetensors") for n in ("whole", "crashed"))
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_full_weights_learn_and_the_tower_stays(folders: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText

    stages = [{"name": "full", "train": ["projector", "language"], "lr": 1e-2, "steps": 1, "batch": 2}]
    settings = plain_settings(folders, stages=stages, model={"lora": None})
    train_sft(settings, tmp_path, CPU)
    before, after = (
        dict(AutoModelForImageTextToText.from_pretrained(path).named_parameters())
        for path in (folders / "base", tmp_path / "model")
    )
    changed = {plain_part_of(name) for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"projector", "language"}


def test_rows_must_be_an_export_for_trl(folders: Path, tmp_path: Path) -> None:
    for rows, told in (("others", "an export to messages"), ("base", "no export")):
        settings = plain_settings(folders, data={"train": str(folders / rows)})
        with pytest.raises(InputError, match=told):
            train_sft(settings, tmp_path / "run", CPU)
    settings = plain_settings(folders, model={"base": str(folders / "nothing")})
    with pytest.raises(InputError, match="expected a vision-language model"):
        train_sft(settings, tmp_path / "run", CPU)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("model.visual.blocks.3.attn.qkv.weight", "vision"),
        ("model.visual.merger.ln_q.weight", "projector"),
        ("model.language_model.layers.0.mlp.up_proj.weight", "language"),
        ("lm_head.weight", "language"),
        ("model.vision_tower.encoder.layers.0.layer_norm1.weight", "vision"),
        ("model.multi_modal_projector.linear_1.weight", "projector"),
    ],
)
def test_parts_of_families(name: str, part: str) -> None:
    assert plain_part_of(name) == part


def test_there_are_no_regions_to_train() -> None:
    with pytest.raises(UsageError, match="regions"):
        freeze(torch.nn.Linear(1, 1), {"regions"})
