"""Folders of weights: what is saved is what is read, and what does not fit is told."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pix2cap.errors import InputError
from pix2cap.model.captioner import PanopticCaptioner
from pix2cap.model.weights import load_weights, save_weights
from tests.builders.published import CATEGORIES, SMALL, pix2cap_state


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_weights(tmp_path / "w", pix2cap_state(), SMALL, CATEGORIES, notes={"source": "x.pt"})
    return tmp_path / "w"


def _rewritten(folder: Path, **metadata: str) -> Path:
    """The file of the folder with other metadata."""
    file = folder / "model.safetensors"
    state = load_file(file)
    whole = {"format": "pix2cap", "config": SMALL.to_json(), "categories": "[]"} | metadata
    save_file(state, file, metadata=whole)
    return folder


@pytest.mark.parametrize("name", ["", "model.safetensors"], ids=["folder", "file"])
def test_what_is_saved_is_read(folder: Path, name: str) -> None:
    loaded = load_weights(folder / name)
    assert loaded.config == SMALL and loaded.categories == CATEGORIES and loaded.folder == folder
    assert loaded.notes == {"source": "x.pt"}
    state = pix2cap_state()
    assert loaded.state.keys() == state.keys()
    assert all(torch.equal(loaded.state[key], state[key]) for key in state)
    PanopticCaptioner(loaded.config).load_state_dict(loaded.state, strict=True)
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]


def test_a_trained_model_and_tied_words_can_be_saved(tmp_path: Path) -> None:
    model = PanopticCaptioner(SMALL)
    textual = model.predictor.text_decoder.textual
    assert textual.output.weight is textual.embedding.words.weight
    save_weights(tmp_path, model.state_dict(), SMALL, CATEGORIES)
    state = load_weights(tmp_path).state
    prefix = "sem_seg_head.predictor.text_decoder.textual."
    assert torch.equal(state[f"{prefix}output.weight"], state[f"{prefix}embedding.words.weight"])
    transposed = model.state_dict() | {
        "backbone.layers.0.blocks.0.modulation.proj.weight": torch.rand(8, 8).T
    }
    save_weights(tmp_path, transposed, SMALL, CATEGORIES)
    read = load_weights(tmp_path).state["backbone.layers.0.blocks.0.modulation.proj.weight"]
    assert torch.equal(read, transposed["backbone.layers.0.blocks.0.modulation.proj.weight"])


def test_others_may_read_the_file_as_any_other(folder: Path) -> None:
    plain = folder / "plain"
    plain.touch()
    assert (folder / "model.safetensors").stat().st_mode == plain.stat().st_mode


def test_the_file_says_what_it_is_to_every_reader(folder: Path) -> None:
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", framework="numpy") as opened:
        metadata = opened.metadata()
    assert metadata["format"] == "pix2cap"
    assert json.loads(metadata["config"])["queries"] == SMALL.queries
    assert json.loads(metadata["categories"])[2] == {"id": 9, "name": "sky-other-merged", "isthing": 0}


def test_wrong_categories_and_notes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected 3 categories, got 2"):
        save_weights(tmp_path, {}, SMALL, CATEGORIES[:2])
    with pytest.raises(ValueError, match="notes of other names"):
        save_weights(tmp_path, {}, SMALL, CATEGORIES, notes={"config": "x"})


def test_a_failed_save_leaves_the_old_file(folder: Path) -> None:
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(NotImplementedError):
        save_weights(folder, {"x": torch.empty(3, device="meta")}, SMALL, CATEGORIES)
    assert (folder / "model.safetensors").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]


def test_no_folder_of_weights(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"folder of weights, got nothing of that name; `pix2cap weights convert"
    ):
        load_weights(tmp_path / "none")
    with pytest.raises(InputError, match=r"a folder without model\.safetensors"):
        load_weights(tmp_path)
    torch.save({}, tmp_path / "x.pt")
    with pytest.raises(InputError, match=r"x\.pt: expected a folder of weights .*weights convert"):
        load_weights(tmp_path / "x.pt")
    (tmp_path / "model.safetensors").write_text("no weights")
    with pytest.raises(InputError, match=r"model\.safetensors: expected a safetensors file"):
        load_weights(tmp_path)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"format": "pt"}, "no configuration inside"),
        ({"config": "{"}, "expected a model configuration as JSON"),
        ({"config": '{"size": 3}'}, "unknown size"),
        ({"config": '{"depths": [1]}'}, "four stages"),
        ({"categories": "[3]"}, "list of categories with id, name and isthing"),
        ({"categories": ""}, "list of categories"),
        ({"categories": "[]"}, "expected 3 categories inside, got 0"),
    ],
    ids=str,
)
def test_metadata_that_is_not_ours(folder: Path, metadata: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        load_weights(_rewritten(folder, **metadata))


def test_tensors_of_another_configuration(folder: Path) -> None:
    other = dataclasses.replace(SMALL, queries=9, decoder_layers=3)
    with pytest.raises(InputError) as refused:
        load_weights(_rewritten(folder, config=other.to_json()))
    told = str(refused.value)
    assert "missing: sem_seg_head.predictor.transformer_self_attention_layers.2" in told
    assert (
        "of another shape: sem_seg_head.predictor.self_attn_mask is [1, 16, 16] instead of [1, 19, 19]"
        in told
    )
    assert "pix2cap weights inspect" in told


def test_a_cut_file(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match="expected a safetensors file"):
        load_weights(folder)
