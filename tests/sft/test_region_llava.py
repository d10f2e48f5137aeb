"""The wrapped model: what regions change, and what they leave as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pix2cap.errors import InputError, UsageError
from pix2cap.sft.collate import RegionCollator
from pix2cap.sft.region_features import RegionConfig
from pix2cap.sft.region_files import LEARNT_OF_BASE, load_region_llava, save_region_llava
from pix2cap.sft.region_llava import LoraSettings, RegionLlava, check_llava
from pix2cap.sft.region_processor import RegionProcessor, Turn
from tests.builders.tiny_lmm import REGION, halves, tiny_pair

ASK = Turn("Describe the region <region> in one sentence.", "a red square", (7,))
BOTH = [ASK, Turn("And <region>?", "a blue square", (5,))]


def batch_of(processor: RegionProcessor, *conversations: list[Turn], left: bool = False) -> dict[str, Tensor]:
    samples = [processor.sample(*halves(), turns) for turns in conversations]
    return RegionCollator(processor.tokenizer.pad_token_id, left=left)(samples)


@torch.no_grad()
def test_without_regions_it_is_the_wrapped_model() -> None:
    model, processor = tiny_pair()
    batch = batch_of(processor, [Turn("What is it?", "grass")], [Turn("Well?", "a long way of grass")])
    ours = model(**batch)
    theirs = model.llava(**{n: batch[n] for n in ("input_ids", "attention_mask", "pixel_values", "labels")})
    torch.testing.assert_close(ours["logits"], theirs.logits)
    torch.testing.assert_close(ours["loss"], theirs.loss)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["llava", "vipllava"])
def test_a_picture_is_read_as_the_wrapped_model_reads_it(kind: str) -> None:
    """Also where the projector takes several layers, or keeps the class token."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    small, processor = tiny_pair()
    record = small.config.to_dict()
    changes = {"vision_feature_layers": [-2, -1]} if kind == "vipllava" else {"vision_feature_layer": [-2, 1]}
    unused = "vision_feature_layer" if kind == "vipllava" else "vision_feature_layers"
    record = {k: v for k, v in record.items() if k not in (unused, "model_type")} | changes
    torch.manual_seed(0)
    llava = AutoModelForImageTextToText.from_config(AutoConfig.for_model(kind, **record)).eval()
    model = RegionLlava(
        llava, None, image_token_id=small.image_token_id, region_token_id=small.region_token_id
    )
    batch = batch_of(processor, [Turn("What is it?", "grass")])
    theirs = llava(**{n: batch[n] for n in ("input_ids", "attention_mask", "pixel_values")}).logits
    torch.testing.assert_close(model(**batch)["logits"], theirs)


@torch.no_grad()
@pytest.mark.parametrize("mode", ["mask", "box", "both"])
@pytest.mark.parametrize("tokens", [1, 2])
def test_a_region_changes_what_comes_after_its_token_and_nothing_before(mode: str, tokens: int) -> None:
    config = RegionConfig(mode=mode, layers=(-3, -1), width=32, tokens=tokens, roi_size=3)  # type: ignore[arg-type]
    model, processor = tiny_pair(config)
    left, right = (batch_of(processor, [Turn(ASK.question, "a red square", (i,))]) for i in (5, 7))
    assert torch.equal(left["input_ids"], right["input_ids"])
    places = (left["input_ids"][0] == model.region_token_id).nonzero()[:, 0]
    assert len(places) == tokens
    one, other = model(**left)["logits"][0], model(**right)["logits"][0]
    first = int(places[0])
    torch.testing.assert_close(one[:first], other[:first])
    assert not torch.allclose(one[-1], other[-1], atol=1e-6)


@torch.no_grad()
def test_a_conversation_is_the_same_alone_and_in_a_batch() -> None:
    model, processor = tiny_pair()
    together = model(**batch_of(processor, [ASK], BOTH))["logits"]
    alone = model(**batch_of(processor, [ASK]))["logits"]
    torch.testing.assert_close(together[:1, : alone.shape[1]], alone)


@torch.no_grad()
def test_the_loss_is_that_of_the_answers() -> None:
    model, processor = tiny_pair()
    batch = batch_of(processor, [ASK], BOTH)
    out = model(**batch)
    logits, labels = out["logits"][:, :-1], batch["labels"][:, 1:]
    losses = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), labels, reduction="none", ignore_index=-100
    )
    count = int((labels != -100).sum())
    torch.testing.assert_close(out["loss"], losses.sum() / count)
    # Split into passes, the trainer divides by the count of the whole step.
    torch.testing.assert_close(model(**batch, num_items_in_batch=2 * count)["loss"], out["loss"] / 2)


@torch.no_grad()
def test_generation_takes_the_likeliest_token_each_time() -> None:
    model, processor = tiny_pair()
    asked = [Turn(t.question, None, t.segment_ids) for t in (ASK, BOTH[1])]
    written = model.generate(batch_of(processor, *[[t] for t in asked], left=True), max_new_tokens=4)
    for row, turn in zip(written, asked, strict=True):
        batch = batch_of(processor, [turn])
        for token in row.tolist():
            best = int(model(**batch)["logits"][0, -1].argmax())
            assert token == best
            if best == processor.tokenizer.eos_token_id:
                break
            batch["input_ids"] = torch.cat([batch["input_ids"], torch.tensor([[best]])], 1)
            batch["attention_mask"] = torch.ones_like(batch["input_ids"])
            batch.pop("labels", None)


def test_tokens_and_features_must_agree() -> None:
    model, processor = tiny_pair()
    batch = batch_of(processor, [ASK])
    batch["input_ids"][0, -1] = model.region_token_id
    with pytest.raises(ValueError, match=r"expected \[1\] <region> tokens a row, got \[2\]"):
        model(**batch)
    plain, _ = tiny_pair(None)
    with pytest.raises(ValueError, match="without"):
        plain(**batch_of(processor, [ASK]))


def test_only_the_chosen_parts_learn() -> None:
    model, processor = tiny_pair()
    model.add_adapters(LoraSettings(rank=2))
    for parts, present in (({"regions"}, ("regions.",)), ({"lora", "projector"}, ("lora_", "multi_modal"))):
        count = model.set_trainable(parts)
        model.zero_grad(set_to_none=True)
        model(**batch_of(processor, [ASK]))["loss"].backward()
        learnt = {name for name, p in model.named_parameters() if p.requires_grad}
        assert learnt and all(any(word in name for word in present) for name in learnt)
        assert count == sum(p.numel() for name, p in model.named_parameters() if name in learnt)
        with_gradient = {name for name, p in model.named_parameters() if p.grad is not None}
        assert with_gradient == learnt
    assert all("language_model" in n for n, _ in model.named_parameters() if "lora_" in n)
    with pytest.raises(UsageError, match="got legs"):
        model.set_trainable({"legs"})
    with pytest.raises(UsageError, match="region module"):
        tiny_pair(None)[0].set_trainable({"regions"})
    with pytest.raises(UsageError, match="adapters"):
        tiny_pair()[0].set_trainable({"lora"})


@torch.no_grad()
def test_a_whole_model_is_saved_and_loaded(tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText

    model, processor = tiny_pair()
    save_region_llava(model, tmp_path)
    batch = batch_of(processor, BOTH)
    again = load_region_llava(tmp_path)
    torch.testing.assert_close(again(**batch)["logits"], model(**batch)["logits"])
    assert again.regions is not None and again.regions.config == REGION
    # Others load the wrapped model from the same folder.
    plain = AutoModelForImageTextToText.from_pretrained(tmp_path)
    torch.testing.assert_close(plain.lm_head.weight, model.llava.lm_head.weight)
    half = load_region_llava(tmp_path, dtype=torch.bfloat16)
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    assert torch.isfinite(half(**batch)["logits"]).all()


def assert_tells_no_path(folder: Path, path: Path) -> None:
    for file in folder.iterdir():
        assert str(path).encode() not in file.read_bytes(), f"{file.name} tells where files lie"


@torch.no_grad()
def test_adapters_are_saved_with_what_else_learnt(tmp_path: Path) -> None:
    model, processor = tiny_pair()
    save_region_llava(model, tmp_path / "base")
    tuned = load_region_llava(tmp_path / "base")
    tuned.base = str(tmp_path / "base")
    tuned.add_adapters(LoraSettings(rank=2))
    tuned.set_trainable({"regions", "projector", "lora"})
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.1)
    folder = tmp_path / "runs" / "tuned"
    save_region_llava(tuned, folder)
    assert not (folder / "model.safetensors").exists()
    assert_tells_no_path(folder, tmp_path)
    batch = batch_of(processor, BOTH)
    expected = tuned.eval()(**batch)["logits"]
    assert not torch.allclose(expected, model(**batch)["logits"], atol=1e-4)
    torch.testing.assert_close(load_region_llava(folder)(**batch)["logits"], expected)
    tuned.merge_adapters()
    torch.testing.assert_close(tuned(**batch)["logits"], expected, atol=1e-4, rtol=1e-3)
    save_region_llava(tuned, tmp_path / "merged")
    assert_tells_no_path(tmp_path / "merged", tmp_path)
    again = load_region_llava(tmp_path / "merged")
    torch.testing.assert_close(again(**batch)["logits"], tuned(**batch)["logits"])
    (folder / LEARNT_OF_BASE).unlink()
    with pytest.raises(InputError, match=r"regions\.json: expected a model"):
        load_region_llava(folder)


def test_adapters_without_a_base_cannot_be_saved(tmp_path: Path) -> None:
    model, _ = tiny_pair()
    model.add_adapters(LoraSettings(rank=2))
    with pytest.raises(UsageError, match="merged"):
        save_region_llava(model, tmp_path / "out")


def test_other_models_are_refused(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=9
    )
    with pytest.raises(InputError, match=r'got llama with none.*kind = "plain"'):
        check_llava(LlamaForCausalLM(config))
    with pytest.raises(InputError, match="expected a model"):
        load_region_llava(tmp_path)
    (tmp_path / "regions.json").write_text(json.dumps({"adapters_of": None}))
    with pytest.raises(InputError, match="expected a model"):
        load_region_llava(tmp_path)
