"""Published files into folders of weights: every key that does not fit is named."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch
from torch import Tensor

from pix2cap.core.category import Category
from pix2cap.errors import InputError, UsageError
from pix2cap.model.captioner import PanopticCaptioner
from pix2cap.model.checkpoint_file import Checkpoint, read_checkpoint
from pix2cap.model.coco import COCO_CATEGORIES
from pix2cap.model.config import ModelConfig
from pix2cap.model.keys import (
    PREDICTOR,
    TEXT_DECODER,
    TIED,
    KeyReport,
    Shape,
    compare_keys,
    compare_shapes,
    expected_shapes,
    guess_config,
    preset_name,
)
from pix2cap.model.vocabulary import CAPTION_FILE, CLASS_FILE, CaptionVocabulary, ClassVocabulary
from pix2cap.model.weights import FORMAT, WEIGHTS_FILE, own_notes, parse_categories, save_weights

Kind = Literal["pix2cap weights", "Pix2Cap", "X-Decoder", "GRiT", "unknown"]

_GRIT: Final = "roi_heads.text_decoder."
_TRUNK: Final = ("backbone.patch_embed.proj.weight", f"{PREDICTOR}query_feat.weight")


@dataclass(frozen=True)
class Inspection:
    """What a file of weights is.

    Args:
        path: The file.
        kind: Whose weights, by their names.
        tensors: How many.
        parameters: Numbers in them.
        dtypes: Number format to how many tensors have it.
        wrapping: What was taken off around them.
        beside: What else the file holds.
        preset: The preset that fits, if one does.
        config: The configuration that fits, None for unknown files.
        keys: How the names differ from that configuration's; for GRiT, from its text decoder's.
        metadata: Of our own files: what was written down when they were made.
    """

    path: Path
    kind: Kind
    tensors: int
    parameters: int
    dtypes: dict[str, int]
    wrapping: tuple[str, ...]
    beside: tuple[str, ...]
    preset: str | None
    config: ModelConfig | None
    keys: KeyReport
    metadata: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """A record of JSON types; the file by its name."""
        record = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        config = None if self.config is None else dataclasses.asdict(self.config)
        return record | {"path": self.path.name, "config": config, "keys": self.keys.to_json()}


@dataclass(frozen=True)
class Converted:
    """What `convert` made.

    Args:
        folder: The folder of weights.
        config: Of the model.
        preset: The preset that this is, if it is one.
        keys: How the file's names differed.
        initialised: Missing keys that were given random values.
        tied: Missing keys that were given the tensor they share with another.
        from_text_decoder: Keys that came out of the second file.
        not_read: Keys of the second file that are not its text decoder's.
        vocabularies: Files of vocabularies that were stored.
    """

    folder: Path
    config: ModelConfig
    preset: str | None
    keys: KeyReport
    initialised: tuple[str, ...]
    tied: tuple[str, ...]
    from_text_decoder: tuple[str, ...]
    not_read: tuple[str, ...]
    vocabularies: tuple[str, ...]

    def lists(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every key that was not simply taken over, under what became of it."""
        named = (
            ("extra, left out", tuple(key for key, _ in self.keys.extra)),
            ("missing, initialised with random numbers", self.initialised),
            ("missing, shared with its twin", self.tied),
            ("from the text decoder's file", self.from_text_decoder),
            ("of no text decoder, not read", self.not_read),
        )
        return [(f"{len(keys)} {told}", keys) for told, keys in named if keys]


def inspect(path: Path) -> Inspection:
    """Look at a published file, or at a folder of ours.

    Raises:
        InputError: Missing, damaged or no file of weights.
    """
    checkpoint = read_checkpoint(path)
    state = checkpoint.state
    kind = _kind(checkpoint)
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    config: ModelConfig | None = None
    keys = KeyReport()
    if kind == "GRiT":
        shapes = {_published_name(key): shape for key, shape in shapes.items()}
        config = guess_config(shapes)
        needed = {key: s for key, s in expected_shapes(config).items() if key.startswith(TEXT_DECODER)}
        keys = compare_shapes(shapes, needed)
    elif kind != "unknown":
        config = _config(checkpoint, shapes)
        keys = compare_keys(state, config)
    return Inspection(
        path=checkpoint.path,
        kind=kind,
        tensors=len(state),
        parameters=sum(tensor.numel() for tensor in state.values()),
        dtypes=dict(Counter(str(tensor.dtype).removeprefix("torch.") for tensor in state.values())),
        wrapping=checkpoint.wrapping,
        beside=checkpoint.beside,
        preset=None if config is None else preset_name(config),
        config=config,
        keys=keys,
        metadata=checkpoint.metadata,
    )


def convert(
    path: Path,
    out: Path,
    *,
    clip_bpe: Path | None = None,
    bert_vocab: Path | None = None,
    text_decoder: Path | None = None,
    config: ModelConfig | None = None,
    categories: Sequence[Category] | None = None,
    allow_missing: bool = False,
    seed: int = 0,
    overwrite: bool = False,
) -> Converted:
    """Make a folder of weights out of a published file.

    Extra keys are left out and named in the result. A tensor of another shape stops the conversion; so do
    missing keys, unless they may be initialised, which the file then says of itself.

    Args:
        path: X-Decoder's or Pix2Cap's file, or a folder of ours that lacks its vocabularies.
        out: The folder to write.
        clip_bpe: `bpe_simple_vocab_16e6.txt.gz`; without it the folder cannot name classes yet.
        bert_vocab: `vocab.txt` of BERT uncased; without it the folder cannot write captions yet.
        text_decoder: GRiT's file, whose text decoder is put in the place of the first file's.
        config: What the file should fit; guessed from its shapes where None.
        categories: In class-index order; COCO's where None and there are 133 classes.
        allow_missing: Initialise missing keys.
        seed: Of that initialisation.
        overwrite: Replace weights that are in `out`.

    Raises:
        InputError: A file is not what it should be, or keys do not fit.
        UsageError: `out` has weights, or categories are needed.
    """
    if (out / WEIGHTS_FILE).exists() and not overwrite:
        raise UsageError(f"{out} has weights already; give another folder, or --overwrite")
    base = read_checkpoint(path)
    kind = _kind(base)
    if kind in ("GRiT", "unknown"):
        told = "GRiT's, whose text decoder goes in by --text-decoder" if kind == "GRiT" else "others"
        raise InputError(
            f"{base.path}: expected the weights of X-Decoder or Pix2Cap, got {told}; `pix2cap weights inspect"
            f" {base.path}` shows what is inside"
        )
    from_text_decoder, not_read = _text_decoder(text_decoder)
    state = base.state | from_text_decoder
    if config is None:
        config = _config(base, {key: tuple(tensor.shape) for key, tensor in state.items()})
    named = _categories(base, config, categories)
    classes = _class_vocabulary(clip_bpe, config, base.path.parent)
    captions = _caption_vocabulary(bert_vocab, config, base.path.parent)
    if captions is not None:
        begin, end = captions.begin_id, captions.end_id
        config = dataclasses.replace(config, caption_begin_id=begin, caption_end_id=end)
    keys = compare_keys(state, config)
    _refuse_misfits(base.path, keys, allow_missing)
    whole, tied, initialised = _completed(state, keys, config, seed, base.path)
    notes = _notes(base, text_decoder, keys, initialised, seed)
    save_weights(out, whole, config, named, notes=notes)
    stored = _stored(out, captions, classes)
    return Converted(
        out, config, preset_name(config), keys, initialised, tied, tuple(from_text_decoder), not_read, stored
    )


def _kind(checkpoint: Checkpoint) -> Kind:
    state = checkpoint.state
    if checkpoint.metadata.get("format") == FORMAT:
        return "pix2cap weights"
    if any(key.startswith(_GRIT) for key in state):
        return "GRiT"
    if not all(key in state for key in _TRUNK):
        return "unknown"
    return "Pix2Cap" if any(key.startswith(TEXT_DECODER) for key in state) else "X-Decoder"


def _config(checkpoint: Checkpoint, shapes: Mapping[str, Shape]) -> ModelConfig:
    if checkpoint.metadata.get("format") == FORMAT:
        return ModelConfig.from_json(checkpoint.metadata.get("config", ""))
    return guess_config(shapes)


def _published_name(key: str) -> str:
    return TEXT_DECODER + key.removeprefix(_GRIT) if key.startswith(_GRIT) else key


def _text_decoder(path: Path | None) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The text decoder of a file under published names, and the names of what else it holds."""
    if path is None:
        return {}, ()
    checkpoint = read_checkpoint(path)
    state = {_published_name(key): tensor for key, tensor in checkpoint.state.items()}
    found = {key: tensor for key, tensor in state.items() if key.startswith(TEXT_DECODER)}
    if not found:
        first = ", ".join(list(state)[:3])
        raise InputError(
            f"{checkpoint.path}: expected a text decoder ({_GRIT}* or {TEXT_DECODER}*), got {len(state)}"
            f" tensors of other names ({first}, ...)"
        )
    return found, tuple(key for key in state if key not in found)


def _class_vocabulary(path: Path | None, config: ModelConfig, beside: Path) -> ClassVocabulary | None:
    if path is not None:
        vocabulary = ClassVocabulary.from_clip_bpe(path, config.text_context)
    elif (beside / CLASS_FILE).is_file():
        vocabulary = ClassVocabulary.load(beside)
    else:
        return None
    _check_size(path or beside / CLASS_FILE, vocabulary.size, config.text_vocabulary)
    return vocabulary


def _caption_vocabulary(path: Path | None, config: ModelConfig, beside: Path) -> CaptionVocabulary | None:
    if path is not None:
        vocabulary = CaptionVocabulary.from_bert_vocab(path)
    elif (beside / CAPTION_FILE).is_file():
        vocabulary = CaptionVocabulary.load(beside)
    else:
        return None
    _check_size(path or beside / CAPTION_FILE, vocabulary.size, config.caption_vocabulary)
    return vocabulary


def _check_size(path: Path, size: int, embeddings: int) -> None:
    # A vocabulary learnt from few texts is smaller than the room left for it; a larger one has no weights.
    is_too_small = path.name not in (CAPTION_FILE, CLASS_FILE) and size < embeddings
    if size > embeddings or is_too_small:
        raise InputError(
            f"{path}: expected the vocabulary of these weights, {embeddings:,} tokens, got {size:,}"
        )


def _refuse_misfits(path: Path, keys: KeyReport, allow_missing: bool) -> None:
    if keys.mis_shaped or (keys.missing and not allow_missing):
        flag = "" if keys.mis_shaped else "; --allow-missing initialises what is missing with random numbers"
        raise InputError(
            f"{path}: expected the tensors of the model, got {keys.summary()}; `pix2cap weights inspect"
            f" {path}` lists all{flag}"
        )


def _completed(
    state: Mapping[str, Tensor], keys: KeyReport, config: ModelConfig, seed: int, path: Path
) -> tuple[dict[str, Tensor], tuple[str, ...], tuple[str, ...]]:
    """Exactly the model's tensors; which of them are a twin's, and which are new."""
    twins = [state[key] for key in TIED if key in state]
    if len(twins) == 2 and not torch.equal(*twins):
        raise InputError(f"{path}: expected {TIED[0]} and {TIED[1]} to be one tensor, got two that differ")
    missing = [key for key, _ in keys.missing]
    tied = tuple(key for key in missing if key in TIED and twins)
    initialised = tuple(key for key in missing if key not in tied)
    fresh: Mapping[str, Tensor] = {}
    if initialised:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = PanopticCaptioner(config).state_dict()
    given = dict(state)
    given |= {key: twins[0] for key in tied}  # noqa: C420 (without twins there is no value to evaluate)
    given |= {key: fresh[key] for key in initialised}
    extra = {key for key, _ in keys.extra}
    return {key: tensor for key, tensor in given.items() if key not in extra}, tied, initialised


def _categories(
    base: Checkpoint, config: ModelConfig, categories: Sequence[Category] | None
) -> tuple[Category, ...]:
    inside = base.metadata.get("categories")
    if categories is not None:
        named = tuple(categories)
    elif inside is not None:
        named = parse_categories(inside, base.path)
    elif config.classes == len(COCO_CATEGORIES):
        named = COCO_CATEGORIES
    else:
        raise UsageError(
            f"expected --categories FILE (a COCO JSON) for {config.classes} classes, got none; only COCO's"
            f" {len(COCO_CATEGORIES)} are known"
        )
    if len(named) != config.classes:
        raise InputError(f"{base.path}: expected {config.classes} categories, got {len(named)}")
    return named


def _notes(
    base: Checkpoint, text_decoder: Path | None, keys: KeyReport, initialised: Sequence[str], seed: int
) -> dict[str, str]:
    """What the file says of its making; names of files without their folders."""
    notes = own_notes(base.metadata) | {"source": base.path.name}
    if text_decoder is not None:
        notes["text_decoder"] = text_decoder.name
    if keys.extra:
        notes["left_out"] = json.dumps([key for key, _ in keys.extra])
    if initialised:
        notes |= {"initialised": json.dumps(initialised), "seed": str(seed)}
    return notes


def _stored(
    out: Path, captions: CaptionVocabulary | None, classes: ClassVocabulary | None
) -> tuple[str, ...]:
    stored: list[str] = []
    if captions is not None:
        captions.save(out)
        stored.append(CAPTION_FILE)
    if classes is not None:
        classes.save(out)
        stored.append(CLASS_FILE)
    return tuple(stored)
