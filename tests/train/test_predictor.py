"""The predictor: weights, vocabularies and pictures that fit, and what is told where they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.errors import InputError, UsageError
from pix2cap.model.captioner import PanopticCaptioner
from pix2cap.model.vocabulary import CaptionVocabulary, ClassVocabulary
from pix2cap.model.weights import load_weights, save_weights
from pix2cap.scenes.vocabulary import SCENE_CATEGORIES
from pix2cap.train.predict_options import PredictOptions
from pix2cap.train.predictor import find_device, fitted_size, load_predictor
from tests.builders.small_weights import CAPTIONS, build_weights, small_config

CPU = PredictOptions(device="cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_weights(tmp_path_factory.mktemp("weights"))


def noise(size_wh: tuple[int, int], seed: int = 0) -> np.ndarray:
    width, height = size_wh
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_pictures_become_segments_with_captions(weights: Path) -> None:
    predictor = load_predictor(weights, CPU)
    assert predictor.categories == tuple(type(c)(c.id, c.name, c.is_thing) for c in SCENE_CATEGORIES)
    (found,) = predictor.predict([noise((64, 48))], [(40, 30)])
    assert found.id_map.shape == (30, 40) and found.id_map.dtype == np.uint32
    assert {s.id for s in found.segments} == set(np.unique(found.id_map).tolist()) - {0}
    assert len(found.segments) >= 1
    for segment in found.segments:
        assert segment.category_id in {c.id for c in SCENE_CATEGORIES}
        assert 0 < segment.score <= 1 and segment.caption_log_prob < 0


def test_the_same_twice_and_in_a_batch_of_one_size(weights: Path) -> None:
    first, second = noise((64, 48), 1), noise((64, 48), 2)
    predictor = load_predictor(weights, CPU)
    alone = [predictor.predict([picture], [(64, 48)])[0] for picture in (first, second)]
    again = load_predictor(weights, CPU).predict([first], [(64, 48)])[0]
    assert np.array_equal(alone[0].id_map, again.id_map) and alone[0].segments == again.segments
    together = predictor.predict([first, second], [(64, 48)] * 2)
    for one, of_two in zip(alone, together, strict=True):
        assert np.mean(one.id_map != of_two.id_map) < 0.01
        assert [s.caption for s in one.segments] == [s.caption for s in of_two.segments]


@pytest.mark.parametrize("size", [(1, 1), (50, 2000), (2000, 50), (33, 47)])
def test_sizes(weights: Path, size: tuple[int, int]) -> None:
    predictor = load_predictor(weights, CPU)
    width, height = predictor.input_size(size)
    assert max(width, height) <= 96 and min(width, height) >= 1
    (found,) = predictor.predict([noise((width, height))], [size])
    assert (found.id_map.shape[1], found.id_map.shape[0]) == size


def test_options_take_the_place_of_the_weights(weights: Path) -> None:
    picture = noise((64, 48))
    plain = load_predictor(weights, CPU)
    assert plain.input_size((640, 480)) == (64, 48)
    larger = load_predictor(weights, PredictOptions(device="cpu", short_side=120))
    assert larger.input_size((200, 160)) == (120, 96)
    wider = load_predictor(weights, PredictOptions(device="cpu", short_side=120, max_side=300))
    assert wider.input_size((200, 160)) == (150, 120)
    nothing = load_predictor(weights, PredictOptions(device="cpu", object_threshold=1.0))
    assert nothing.predict([picture], [(64, 48)])[0].segments == ()
    short = load_predictor(weights, PredictOptions(device="cpu", max_tokens=3))
    lengths = [len(s.caption) for s in short.predict([picture], [(64, 48)])[0].segments]
    full = [len(s.caption) for s in plain.predict([picture], [(64, 48)])[0].segments]
    assert sum(lengths) < sum(full)
    beams = load_predictor(weights, PredictOptions(device="cpu", beam_size=3))
    searched = beams.predict([picture], [(64, 48)])[0].segments
    assert [s.id for s in searched] == [s.id for s in plain.predict([picture], [(64, 48)])[0].segments]


def test_half_precision_says_nearly_the_same(weights: Path) -> None:
    picture = noise((64, 48))
    (full,) = load_predictor(weights, CPU).predict([picture], [(64, 48)])
    options = PredictOptions(device="cpu", precision="bf16")
    (half,) = load_predictor(weights, options).predict([picture], [(64, 48)])
    # Random weights say nearly the same of all queries, so that which of them wins may well differ.
    assert half.id_map.shape == full.id_map.shape
    best = [max(s.score for s in found.segments) for found in (full, half)]
    assert 0 < abs(best[0] - best[1]) < 0.1 * best[0]


def test_class_names_are_embedded_as_training_saw_them(tmp_path: Path) -> None:
    build_weights(tmp_path / "all")
    build_weights(tmp_path / "first", small_config(class_sentences="first"))
    picture, scores = noise((64, 48)), []
    for name in ("all", "first"):
        (found,) = load_predictor(tmp_path / name, CPU).predict([picture], [(64, 48)])
        scores.append([s.score for s in found.segments])
    assert scores[0] != scores[1]


@pytest.mark.parametrize("name", ["captions.tokenizer.json", "classes.tokenizer.json"])
def test_a_missing_vocabulary_tells_how_to_get_it(tmp_path: Path, name: str) -> None:
    build_weights(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=rf"{name}.*weights convert.*--clip-bpe.*--bert-vocab"):
        load_predictor(tmp_path, CPU)


def test_weights_of_another_configuration(tmp_path: Path) -> None:
    build_weights(tmp_path)
    other = PanopticCaptioner(small_config(queries=7, hidden_dim=48)).state_dict()
    save_weights(tmp_path, other, small_config(), SCENE_CATEGORIES)
    with pytest.raises(InputError, match=r"tensors of the configuration.*weights inspect"):
        load_predictor(tmp_path, CPU)


@pytest.mark.parametrize("size", [290, 400])
def test_vocabularies_of_other_weights(tmp_path: Path, size: int) -> None:
    config = small_config(caption_vocabulary=300)
    build_weights(tmp_path, config)
    CaptionVocabulary.train(CAPTIONS, size).save(tmp_path)
    with pytest.raises(InputError, match=f"with 300 caption tokens, got {size}"):
        load_predictor(tmp_path, CPU)
    build_weights(tmp_path, config)
    ClassVocabulary.train(["a b c"] * 3, 300, 32).save(tmp_path)
    with pytest.raises(InputError, match="class-name tokens, got"):
        load_predictor(tmp_path, CPU)
    build_weights(tmp_path, small_config(caption_begin_id=2, caption_end_id=1))
    with pytest.raises(InputError, match=r"tokens \(2, 1\), got \(1, 2\)"):
        load_predictor(tmp_path, CPU)


def test_captions_longer_than_the_positions(weights: Path) -> None:
    with pytest.raises(UsageError, match="--max-tokens: expected at most 128"):
        load_predictor(weights, PredictOptions(device="cpu", max_tokens=129))


def test_a_device_that_is_not_there() -> None:
    assert find_device("cpu").type == "cpu"
    assert find_device("auto").type in ("cuda", "mps", "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match=r"--device cuda: .*take auto or cpu"):
            find_device("cuda")


def test_all_tensors_are_loaded(weights: Path) -> None:
    model = load_predictor(weights, CPU)._model
    saved = load_weights(weights).state
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, saved[name]), name
    assert not any(buffer.is_meta for buffer in model.buffers())


@given(
    width=st.integers(1, 20000),
    height=st.integers(1, 20000),
    short_side=st.integers(1, 1000),
    more=st.integers(0, 1000),
)
def test_fitted_sizes_stay_within_limits(width: int, height: int, short_side: int, more: int) -> None:
    max_side = short_side + more
    fitted = fitted_size((width, height), short_side=short_side, max_side=max_side)
    assert 1 <= min(fitted) <= max(fitted) <= max_side
    assert min(fitted) <= short_side
    reaches = abs(min(fitted) - short_side) <= 0.5 or abs(max(fitted) - max_side) <= 0.5
    assert reaches
