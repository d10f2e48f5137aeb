"""The model computes what the released code computes, tensor by tensor, whatever the sizes.

The fixture folder comes from `PIX2CAP_PARITY_FIXTURE`, else from ../shared/golden/parity_focal.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pix2cap.model.caption_search import search_captions
from pix2cap.model.captioner import Outputs, PanopticCaptioner
from pix2cap.model.config import preset
from pix2cap.model.criterion import caption_loss
from pix2cap.model.matching import mask_iou_queries
from pix2cap.model.postprocess import panoptic, resize_masks, semantic
from pix2cap.model.records import Batch, LayerPrediction, SegmentTargets, pack_images
from tests.builders.parity import Parity, parity_folder, read_parity

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def parity(request: pytest.FixtureRequest) -> Parity:
    return read_parity(parity_folder(lambda: request.getfixturevalue("golden")))


@pytest.fixture(scope="module")
def model(parity: Parity) -> PanopticCaptioner:
    model = PanopticCaptioner(parity.config).eval()
    model.load_state_dict(parity.state, strict=True)
    return model


@pytest.fixture(scope="module")
def batch(parity: Parity) -> Batch:
    images = [parity.tensors[f"in.image{i}"] for i in range(_pictures(parity))]
    config = parity.config
    packed, sizes = pack_images(
        images, mean=config.pixel_mean, std=config.pixel_std, divisibility=config.size_divisibility
    )
    return Batch(packed, sizes)


@pytest.fixture(scope="module")
def outputs(model: PanopticCaptioner, parity: Parity, batch: Batch) -> Outputs:
    with torch.no_grad():
        return model(batch, parity.tensors["text.class_embeddings"])


def _pictures(parity: Parity) -> int:
    return sum(name.startswith("in.image") for name in parity.tensors)


def _same(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE)


def test_pictures_are_normalised_and_padded(parity: Parity, batch: Batch) -> None:
    _same(batch.images, parity.tensors["backbone.input"])


@pytest.mark.parametrize("stage", range(4))
def test_backbone(parity: Parity, outputs: Outputs, stage: int) -> None:
    _same(outputs.maps[stage], parity.tensors[f"backbone.res{stage + 2}"])


def test_pixel_decoder(parity: Parity, outputs: Outputs) -> None:
    _same(outputs.features.mask_features, parity.tensors["pixel_decoder.mask_features"])
    _same(outputs.features.encoder_features, parity.tensors["pixel_decoder.transformer_encoder_features"])
    for level, ours in enumerate(outputs.features.multi_scale):
        _same(ours, parity.tensors[f"pixel_decoder.multi_scale.{level}"])


def test_class_embeddings(parity: Parity, model: PanopticCaptioner) -> None:
    ids = parity.tensors["text.input_ids"]
    with torch.no_grad():
        _same(model.predictor.lang_encoder.hidden(ids), parity.tensors["text.last_hidden_state"])
        _same(model.class_embeddings([row[None] for row in ids]), parity.tensors["text.class_embeddings"])


def test_last_layer_in_evaluation(parity: Parity, outputs: Outputs) -> None:
    last = outputs.layers[-1]
    _same(last.logits, parity.tensors["eval.pred_logits"])
    _same(last.masks, parity.tensors["eval.pred_masks"])
    _same(last.boxes, parity.tensors["eval.pred_boxes"])


def test_every_layer_in_training(parity: Parity, outputs: Outputs) -> None:
    layers = sum(name.endswith(".pred_logits") for name in parity.tensors if name.startswith("train."))
    assert len(outputs.layers) == layers
    for i, layer in enumerate(outputs.layers):
        _same(layer.logits, parity.tensors[f"train.layer{i}.pred_logits"])
        _same(layer.masks, parity.tensors[f"train.layer{i}.pred_masks"])


def test_caption_queries_of_every_layer(parity: Parity, outputs: Outputs) -> None:
    targets = _targets(parity)
    for i, layer in enumerate(outputs.layers):
        queries = mask_iou_queries(layer.masks[:, :-1], targets)
        expected = parity.golden["match_masks_per_layer"][i]
        assert [q.tolist() for q in queries] == [[query for query, _ in image] for image in expected]


def test_caption_logits_and_loss_in_training(
    parity: Parity, model: PanopticCaptioner, outputs: Outputs
) -> None:
    targets = _targets(parity)
    tokens, predicted = parity.tensors["train.text_tokens"], parity.tensors["train.need_predict"] != 0
    last = LayerPrediction(*(part[:, :-1] for part in outputs.layers[-1]))
    with torch.no_grad():
        memory = model.memory(
            outputs, last, mask_iou_queries(last.masks, targets), [t.labels for t in targets]
        )
        logits = model.predictor.text_decoder.textual(memory, tokens)
    counted = predicted[:, 1:] & (tokens[:, 1:] != 0)
    _same(logits[:, :-1][counted], parity.tensors["train.layer3.caption_logits"])
    assert tokens[:, 1:][counted].tolist() == parity.tensors["train.layer3.caption_target"].tolist()
    loss = caption_loss(logits, tokens, predicted, smoothing=parity.config.label_smoothing)
    assert loss.item() == pytest.approx(
        parity.golden["losses_unweighted_seed7"]["loss_densecaption_0"], rel=TOLERANCE
    )


def test_caption_decoder(parity: Parity, model: PanopticCaptioner) -> None:
    decoder = model.predictor.text_decoder.textual
    with torch.no_grad():
        logits = decoder(parity.tensors["textdec.object_features"], parity.tensors["textdec.text_tokens"])
    _same(logits, parity.tensors["textdec.logits"])


@pytest.mark.parametrize(("name", "beam_size"), [("greedy", 1), ("beam3", 3)])
def test_decoded_captions(parity: Parity, model: PanopticCaptioner, name: str, beam_size: int) -> None:
    expected = parity.tensors[f"textdec.{name}_tokens"]
    end = parity.config.caption_end_id
    found = search_captions(
        model.predictor.text_decoder.textual,
        parity.tensors["textdec.object_features"],
        begin_id=parity.config.caption_begin_id,
        end_id=end,
        # Both searches of a fixture stop at the same length; a search whose captions all end stops before it.
        max_tokens=max(parity.tensors[f"textdec.{kind}_tokens"].shape[1] for kind in ("greedy", "beam3")),
        beam_size=beam_size,
    )
    # The released search goes on, with end tokens, as long as any beam of any caption is open.
    padding = expected.shape[1] - found.token_ids.shape[1]
    assert functional.pad(found.token_ids, (0, padding), value=end).tolist() == expected.tolist()
    _same(found.log_probs, parity.tensors[f"textdec.{name}_logprobs"])


def test_panoptic_results(parity: Parity, outputs: Outputs, batch: Batch) -> None:
    config, things = parity.config, parity.golden["config"]["thing_classes"]
    last = outputs.layers[-1]
    padded = (batch.images.shape[-2], batch.images.shape[-1])
    for i, size in enumerate(batch.sizes_hw):
        out = tuple(parity.golden[f"out_size{i}"])
        masks = resize_masks(last.masks[i], padded_hw=padded, size_hw=size, out_hw=out)
        result = panoptic(
            last.logits[i],
            masks,
            is_thing=[c in things for c in range(config.classes)],
            object_threshold=config.object_threshold,
            overlap_threshold=config.overlap_threshold,
        )
        assert torch.equal(result.id_map, parity.tensors[f"post.panoptic_seg{i}"])
        expected = parity.golden[f"segments_info{i}"]
        assert [(s.id, s.class_index) for s in result.segments] == [
            (s["id"], s["category_id"]) for s in expected
        ]
        best = semantic(last.logits[i], masks).argmax(0).to(torch.uint8)
        assert torch.equal(best, parity.tensors[f"post.semseg_argmax{i}"])


def test_panoptic_results_of_the_whole_model(
    parity: Parity, model: PanopticCaptioner, outputs: Outputs, batch: Batch
) -> None:
    config, things = parity.config, parity.golden["config"]["thing_classes"]
    is_thing = [c in things for c in range(config.classes)]
    sizes = [tuple(parity.golden[f"out_size{i}"]) for i in range(len(batch.sizes_hw))]
    predictions = model.predict(
        batch, parity.tensors["text.class_embeddings"], is_thing=is_thing, out_sizes_hw=sizes
    )
    padded = (batch.images.shape[-2], batch.images.shape[-1])
    for i, prediction in enumerate(predictions):
        # The released code lets the class query, which no loss teaches masks, become a segment.
        masks = resize_masks(
            outputs.layers[-1].masks[i, :-1], padded_hw=padded, size_hw=batch.sizes_hw[i], out_hw=sizes[i]
        )
        expected = panoptic(
            outputs.layers[-1].logits[i, :-1],
            masks,
            is_thing=is_thing,
            object_threshold=config.object_threshold,
            overlap_threshold=config.overlap_threshold,
        )
        assert torch.equal(prediction.id_map, expected.id_map)
        assert [(s.id, s.class_index, s.query) for s in prediction.segments] == [
            (s.id, s.class_index, s.query) for s in expected.segments
        ]


def test_published_keys_and_shapes(golden: Path) -> None:
    with torch.device("meta"):
        ours = PanopticCaptioner(preset("focal-l")).state_dict()
    lines = (golden / "pix2cap_focal_l_state_dict.tsv").read_text().splitlines()[1:]
    published = {line.split("\t")[0]: line.split("\t")[1] for line in lines}
    assert len(published) == 1043
    assert {name: str(list(value.shape)) for name, value in ours.items()} == published


def _targets(parity: Parity) -> list[SegmentTargets]:
    targets, start = [], 0
    tokens, predicted = parity.tensors["train.text_tokens"], parity.tensors["train.need_predict"] != 0
    for i in range(_pictures(parity)):
        labels = parity.tensors[f"train.labels{i}"]
        rows = slice(start, start + len(labels))
        masks = parity.tensors[f"train.masks{i}"].bool()
        targets.append(SegmentTargets(labels, masks, tokens[rows], predicted[rows]))
        start += len(labels)
    return targets
