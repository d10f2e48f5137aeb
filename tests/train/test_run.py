"""Training the real model on rendered scenes: from a configuration to weights that predict."""

from __future__ import annotations

import dataclasses
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import torch

from pix2cap.errors import InputError, RunMismatch, UsageError
from pix2cap.evaluate.panoptic_captioning import evaluate_panoptic_captioning
from pix2cap.model.weights import load_weights
from pix2cap.train.assemble import assemble
from pix2cap.train.class_sentences import ClassSentences
from pix2cap.train.log import LOG_NAME, read_log
from pix2cap.train.predict_options import PredictOptions
from pix2cap.train.predictor import load_predictor
from pix2cap.train.run import train
from pix2cap.train.settings import TrainSettings
from pix2cap.train.settings_file import parse_settings, read_settings
from pix2cap.train.task import TrainProgress
from tests.builders.training import build_scenes

CONFIGS = Path(__file__).resolve().parents[2] / "configs"

NANO: dict[str, Any] = {
    "preset": "tiny",
    "embed_dim": 8,
    "depths": [1, 1, 1, 1],
    "conv_dim": 32,
    "mask_dim": 32,
    "hidden_dim": 32,
    "feedforward_dim": 32,
    "decoder_layers": 1,
    "queries": 12,
    "projection_dim": 32,
    "text_width": 16,
    "object_dim": 32,
    "caption_width": 32,
    "caption_layers": 1,
    "caption_feedforward": 32,
    "caption_vocabulary": 400,
    "caption_max_tokens": 6,
    "object_threshold": 0.0,
    "overlap_threshold": 0.0,
}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    build_scenes(folder / "train", images=5, side=64, seed=1)
    build_scenes(folder / "val", images=3, side=64, seed=2)
    return folder


def _settings(scenes: Path, **tables: dict[str, Any]) -> TrainSettings:
    document: dict[str, Any] = {
        "data": {
            "train": str(scenes / "train"),
            "val": str(scenes / "val"),
            "image_size": 64,
            "min_scale": 0.8,
            "max_scale": 1.2,
            "cache_mib": 16,
        },
        "model": NANO,
        "optim": {"lr": 1e-3, "batch": 2, "ema": 0.9},
        "schedule": {"steps": 4},
        "loss": {"points": 64},
        "log": {"every": 1, "checkpoint_every": 2},
        "eval": {"every": 0, "limit": 2, "metrics": ["rouge_l", "bleu"]},
    }
    for name, table in tables.items():
        document[name] = {**document[name], **table}
    return parse_settings(document)


def _numbers(run_dir: Path) -> list[Any]:
    return [
        (r["step"], r["losses"], r["grad_norm"]) if r["event"] == "train" else (r["step"], r["scores"])
        for r in read_log(run_dir / LOG_NAME)
        if r["event"] != "session"
    ]


@pytest.fixture(scope="module")
def run_dir(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    summary = train(_settings(scenes), out, device="cpu")
    assert summary.weights == out / "weights" and summary.best == out / "best"
    return out


def test_a_run_leaves_what_the_next_steps_need(run_dir: Path) -> None:
    records = read_log(run_dir / LOG_NAME)
    assert [r["step"] for r in records if r["event"] == "train"] == [1, 2, 3, 4]
    assert {"class_0", "mask_0", "dice_0", "caption_0"} <= records[1]["losses"].keys()
    scores = [r for r in records if r["event"] == "eval"]
    assert [r["step"] for r in scores] == [4]
    assert 0 <= scores[0]["scores"]["panoptic.all.pq"] <= 1
    page = (run_dir / "curves.html").read_text("utf-8")
    assert page.count("<svg") >= 5 and "Panoptic quality" in page
    resolved = tomllib.loads((run_dir / "run.toml").read_text("utf-8"))
    assert resolved["facts"]["train_images"] == 5
    assert resolved["facts"]["model"]["queries"] == 12
    assert resolved["facts"]["model"]["test_max_side"] == 64
    assert len(resolved["facts"]["train_sha256"]) == 64


def test_the_weights_predict(run_dir: Path, scenes: Path) -> None:
    loaded = load_weights(run_dir / "weights")
    assert [c.name for c in loaded.categories][:1]
    predictor = load_predictor(run_dir / "weights", PredictOptions(device="cpu"))
    rgb = np.zeros((64, 64, 3), np.uint8)
    (predicted,) = predictor.predict([rgb], [(64, 64)])
    assert predicted.id_map.shape == (64, 64)


def test_scores_of_an_evaluation_are_those_of_the_score_command(run_dir: Path) -> None:
    folder = run_dir / "evaluation"
    kept = orjson.loads((folder / "ground_truth.json").read_bytes())
    assert len(kept["annotations"]) == 2
    (noted,) = [r["scores"] for r in read_log(run_dir / LOG_NAME) if r["event"] == "eval"]
    train_toml = tomllib.loads((run_dir / "run.toml").read_text("utf-8"))
    masks = run_dir / train_toml["data"]["val"] / "panoptic"
    result = evaluate_panoptic_captioning(
        folder / "ground_truth.json", folder, gt_masks=masks, metrics=["rouge_l"], bootstrap=0
    )
    assert noted["panoptic.all.pq"] == result.panoptic.all.pq
    assert noted["caption_pq.rouge_l"] == result.value("caption_pq.rouge_l")


def test_cut_off_anywhere_the_real_model_goes_on_exactly(run_dir: Path, scenes: Path, tmp_path: Path) -> None:
    def cut(progress: TrainProgress) -> None:
        if progress.step == 3:
            raise ConnectionError("as if the machine went away")

    with pytest.raises(ConnectionError):
        train(_settings(scenes), tmp_path / "run", device="cpu", on_progress=cut)
    told: list[str] = []
    train(_settings(scenes), tmp_path / "run", device="cpu", on_start=told.append)
    assert told == ["going on after step 2 of 4"]
    assert _numbers(tmp_path / "run") == _numbers(run_dir)
    again = load_weights(tmp_path / "run" / "weights").state
    for key, value in load_weights(run_dir / "weights").state.items():
        assert torch.equal(again[key], value), key


def test_other_data_are_refused(run_dir: Path, scenes: Path, tmp_path: Path) -> None:
    shutil.copytree(run_dir, tmp_path / "run")
    other = build_scenes(tmp_path / "other", images=5, side=64, seed=9)
    settings = _settings(scenes, data={"train": str(other)})
    with pytest.raises(RunMismatch, match="train_sha256"):
        train(settings, tmp_path / "run", device="cpu")


def test_weights_are_a_start(run_dir: Path, scenes: Path, tmp_path: Path) -> None:
    start = {"weights": str(run_dir / "weights")}
    task, _, facts = assemble(
        parse_settings({"data": {"train": str(scenes / "train"), "image_size": 64}, "model": start}),
        tmp_path,
        tell=lambda _: None,
    )
    state = load_weights(run_dir / "weights").state
    for key, value in task.model.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert facts["model"]["queries"] == 12
    assert not list(tmp_path.iterdir()), "the weights have vocabularies, none is to be learnt"
    with pytest.raises(InputError, match=r"weights: expected weights of the configuration in \[model\]"):
        assemble(
            parse_settings({"data": {"train": str(scenes / "train")}, "model": {**start, "queries": 9}}),
            tmp_path,
            tell=lambda _: None,
        )


def test_weights_start_other_classes(run_dir: Path, scenes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(scenes / "train", other)
    document = orjson.loads((other / "panoptic.json").read_bytes())
    document["categories"].append({"id": 999, "name": "unicorn", "isthing": 1})
    (other / "panoptic.json").write_bytes(orjson.dumps(document))
    model = {"weights": str(run_dir / "weights")}
    task, _, _ = assemble(
        parse_settings({"data": {"train": str(other)}, "model": model}), tmp_path, tell=lambda _: None
    )
    assert task.model.config.classes == len(document["categories"])
    assert task.data.categories[-1].name == "unicorn"
    batch = next(iter(_small_batches(task)))
    assert all(value.isfinite() for value in task.losses(batch, 0).values())


def _small_batches(task: Any) -> Any:
    optim = dataclasses.replace(task.settings.optim, batch=1)
    data = dataclasses.replace(task.settings.data, image_size=64)
    task.settings = dataclasses.replace(task.settings, optim=optim, data=data)
    (batch,) = next(task.batches(0, rank=0, devices=1))
    return [batch]


def test_data_and_batches_that_do_not_fit_are_told(scenes: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        train(_settings(scenes, data={"train": str(scenes / "nowhere")}), tmp_path / "a", device="cpu")
    task, _, _ = assemble(_settings(scenes), tmp_path, tell=lambda _: None)
    with pytest.raises(UsageError, match=r"optim\.batch: expected a multiple of 3 devices"):
        next(task.batches(0, rank=0, devices=3))


def test_steps_see_the_same_pictures_however_they_are_split(scenes: Path, tmp_path: Path) -> None:
    task, _, _ = assemble(_settings(scenes), tmp_path, tell=lambda _: None)
    (whole,) = next(task.batches(3, rank=0, devices=1))
    parts = [next(task.batches(3, rank=rank, devices=2))[0] for rank in (0, 1)]
    assert torch.equal(whole.images, torch.cat([part.images for part in parts]))


def test_a_frozen_text_encoder_embeds_each_sentence_once(scenes: Path, tmp_path: Path) -> None:
    task, _, _ = assemble(_settings(scenes), tmp_path, tell=lambda _: None)
    names = [category.name for category in task.data.categories]
    learning, frozen = (
        ClassSentences(names, task.classes, sentences="all", is_frozen=is_frozen, seed=3)
        for is_frozen in (False, True)
    )
    for step in (0, 1):
        fresh, kept = learning.embed(task.model, step), frozen.embed(task.model, step)
        assert fresh.requires_grad and not kept.requires_grad
        assert torch.allclose(fresh, kept, atol=1e-5)
    assert learning.prompts(0) != learning.prompts(1)
    assert torch.equal(frozen.embed(task.model, 1), kept)
    # Cut behind the longest end: the same numbers as with whole rows.
    rows = [torch.from_numpy(task.classes.encode([prompt])) for prompt in learning.prompts(0)]
    assert torch.allclose(task.model.class_embeddings(rows), learning.embed(task.model, 0), atol=1e-5)
    first = ClassSentences(names, task.classes, sentences="first", is_frozen=False, seed=3)
    assert first.prompts(0) == first.prompts(9)
    assert torch.allclose(first.embed(task.model, 0), first.embed_for_test(task.model), atol=1e-5)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("[!s]*.toml")), ids=lambda path: path.stem)
def test_shipped_configurations_are_sound(path: Path) -> None:
    # Those of fine-tuning, sft_*.toml, have settings and a test of their own.
    settings = read_settings(path)
    assert settings.data.val is not None


def test_the_published_configuration_is_published() -> None:
    settings = read_settings(CONFIGS / "focal_l_published.toml")
    plain = parse_settings({"data": {"train": "a"}})
    frozen = ("backbone", "pixel_decoder", "text_encoder", "query_embeddings")
    assert settings.optim == dataclasses.replace(plain.optim, freeze=frozen)
    assert settings.schedule == plain.schedule
    assert (settings.data.min_caption_chars, settings.data.place_captions) == (3, "keep")
