"""Published files into folders: what comes over, what is left out, what is made up, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2cap.core.category import Category
from pix2cap.errors import InputError, UsageError
from pix2cap.model.captioner import PanopticCaptioner
from pix2cap.model.coco import COCO_CATEGORIES
from pix2cap.model.config import preset
from pix2cap.model.convert import convert, inspect
from pix2cap.model.vocabulary import CaptionVocabulary, ClassVocabulary
from pix2cap.model.weights import load_weights
from tests.builders.published import (
    CATEGORIES,
    SMALL,
    bert_vocab,
    clip_bpe,
    grit_state,
    pix2cap_state,
    xdecoder_state,
)

TEXT = "sem_seg_head.predictor.text_decoder.textual."
WORDS, OUTPUT = f"{TEXT}embedding.words.weight", f"{TEXT}output.weight"


def _file(path: Path, content: dict[str, Any]) -> Path:
    torch.save(content, path)
    return path


@pytest.fixture
def pix2cap(tmp_path: Path) -> Path:
    return _file(tmp_path / "pix2cap.pt", pix2cap_state())


@pytest.fixture
def xdecoder(tmp_path: Path) -> Path:
    return _file(tmp_path / "xdecoder.pt", xdecoder_state())


@pytest.fixture
def grit(tmp_path: Path) -> Path:
    return _file(tmp_path / "grit.pth", {"model": grit_state(), "optimizer": {}})


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_pix2caps_file_comes_over_whole(pix2cap: Path, tmp_path: Path) -> None:
    made = convert(
        pix2cap,
        tmp_path / "w",
        clip_bpe=clip_bpe(tmp_path / "bpe.gz"),
        bert_vocab=bert_vocab(tmp_path / "vocab.txt"),
        categories=CATEGORIES,
    )
    assert made.keys.fits and made.lists() == [] and made.preset is None
    assert made.vocabularies == ("captions.tokenizer.json", "classes.tokenizer.json")
    loaded = load_weights(made.folder)
    assert _same(loaded.state, pix2cap_state())
    assert loaded.config == dataclasses.replace(SMALL, caption_begin_id=7, caption_end_id=8) == made.config
    assert (loaded.categories, loaded.notes) == (CATEGORIES, {"source": "pix2cap.pt"})
    captions, classes = CaptionVocabulary.load(made.folder), ClassVocabulary.load(made.folder)
    assert captions.decode(captions.encode("A red dog.")) == "a red dog."
    assert classes.encode(["dog"]).shape == (1, SMALL.text_context)
    assert classes.size == SMALL.text_vocabulary


def test_missing_keys_are_named_and_need_leave(xdecoder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        convert(xdecoder, tmp_path / "w", config=SMALL, categories=CATEGORIES)
    told = str(refused.value)
    lacking = pix2cap_state().keys() - xdecoder_state().keys()
    assert f"{len(lacking)} missing: sem_seg_head.predictor." in told
    assert "1 too many: backbone_proj" in told and "--allow-missing" in told and "weights inspect" in told
    assert not (tmp_path / "w").exists()


def test_missing_keys_are_initialised_by_seed_and_the_file_says_so(xdecoder: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    before = torch.random.get_rng_state()
    for folder, seed in zip(folders, (5, 5, 6), strict=True):
        made = convert(xdecoder, folder, config=SMALL, categories=CATEGORIES, allow_missing=True, seed=seed)
    assert torch.equal(torch.random.get_rng_state(), before)
    one, same, other = (load_weights(folder) for folder in folders)
    assert _same(one.state, same.state) and not _same(one.state, other.state)
    lacking = pix2cap_state().keys() - xdecoder_state().keys()
    assert set(made.initialised) == set(json.loads(other.notes["initialised"])) == lacking
    assert other.notes["seed"] == "6" and json.loads(other.notes["left_out"]) == ["backbone_proj"]
    assert [told for told, _ in made.lists()] == [
        "1 extra, left out",
        f"{len(lacking)} missing, initialised with random numbers",
    ]
    kept = {key: tensor for key, tensor in one.state.items() if key not in lacking}
    published = xdecoder_state()
    del published["backbone_proj"]
    assert _same(kept, published)
    assert torch.equal(one.state[WORDS], one.state[OUTPUT])
    PanopticCaptioner(one.config).load_state_dict(one.state)


def test_grits_text_decoder_goes_on_xdecoder(xdecoder: Path, grit: Path, tmp_path: Path) -> None:
    made = convert(xdecoder, tmp_path / "w", text_decoder=grit, categories=CATEGORIES, allow_missing=True)
    assert made.config == SMALL  # all sizes can be seen once the text decoder is there
    loaded = load_weights(tmp_path / "w")
    theirs = pix2cap_state(seed=2)
    for key in theirs:
        if key.startswith(TEXT):
            assert torch.equal(loaded.state[key], theirs[key])
    assert {key.split(".")[2] for key in made.initialised} == {"bbox_embed", "object_proj"}
    assert made.not_read == ("backbone.net.pos_embed", "roi_heads.box_head.0.fc1.bias")
    assert set(made.from_text_decoder) == {key for key in theirs if key.startswith(TEXT)}
    assert loaded.notes["text_decoder"] == "grit.pth"
    assert "2 of no text decoder, not read" in [told for told, _ in made.lists()]


def test_a_text_decoder_replaces_the_one_that_is_there(pix2cap: Path, grit: Path, tmp_path: Path) -> None:
    convert(pix2cap, tmp_path / "w", text_decoder=grit, categories=CATEGORIES)
    state = load_weights(tmp_path / "w").state
    assert torch.equal(state[WORDS], pix2cap_state(seed=2)[WORDS])
    assert not torch.equal(state[WORDS], pix2cap_state()[WORDS])
    assert torch.equal(state["criterion.empty_weight"], pix2cap_state()["criterion.empty_weight"])


def test_a_tied_twin_is_no_random_number(tmp_path: Path) -> None:
    for gone in (WORDS, OUTPUT):
        state = pix2cap_state()
        del state[gone]
        file = _file(tmp_path / "x.pt", state)
        made = convert(
            file, tmp_path / gone, config=SMALL, categories=CATEGORIES, allow_missing=True, overwrite=True
        )
        assert (made.tied, made.initialised) == ((gone,), ())
        assert _same(load_weights(tmp_path / gone).state, pix2cap_state())


def test_twins_that_differ_are_refused(tmp_path: Path) -> None:
    state = pix2cap_state()
    state[OUTPUT] = state[OUTPUT] + 1
    with pytest.raises(InputError, match="one tensor, got two that differ"):
        convert(_file(tmp_path / "x.pt", state), tmp_path / "w", categories=CATEGORIES)


def test_another_shape_is_never_taken(pix2cap: Path, tmp_path: Path) -> None:
    other = dataclasses.replace(SMALL, queries=9)
    with pytest.raises(InputError, match=r"query_feat\.weight is \[7, 48\] instead of \[10, 48\]") as refused:
        convert(pix2cap, tmp_path / "w", config=other, categories=CATEGORIES, allow_missing=True)
    assert "--allow-missing" not in str(refused.value)


@pytest.mark.parametrize("count", [2, 4])
def test_classes_must_be_named(pix2cap: Path, tmp_path: Path, count: int) -> None:
    with pytest.raises(UsageError, match=r"--categories FILE .* for 3 classes"):
        convert(pix2cap, tmp_path / "w")
    with pytest.raises(InputError, match=f"expected 3 categories, got {count}"):
        convert(pix2cap, tmp_path / "w", categories=[Category(i, "x") for i in range(count)])


def test_133_classes_are_cocos(tmp_path: Path) -> None:
    config = dataclasses.replace(SMALL, classes=133)
    convert(_file(tmp_path / "x.pt", pix2cap_state(config)), tmp_path / "w")
    assert load_weights(tmp_path / "w").categories == COCO_CATEGORIES


def test_vocabularies_must_be_those_of_the_weights(pix2cap: Path, tmp_path: Path) -> None:
    vocabulary = bert_vocab(tmp_path / "vocab.txt")
    vocabulary.write_text(vocabulary.read_text("utf-8") + "extra\n", "utf-8")
    with pytest.raises(
        InputError, match=r"vocab\.txt: expected the vocabulary of these weights, 10 tokens, got 11"
    ):
        convert(pix2cap, tmp_path / "w", bert_vocab=vocabulary, categories=CATEGORIES)
    merges = tmp_path / "bpe"
    merges.write_text("#version\nd o\n", "utf-8")
    with pytest.raises(InputError, match="516 tokens, got 515"):
        convert(pix2cap, tmp_path / "w", clip_bpe=merges, categories=CATEGORIES)
    assert not (tmp_path / "w").exists()


def test_vocabularies_can_come_later(pix2cap: Path, tmp_path: Path) -> None:
    first = convert(pix2cap, tmp_path / "w", categories=CATEGORIES)
    assert first.vocabularies == ()
    second = convert(tmp_path / "w", tmp_path / "w", clip_bpe=clip_bpe(tmp_path / "b"), overwrite=True)
    third = convert(tmp_path / "w", tmp_path / "v", bert_vocab=bert_vocab(tmp_path / "t"))
    assert second.vocabularies == ("classes.tokenizer.json",)
    assert third.vocabularies == ("captions.tokenizer.json", "classes.tokenizer.json")
    loaded = load_weights(tmp_path / "v")
    assert _same(loaded.state, pix2cap_state()) and loaded.categories == CATEGORIES


def test_weights_are_not_overwritten_unasked(pix2cap: Path, tmp_path: Path) -> None:
    convert(pix2cap, tmp_path / "w", categories=CATEGORIES)
    with pytest.raises(UsageError, match=r"has weights already; .*--overwrite"):
        convert(pix2cap, tmp_path / "w", categories=CATEGORIES)


def test_files_of_others_are_refused(grit: Path, xdecoder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"grit\.pth: expected .*got GRiT's, .*--text-decoder"):
        convert(grit, tmp_path / "w")
    other = _file(tmp_path / "o.pt", {"layer.weight": torch.ones(2)})
    with pytest.raises(InputError, match=r"expected the weights of X-Decoder or Pix2Cap, got others"):
        convert(other, tmp_path / "w")
    with pytest.raises(
        InputError, match=r"expected a text decoder .*got 1 tensors of other names \(layer\.weight"
    ):
        convert(xdecoder, tmp_path / "w", text_decoder=other, categories=CATEGORIES)


def test_inspection_tells_whose_it_is(pix2cap: Path, xdecoder: Path, grit: Path, tmp_path: Path) -> None:
    ours = inspect(pix2cap)
    assert (ours.kind, ours.config, ours.preset, ours.keys.fits) == ("Pix2Cap", SMALL, None, True)
    assert ours.tensors == len(pix2cap_state()) and ours.dtypes == {"float32": ours.tensors - 1, "bool": 1}
    assert ours.parameters == sum(tensor.numel() for tensor in pix2cap_state().values())
    base = inspect(xdecoder)
    assert base.kind == "X-Decoder" and base.keys.extra == (("backbone_proj", (64, 48)),)
    assert {key for key, _ in base.keys.missing} > {"sem_seg_head.predictor.object_proj.bias", WORDS}
    text = inspect(grit)
    assert (text.kind, text.wrapping, text.beside) == ("GRiT", ("model",), ("optimizer",))
    assert text.keys.missing == () and {key for key, _ in text.keys.extra} == {
        "backbone.net.pos_embed",
        "roi_heads.box_head.0.fc1.bias",
    }
    other = inspect(_file(tmp_path / "o.pt", {"layer.weight": torch.ones(2)}))
    assert (other.kind, other.config, other.tensors) == ("unknown", None, 1)


def test_inspection_of_our_own_folder(xdecoder: Path, tmp_path: Path) -> None:
    convert(xdecoder, tmp_path / "w", config=SMALL, categories=CATEGORIES, allow_missing=True)
    found = inspect(tmp_path / "w")
    assert (found.kind, found.config, found.keys.fits) == ("pix2cap weights", SMALL, True)
    record = json.loads(json.dumps(found.to_json()))
    assert record["config"]["queries"] == 6 and record["metadata"]["source"] == "xdecoder.pt"
    assert str(tmp_path) not in json.dumps(record)


def test_a_preset_is_recognised(tmp_path: Path) -> None:
    state = pix2cap_state(preset("tiny"))
    assert inspect(_file(tmp_path / "tiny.pt", state)).preset == "tiny"
