"""The whole model: pictures in, panoptic segments with captions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pix2cap.core.boxes import label_extents
from pix2cap.model.backbone import FocalNet
from pix2cap.model.caption_memory import MemoryInputs
from pix2cap.model.caption_search import search_captions
from pix2cap.model.config import ModelConfig
from pix2cap.model.criterion import Criterion, caption_loss
from pix2cap.model.matching import mask_iou_queries
from pix2cap.model.pixel_decoder import PixelDecoder
from pix2cap.model.postprocess import PanopticResult, each_resized, keep_queries, lay_segments
from pix2cap.model.query_decoder import QueryDecoder
from pix2cap.model.records import Batch, LayerPrediction, Match, PixelFeatures, SegmentTargets


class Outputs(NamedTuple):
    """What the model sees and says of a batch.

    Args:
        layers: Predictions from before the first layer to after the last, the class query last in each.
        features: From the pixel decoder.
        maps: The backbone's four maps.
        images: `(B, 3, H, W)`, as they came in.
        extents: `(B, 2)`: the share of the padded height and width that each picture fills.
        class_embeddings: `(classes + 1, projection_dim)`, "background" last.
    """

    layers: list[LayerPrediction]
    features: PixelFeatures
    maps: tuple[Tensor, ...]
    images: Tensor
    extents: Tensor
    class_embeddings: Tensor


@dataclass(frozen=True)
class PredictedSegment:
    """One segment of a prediction.

    Args:
        id: Its value in the id map, from 1.
        class_index: Its class.
        score: Probability of that class.
        box_xyxy: Left, top, right, bottom in pixels of the output, right and bottom exclusive.
        query: The object query it came from.
        caption_ids: Token ids of the caption without begin and end; empty where captions were not asked for.
        caption_log_prob: Mean log-probability of a caption token; 0 where captions were not asked for.
    """

    id: int
    class_index: int
    score: float
    box_xyxy: tuple[int, ...]
    query: int
    caption_ids: tuple[int, ...] = ()
    caption_log_prob: float = 0.0


@dataclass(frozen=True)
class PanopticPrediction:
    """What the model says of one picture.

    Args:
        id_map: `(H, W)` int32 on the CPU, 0 where nothing was found.
        segments: One record an id.
    """

    id_map: Tensor
    segments: tuple[PredictedSegment, ...]


class Head(nn.Module):
    """Holds the two decoders under their published names."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.pixel_decoder = PixelDecoder(config)
        self.predictor = QueryDecoder(config)


class PanopticCaptioner(nn.Module):
    """X-Decoder with a caption decoder, as Pix2Cap-COCO (You et al. 2025) trained it, and better where asked.

    Args:
        config: Sizes and choices; `preset("focal-l")` is the published model.

    Example:
        >>> from pix2cap.model.config import preset
        >>> model = PanopticCaptioner(preset("tiny"))
        >>> sum(p.numel() for p in model.parameters()) > 100_000
        True
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = FocalNet(config)
        self.sem_seg_head = Head(config)
        self.criterion = Criterion(config)

    @property
    def predictor(self) -> QueryDecoder:
        """The query decoder."""
        return self.sem_seg_head.predictor

    def class_embeddings(self, template_ids: Sequence[Tensor]) -> Tensor:
        """Embed the class names.

        Args:
            template_ids: For each class, and "background" last, the token ids of its name in one or several
                sentences, `(T, L)`.

        Returns:
            `(classes + 1, projection_dim)`, unit length.
        """
        return self.predictor.lang_encoder.class_embeddings(template_ids)

    def forward(self, batch: Batch, class_embeddings: Tensor) -> Outputs:
        """Segment and name; captions come after, for the segments that matter."""
        maps = self.backbone(batch.images)
        features = self.sem_seg_head.pixel_decoder(maps)
        height, width = batch.images.shape[-2:]
        extents = batch.images.new_tensor([(h / height, w / width) for h, w in batch.sizes_hw])
        layers = self.predictor(features, class_embeddings)
        return Outputs(layers, features, maps, batch.images, extents, class_embeddings)

    def losses(
        self, batch: Batch, class_embeddings: Tensor, *, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Weighted training losses; their sum is what to minimise.

        Args:
            batch: With targets.
            class_embeddings: From `class_embeddings`.
            generator: Source of the random points; torch's own where None.

        Returns:
            `class_i`, `mask_i`, `dice_i` and `caption_i`; 0 is the last layer, 1 the one before it.
        """
        outputs = self(batch, class_embeddings)
        objects = [_objects(layer) for layer in outputs.layers]
        result = self.criterion(objects, batch.targets, generator=generator)
        losses: dict[str, Tensor] = dict(result.losses)
        if self.config.caption_weight == 0:
            return losses
        for i in range(min(self.config.caption_loss_layers, len(objects))):
            losses[f"caption_{i}"] = self.config.caption_weight * self._caption_loss(
                outputs, objects[-1 - i], batch.targets, result.matches[-1 - i]
            )
        return losses

    def caption_matches(
        self, layer: LayerPrediction, targets: Sequence[SegmentTargets], matches: Sequence[Match]
    ) -> list[Match]:
        """Which query writes the caption of which segment: `config.caption_targets` decides."""
        if self.config.caption_targets == "hungarian":
            return list(matches)
        queries = mask_iou_queries(layer.masks, targets)
        return [Match(q, torch.arange(len(q), device=q.device)) for q in queries]

    def _caption_loss(
        self,
        outputs: Outputs,
        layer: LayerPrediction,
        targets: Sequence[SegmentTargets],
        matches: Sequence[Match],
    ) -> Tensor:
        chosen = [
            _captioned(match, target)
            for match, target in zip(self.caption_matches(layer, targets, matches), targets, strict=True)
        ]
        longest = max(target.caption_ids.shape[1] for target in targets)
        ids = torch.cat(
            [_widen(t.caption_ids[m.segments], longest) for m, t in zip(chosen, targets, strict=True)]
        )
        predicted = torch.cat(
            [_widen(t.caption_predicted[m.segments], longest) for m, t in zip(chosen, targets, strict=True)]
        )
        if len(ids) == 0:
            return layer.queries.sum() * 0
        classes = [t.labels[m.segments] for m, t in zip(chosen, targets, strict=True)]
        memory = self.memory(outputs, layer, [m.queries for m in chosen], classes)
        logits = self.predictor.text_decoder.textual(memory, ids)
        return caption_loss(logits, ids, predicted, smoothing=self.config.label_smoothing)

    def memory(
        self, outputs: Outputs, layer: LayerPrediction, chosen: Sequence[Tensor], classes: Sequence[Tensor]
    ) -> Tensor:
        """What the caption decoder sees of each chosen query.

        A rich memory looks through the queries' own masks in training too, not through the true ones: it
        has to describe what the model found.

        Args:
            outputs: Of the batch.
            layer: Its queries and masks are meant.
            chosen: For each picture the queries to caption, M in all.
            classes: Their classes, as a rich memory tells them.

        Returns:
            `(M, K, object_dim)`; published are two tokens, the query and the coarsest map's highest values.
        """
        counts = torch.tensor([len(c) for c in chosen])
        images = torch.repeat_interleave(torch.arange(len(chosen)), counts).to(layer.queries.device)
        numbers = torch.cat(list(chosen))
        picked = layer.queries[images, numbers]
        global_features = self.predictor.global_feature(outputs.features)
        if self.config.caption_memory == "rich":
            inputs = MemoryInputs(
                queries=picked,
                names=outputs.class_embeddings[torch.cat(list(classes))],
                images=images,
                masks=(layer.masks[images, numbers] > 0).to(picked.dtype),
                maps=(*outputs.features.multi_scale, outputs.features.mask_features, outputs.maps[0]),
                images_rgb=outputs.images,
                extents=outputs.extents,
                global_features=global_features,
            )
            tokens = self.predictor.caption_memory(inputs)
        else:
            tokens = self.predictor.object_proj(torch.stack((picked, global_features[images]), dim=1))
        return _scale_gradient(tokens, self.config.caption_gradient)

    @torch.no_grad()
    def predict(
        self,
        batch: Batch,
        class_embeddings: Tensor,
        *,
        is_thing: Sequence[bool],
        out_sizes_hw: Sequence[tuple[int, int]] | None = None,
        beam_size: int = 1,
        max_tokens: int | None = None,
        captions: bool = True,
    ) -> list[PanopticPrediction]:
        """Segment, name and describe.

        Only segments that stay in the panoptic map are captioned, all of the batch at once. The model
        should be in `eval()` mode.

        Args:
            batch: Pictures; targets are not read.
            class_embeddings: From `class_embeddings`.
            is_thing: For each class whether its regions are counted one by one.
            out_sizes_hw: Sizes of the id maps; the pictures' own where None.
            beam_size: 1 is greedy.
            max_tokens: Longest caption; `config.caption_max_tokens` where None.
            captions: Whether to write them.

        Returns:
            One prediction a picture.
        """
        outputs = self(batch, class_embeddings)
        last = _objects(outputs.layers[-1])
        padded = (int(batch.images.shape[-2]), int(batch.images.shape[-1]))
        results = [
            self._panoptic(last, i, padded, size, out, is_thing)
            for i, (size, out) in enumerate(zip(batch.sizes_hw, out_sizes_hw or batch.sizes_hw, strict=True))
        ]
        written: list[tuple[tuple[int, ...], float]] = []
        if captions and any(result.segments for result in results):
            written = self._write(outputs, last, results, beam_size, max_tokens)
        return _predictions(results, written)

    def _panoptic(
        self,
        last: LayerPrediction,
        i: int,
        padded_hw: tuple[int, int],
        size_hw: tuple[int, int],
        out_hw: tuple[int, int],
        is_thing: Sequence[bool],
    ) -> PanopticResult:
        """The panoptic map of picture `i`; only kept queries are resized, a few at a time."""
        kept = keep_queries(last.logits[i], self.config.object_threshold)
        masks = each_resized(last.masks[i, kept.queries], padded_hw=padded_hw, size_hw=size_hw, out_hw=out_hw)
        return lay_segments(
            kept,
            masks,
            size_hw=out_hw,
            is_thing=is_thing,
            overlap_threshold=self.config.overlap_threshold,
        )

    def _write(
        self,
        outputs: Outputs,
        last: LayerPrediction,
        results: Sequence[PanopticResult],
        beam_size: int,
        max_tokens: int | None,
    ) -> list[tuple[tuple[int, ...], float]]:
        chosen, classes = (
            [torch.tensor([pick(s) for s in r.segments], device=last.queries.device).long() for r in results]
            for pick in (attrgetter("query"), attrgetter("class_index"))
        )
        found = search_captions(
            self.predictor.text_decoder.textual,
            self.memory(outputs, last, chosen, classes),
            begin_id=self.config.caption_begin_id,
            end_id=self.config.caption_end_id,
            max_tokens=max_tokens or self.config.caption_max_tokens,
            beam_size=beam_size,
        )
        return [
            (_words(row, self.config.caption_end_id), score)
            for row, score in zip(found.token_ids.tolist(), found.log_probs.tolist(), strict=True)
        ]


def _objects(layer: LayerPrediction) -> LayerPrediction:
    """The prediction without its class query."""
    return LayerPrediction(*(part[:, :-1] for part in layer))


def _captioned(match: Match, target: SegmentTargets) -> Match:
    """The part of a match whose segments have a caption to learn."""
    has = target.caption_predicted[match.segments].any(-1)
    return Match(match.queries[has], match.segments[has])


def _widen(rows: Tensor, width: int) -> Tensor:
    """Rows with zeros (or false) at the right up to `width`."""
    return functional.pad(rows, (0, width - rows.shape[1]))


def _scale_gradient(x: Tensor, factor: float) -> Tensor:
    """The same values, `factor` times the gradient."""
    return x if factor == 1 or not x.requires_grad else x * factor + x.detach() * (1 - factor)


def _words(row: Sequence[int], end_id: int) -> tuple[int, ...]:
    """A decoded row without its begin token and without what follows the end token."""
    words = row[1:]
    return tuple(words[: words.index(end_id)] if end_id in words else words)


def _predictions(
    results: Sequence[PanopticResult], written: Sequence[tuple[tuple[int, ...], float]]
) -> list[PanopticPrediction]:
    captions = iter(written)
    predictions = []
    for result in results:
        id_map = result.id_map.cpu()
        ids, _, boxes = label_extents(id_map.numpy().astype(np.uint32))
        box_of = {int(i): tuple(int(side) for side in box) for i, box in zip(ids, boxes, strict=True)}
        segments = []
        for segment in result.segments:
            words, log_prob = next(captions, ((), 0.0))
            segments.append(
                PredictedSegment(
                    segment.id,
                    segment.class_index,
                    segment.score,
                    box_of[segment.id],
                    segment.query,
                    words,
                    log_prob,
                )
            )
        predictions.append(PanopticPrediction(id_map, tuple(segments)))
    return predictions
