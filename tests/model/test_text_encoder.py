"""The text encoder: parity, where a text is read off, templates, similarity."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pix2cap.model import text_encoder
from pix2cap.model.config import preset
from pix2cap.model.text_encoder import TextEncoder
from tests.builders.parity import Parity, published_shapes, shapes_of

PREFIX = "sem_seg_head.predictor.lang_encoder."
SMALL = dataclasses.replace(
    preset("tiny"),
    text_width=24,
    text_heads=3,
    text_layers=2,
    text_context=10,
    text_vocabulary=40,
    projection_dim=16,
)
END = 39


def encoder() -> TextEncoder:
    torch.manual_seed(0)
    model = TextEncoder(SMALL).eval()
    # Fresh weights are so small that texts hardly differ.
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def texts(*rows: list[int]) -> Tensor:
    """Rows of ids, each with the end token behind it, filled up with zeros to the context."""
    return torch.tensor([[*row, END, *[0] * (SMALL.text_context - len(row) - 1)] for row in rows])


def test_states_and_embeddings_are_those_of_the_released_code(parity: Parity) -> None:
    model = TextEncoder(parity.config).eval()
    model.load_state_dict(parity.part(PREFIX))
    ids = parity.tensors["text.input_ids"]
    with torch.inference_mode():
        hidden, classes = model.hidden(ids), model.class_embeddings(ids[:, None].unbind())
    torch.testing.assert_close(hidden, parity.tensors["text.last_hidden_state"], atol=1e-4, rtol=0)
    torch.testing.assert_close(classes, parity.tensors["text.class_embeddings"], atol=1e-4, rtol=0)


def test_a_text_is_read_at_its_end_token() -> None:
    model, ids = encoder(), texts([3, 4, 5], [7], [1, 2, 3, 4, 5, 6, 7, 8, 9])
    with torch.inference_mode():
        found = model.embed(ids)
        states = model.hidden(ids)
        expected = torch.stack([states[0, 3], states[1, 1], states[2, 9]]) @ model.lang_proj
    torch.testing.assert_close(found, torch.nn.functional.normalize(expected), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3), atol=1e-5, rtol=0)


def test_what_follows_the_end_token_does_not_matter() -> None:
    model, ids = encoder(), texts([3, 4, 5], [7])
    changed = ids.clone()
    changed[0, 4:] = 11
    changed[1, 2:] = 23
    with torch.inference_mode():
        torch.testing.assert_close(model.embed(changed), model.embed(ids), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(model.embed(ids[:, :4]), model.embed(ids), atol=1e-5, rtol=1e-4)
        assert not torch.allclose(model.embed(texts([3, 4, 6], [7]))[0], model.embed(ids)[0], atol=1e-3)


def test_a_class_is_the_direction_of_its_templates_mean() -> None:
    model = encoder()
    templates = [texts([3, 4], [5, 4], [6, 4]), texts([3, 9]), texts([5, 8], [6, 8])]
    with torch.inference_mode():
        found = model.class_embeddings(templates)
        for row, ids in zip(found, templates, strict=True):
            mean = model.embed(ids).mean(dim=0)
            torch.testing.assert_close(row, mean / mean.norm(), atol=1e-5, rtol=1e-4)


def test_more_texts_than_fit_at_once() -> None:
    model = encoder()
    count = text_encoder.ROWS_AT_ONCE // 2 + 3
    words = torch.randint(1, END, (2 * count, 3), generator=torch.Generator().manual_seed(0))
    ids = texts(*words.tolist())
    with torch.inference_mode():
        found = model.class_embeddings([ids[:count], ids[count:]])
        means = torch.stack([model.embed(ids[:count]).mean(0), model.embed(ids[count:]).mean(0)])
    torch.testing.assert_close(found, torch.nn.functional.normalize(means), atol=1e-5, rtol=1e-4)


def test_similarity_is_the_scaled_cosine() -> None:
    model = encoder()
    tokens, classes = torch.randn(2, 5, 16), torch.nn.functional.normalize(torch.randn(3, 16))
    with torch.inference_mode():
        model.logit_scale.fill_(math.log(7))
        found = model.similarity(tokens, classes)
    expected = 7 * torch.nn.functional.cosine_similarity(tokens[:, :, None], classes, dim=-1)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_text_longer_than_the_table_is_refused() -> None:
    ids = torch.arange(1, 13)[None]
    with pytest.raises(ValueError, match="at most 10 tokens, got 12"):
        encoder().embed(ids)


@pytest.mark.parametrize("whole", [False, True], ids=["autocast", "weights"])
def test_bf16_stays_near_fp32(whole: bool) -> None:
    model, ids = encoder(), texts([3, 4, 5], [7], [1, 2, 3, 4])
    with torch.inference_mode():
        exact = model.embed(ids)
        if whole:
            near = model.bfloat16().embed(ids)
        else:
            with torch.autocast("cpu", torch.bfloat16):
                near = model.embed(ids)
    assert near.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(exact, near).min() > 0.995


def test_every_parameter_learns() -> None:
    model = encoder().train()
    ids = [texts([3, 4, 5], [6, 4, 5]), texts([7]), texts([1, 2, 3, 4, 5, 6, 7, 8, 9])]
    logits = model.similarity(torch.randn(2, 4, 16), model.class_embeddings(ids))
    (logits * torch.randn_like(logits)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_published_names_and_shapes(golden: Path) -> None:
    with torch.device("meta"):
        model = TextEncoder(preset("focal-l"))
    assert shapes_of(model) == published_shapes(golden / "pix2cap_focal_l_state_dict.tsv", PREFIX)
