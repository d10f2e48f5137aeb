"""`RegionLlava`: a LLaVA that is shown regions, each as embeddings in place of `<region>` tokens."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import torch
from torch import Tensor, nn

from pix2cap.errors import InputError, UsageError
from pix2cap.sft.region_features import RegionConfig, RegionEncoder, Regions
from pix2cap.sft.settings import Objective, Part
from pix2cap.sft.words_objective import words_loss

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PARTS: Final[tuple[Part, ...]] = get_args(Part)


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Low-rank adapters on the language model.

    Args:
        rank: Of the two factors.
        alpha: Their product is scaled by alpha / rank.
        dropout: Before them.
        targets: Names of the linear layers that get one.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: tuple[str, ...] = (
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    )


class RegionLlava(nn.Module):
    """A LLaVA-like model of transformers with a region module beside its projector.

    The wrapped model is not changed: its own weights load from and save to its own files
    (`region_files`). What it needs:
    a vision tower on square pictures that returns hidden states (CLIP, SigLIP), `multi_modal_projector`,
    and `vision_feature_layer` in its configuration (LLaVA-1.5, ViP-LLaVA and their like).

    Args:
        llava: The model, with or without adapters of peft.
        regions: None for a model without regions, whose conversations hold no `<region>`.
        image_token_id: Token in place of which the picture's features stand.
        region_token_id: Token in place of which the regions' embeddings stand.
        base: Where `llava` came from, for adapters; a name or a path.

    Raises:
        InputError: The model lacks what is needed.
    """

    def __init__(
        self,
        llava: PreTrainedModel,
        regions: RegionEncoder | None,
        *,
        image_token_id: int,
        region_token_id: int,
        base: str = "",
    ) -> None:
        super().__init__()
        self.llava = llava
        self.regions = regions
        self.image_token_id, self.region_token_id, self.base = image_token_id, region_token_id, base
        self.touched: set[str] = set()
        self.objective: Objective = "answers"
        check_llava(self.bare)

    @property
    def accepts_loss_kwargs(self) -> bool:
        """Tells HF's Trainer to hand over `num_items_in_batch`: answers are weighed by their tokens."""
        return self.objective == "answers"

    @property
    def bare(self) -> Any:
        """The wrapped model without peft's shell; the adapters still act."""
        return self.llava.get_base_model() if self.has_adapters else self.llava

    @property
    def has_adapters(self) -> bool:
        """Whether peft wraps the model."""
        return hasattr(self.llava, "peft_config")

    @property
    def device(self) -> torch.device:
        """Of the embeddings."""
        return cast("torch.device", self.bare.get_input_embeddings().weight.device)

    @property
    def config(self) -> Any:
        """The wrapped model's configuration."""
        return self.bare.config

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        region_cover: Tensor | None = None,
        region_boxes: Tensor | None = None,
        region_shapes: Tensor | None = None,
        region_valid: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> dict[str, Tensor]:
        """Loss and logits of a batch as `RegionCollator` makes it.

        Args:
            input_ids: `(B, L)`.
            attention_mask: `(B, L)`.
            pixel_values: `(B, 3, S, S)`.
            labels: `(B, L)`; without them there is no loss.
            region_cover: See `Regions`.
            region_boxes: See `Regions`.
            region_shapes: See `Regions`.
            region_valid: See `Regions`.
            num_items_in_batch: Labelled tokens over all passes of a step, by which the loss is divided.

        Returns:
            `logits` `(B, L, V)`, and `loss` where there are labels; it alone with the objective `words`.
        """
        regions = None
        if region_cover is not None and region_boxes is not None and region_valid is not None:
            shapes = region_shapes if region_shapes is not None else region_cover.new_zeros(())
            regions = Regions(region_cover, region_boxes, shapes, region_valid)
        if self.objective == "words" and regions is not None and labels is not None:
            found = self._regions(self._see(pixel_values), regions)
            known = self.bare.get_input_embeddings().weight
            return {"loss": words_loss(found, regions.valid.sum(1), labels, known)}
        embeds = self.embed(input_ids, pixel_values, regions)
        counted = {} if num_items_in_batch is None else {"num_items_in_batch": num_items_in_batch}
        out = self.llava(
            inputs_embeds=embeds,
            attention_mask=attention_mask,
            labels=labels,
            use_cache=False,
            **(counted if labels is not None else {}),
        )
        return {"logits": out.logits} if labels is None else {"loss": out.loss, "logits": out.logits}

    def embed(self, input_ids: Tensor, pixel_values: Tensor, regions: Regions | None) -> Tensor:
        """`(B, L, D)` embeddings of the text with the picture's and the regions' features in their places.

        Raises:
            ValueError: The tokens and features differ in number.
        """
        is_image, is_region = input_ids == self.image_token_id, input_ids == self.region_token_id
        # Their rows are overwritten, so a vocabulary without rows for them need not grow.
        known = input_ids.masked_fill(is_image | is_region, 0)
        embeds: Tensor = self.bare.get_input_embeddings()(known)
        hidden = self._see(pixel_values)
        embeds = _put(embeds, is_image, self._project(hidden), "<image>")
        if self.regions is None or regions is None or not bool(is_region.any()):
            if bool(is_region.any()):
                raise ValueError("expected a model with a region module, got one without and <region> tokens")
            return embeds
        per_row = is_region.sum(1), regions.valid.sum(1) * self.regions.config.tokens
        if not torch.equal(*per_row):
            raise ValueError(
                f"expected {per_row[1].tolist()} <region> tokens a row, got {per_row[0].tolist()}"
            )
        return _put(embeds, is_region, self._regions(hidden, regions), "<region>")

    def _regions(self, hidden: tuple[Tensor, ...], regions: Regions) -> Tensor:
        """`(N, tokens, D)` embeddings of a batch's regions, without padding."""
        assert self.regions is not None
        dtype = self.regions.queries.dtype
        layers = [self._patches(hidden[layer]).to(dtype) for layer in self.regions.config.layers]
        found: Tensor = self.regions(layers, regions)
        return found[regions.valid]

    @torch.no_grad()
    def generate(self, batch: Mapping[str, Tensor], *, max_new_tokens: int, **options: Any) -> Tensor:
        """Answers to a left-padded batch.

        Args:
            batch: As `RegionCollator(left=True)` makes it; its labels are not read.
            max_new_tokens: Longest answer.
            options: Of transformers' `generate`: `num_beams`, `do_sample`, `temperature`, ...

        Returns:
            `(B, T)` new token ids.
        """
        regions = Regions(*(batch[f"region_{name}"] for name in ("cover", "boxes", "shapes", "valid")))
        embeds = self.embed(batch["input_ids"], batch["pixel_values"], regions)
        # Without any: transformers takes a checkpoint's own sampling, and then warns of what greedy ignores.
        options = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None, **options}
        out: Tensor = self.llava.generate(
            inputs_embeds=embeds,
            attention_mask=batch["attention_mask"],
            max_new_tokens=max_new_tokens,
            **options,
        )
        return out

    def _see(self, pixel_values: Tensor) -> tuple[Tensor, ...]:
        tower = self.bare.model.vision_tower
        weight = next(tower.parameters())
        learns = any(parameter.requires_grad for parameter in tower.parameters())
        with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
            seen = tower(pixel_values.to(weight.dtype), output_hidden_states=True, return_dict=True)
        return cast("tuple[Tensor, ...]", seen.hidden_states)

    def _project(self, hidden: tuple[Tensor, ...]) -> Tensor:
        """The picture's features, chosen among layers as the wrapped model's own forward does."""
        config = self.bare.config
        layers = getattr(config, "vision_feature_layers", None)
        layers = config.vision_feature_layer if layers is None else layers
        strategy = getattr(config, "vision_feature_select_strategy", "default")
        chosen = [hidden[i] for i in ([layers] if isinstance(layers, int) else layers)]
        if strategy == "default":
            chosen = [state[:, 1:] for state in chosen]
        projected: Tensor = self.bare.model.multi_modal_projector(torch.cat(chosen, -1))
        return projected

    @staticmethod
    def _patches(state: Tensor) -> Tensor:
        """Hidden states without the class token, which stands in front where there is one."""
        count = state.shape[1]
        side = int(count**0.5)
        return state[:, count - side * side :]

    def set_trainable(self, parts: Collection[str]) -> int:
        """Freeze all but these parts of `PARTS`; returns how many numbers learn.

        Raises:
            UsageError: A part is unknown or not there.
        """
        unknown = sorted(set(parts) - set(PARTS))
        if unknown:
            raise UsageError(f"stage train: expected parts of {', '.join(PARTS)}, got {', '.join(unknown)}")
        if "regions" in parts and self.regions is None:
            raise UsageError("stage train: expected a model with a region module, got one without")
        if "lora" in parts and not self.has_adapters:
            raise UsageError("stage train: expected adapters for lora, got a model without")
        self.touched |= set(parts)
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(part_of(name) in parts)
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def add_adapters(self, settings: LoraSettings) -> None:
        """Put LoRA beside the language model's linear layers; once is enough."""
        if self.has_adapters:
            return
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=rf".*language_model.*\.({'|'.join(settings.targets)})",
            task_type="CAUSAL_LM",
        )
        with peft_is_behind():
            self.llava = cast("PreTrainedModel", get_peft_model(self.llava, config))

    def merge_adapters(self) -> None:
        """Add the adapters to the weights and forget them."""
        if self.has_adapters:
            self.llava = cast(Any, self.llava).merge_and_unload()


@contextmanager
def peft_is_behind() -> Iterator[None]:
    """Silence for what peft 0.21 asks of transformers 5.23: a property that is about to be renamed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        yield


def part_of(name: str) -> Part:
    """Which part of `RegionLlava` a parameter belongs to.

    Example:
        >>> part_of("regions.queries"), part_of("llava.model.vision_tower.encoder.x.weight")
        ('regions', 'vision')
    """
    if name.startswith("regions."):
        return "regions"
    if "lora_" in name:
        return "lora"
    if "vision_tower" in name:
        return "vision"
    return "projector" if "multi_modal_projector" in name else "language"


def check_llava(llava: Any) -> None:
    """Refuse a model whose pictures `RegionLlava` would read otherwise than the model itself.

    Raises:
        InputError: See `RegionLlava`.
    """
    inner = getattr(llava, "model", None)
    missing = [
        n for n in ("vision_tower", "multi_modal_projector", "language_model") if not hasattr(inner, n)
    ]
    kind = getattr(llava.config, "model_type", type(llava).__name__)
    vision = getattr(getattr(llava.config, "vision_config", None), "model_type", "none")
    if (
        missing
        or kind not in ("llava", "vipllava")
        or vision not in ("clip_vision_model", "siglip_vision_model")
    ):
        raise InputError(
            f"base model: expected a llava or vipllava with a CLIP or SigLIP tower, got {kind} with {vision};"
            ' other vision-language models are tuned without region module: kind = "plain" in [model]'
        )


def load_llava(source: str, *, dtype: torch.dtype | None = None) -> PreTrainedModel:
    """A LLaVA from a folder or, by its name, from transformers' cache or hub."""
    from transformers import AutoModelForImageTextToText
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # Ours tell of pictures; a bar of shards between them would not.
    loaded = AutoModelForImageTextToText.from_pretrained(source, dtype=dtype or torch.float32)
    return cast("PreTrainedModel", loaded)


def new_encoder(llava: Any, config: RegionConfig, *, dtype: torch.dtype | None = None) -> RegionEncoder:
    """A region module of the right widths for a model, with fresh weights."""
    encoder = RegionEncoder(
        config,
        vision_width=llava.config.vision_config.hidden_size,
        text_width=llava.get_input_embeddings().weight.shape[1],
    )
    return encoder.to(dtype or torch.float32)


def _put(embeds: Tensor, where: Tensor, features: Tensor, what: str) -> Tensor:
    flat = features.reshape(-1, embeds.shape[-1]).to(embeds.dtype)
    if int(where.sum()) != len(flat):
        raise ValueError(f"expected {len(flat)} {what} tokens, got {int(where.sum())}")
    return embeds.masked_scatter(where[..., None], flat)
