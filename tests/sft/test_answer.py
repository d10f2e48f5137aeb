"""A tuned model that answers: captions, folders of predictions, and the face that benches see."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pix2cap.core import ImageRef, PanopticMap
from pix2cap.draw.encode import encode_png
from pix2cap.errors import InputError, ModelRejected, UsageError
from pix2cap.evaluate.panoptic_captioning import evaluate_panoptic_captioning
from pix2cap.formats.dataset_read import read_dataset
from pix2cap.sft.answer import RegionAnswerer, RegionCaptionModel, open_region_model, question_of
from pix2cap.sft.build import save_wording
from pix2cap.sft.caption_dataset import CaptionOptions, caption_dataset
from pix2cap.sft.region_data import Wording
from pix2cap.sft.region_files import save_region_llava
from pix2cap.sft.region_processor import Turn
from pix2cap.vlm.model import CaptionModel, CaptionRequest, PicturePart, Sampling
from pix2cap.vlm.unit import Unit, UnitRow
from tests.builders.tiny_lmm import halves, tiny_pair, write_squares


@pytest.fixture(scope="module")
def answerer() -> RegionAnswerer:
    return RegionAnswerer(*tiny_pair(), Wording(), batch_size=2)


def noise_map() -> PanopticMap:
    return PanopticMap.from_id_map(halves()[1], {5: (1, True, False), 7: (1, True, False)})


def noise_unit(*segment_ids: int) -> Unit:
    rgb, id_map = halves()
    panoptic = noise_map()
    rows = tuple(UnitRow(n, i, "square", (0, 0, 1, 1)) for n, i in enumerate(segment_ids, start=1))
    image = ImageRef(3, "3.png", id_map.shape[1], id_map.shape[0])
    return Unit(image, panoptic, rows, {5: "square", 7: "square"}, rgb)


def request(
    prompt: str,
    unit: Unit | None,
    *,
    schema: bool = False,
    pictures: tuple[PicturePart, ...] = (),
    **sampling: float,
) -> CaptionRequest:
    drawn = Sampling(**{"max_tokens": 24, **sampling})  # type: ignore[arg-type]
    return CaptionRequest(pictures, prompt, {"type": "object"} if schema else None, drawn, "key", unit)


def test_each_region_gets_its_own_caption_in_any_batch(answerer: RegionAnswerer) -> None:
    panoptic = noise_map()
    segments = list(panoptic.segments)
    rgb = halves()[0]
    together = answerer.captions(rgb, panoptic, segments * 2, max_tokens=6)
    alone = [answerer.captions(rgb, panoptic, [s], max_tokens=6)[0] for s in segments]
    assert [one.text for one in together] == [one.text for one in alone] * 2
    assert all(one.is_cut and one.output_tokens == 6 for one in together if not one.text.endswith("</s>"))
    assert len(answerer.captions(rgb, panoptic, [], max_tokens=6)) == 0
    beams = answerer.captions(rgb, panoptic, segments, max_tokens=6, num_beams=3)
    assert len(beams) == 2


async def test_it_is_a_caption_model(answerer: RegionAnswerer) -> None:
    model = RegionCaptionModel(answerer, name="sft:tuned")
    assert isinstance(model, CaptionModel)
    assert (model.name, model.host, model.reads_pictures) == ("sft:tuned", None, False)
    unit = noise_unit(7, 5)
    reply = await model.ask(request("Caption all.", unit, schema=True, max_tokens=64))
    entries = json.loads(reply.text)["captions"]
    expected = answerer.captions(
        halves()[0], unit.panoptic, [unit.panoptic.by_id[7], unit.panoptic.by_id[5]], max_tokens=32
    )
    assert [(e["id"], e["caption"]) for e in entries] == [(1, expected[0].text), (2, expected[1].text)]
    assert reply.usage.input_tokens == sum(one.input_tokens for one in expected)
    assert reply.model == "sft:tuned"
    await model.aclose()


async def test_a_question_without_marks_about_one_region_becomes_the_models_own(
    answerer: RegionAnswerer,
) -> None:
    model = RegionCaptionModel(answerer, name="sft:tuned")
    reply = await model.ask(request("A rectangle is drawn. Describe what it holds.", noise_unit(7)))
    own = answerer.captions(halves()[0], noise_map(), [noise_map().by_id[7]], max_tokens=24)[0]
    assert (reply.text, reply.finish_reason) == (own.text, "length" if own.is_cut else "stop")


async def test_marks_in_a_question_become_regions(answerer: RegionAnswerer) -> None:
    model = RegionCaptionModel(answerer, name="sft:tuned")
    prompt = "The numbers are marks.\n\nIs the region marked 2 left of mark 1?"
    reply = await model.ask(request(prompt, noise_unit(7, 5)))
    turn = Turn("Is the region <region> left of the region <region>?", None, (5, 7))
    assert question_of(prompt, {1: 7, 2: 5}) == turn
    assert reply.text == answerer.answer(*halves(), turn, max_tokens=24).text


@pytest.mark.parametrize(
    ("prompt", "question", "ids"),
    [
        ("What is within mark 1?", "What is within the region <region>?", (70,)),
        ("What is mark 9?", "What is mark 9?", ()),
        ("Say <region> or <image>.\n\nWell?", "Say  or .\n\nWell?", ()),
        ("Object number 1, look.", "the region <region>, look.", (70,)),
        ("About mark 1.\n\nNow answer.", "About the region <region>.\n\nNow answer.", (70,)),
    ],
)
def test_questions_of_benches(prompt: str, question: str, ids: tuple[int, ...]) -> None:
    assert question_of(prompt, {1: 70, 2: 71}) == Turn(question, None, ids)


async def test_a_picture_without_regions_is_asked_about_in_words(answerer: RegionAnswerer) -> None:
    model = RegionCaptionModel(answerer, name="sft:tuned")
    picture = PicturePart(encode_png(halves()[0]), "image/png", "clean")
    reply = await model.ask(request("What is it?", None, pictures=(picture,)))
    assert reply.text == answerer.answer(halves()[0], None, Turn("What is it?"), max_tokens=24).text
    with pytest.raises(ModelRejected, match="neither"):
        await model.ask(request("What is it?", None))
    with pytest.raises(ModelRejected):
        await model.ask(request("What?", None, pictures=(PicturePart(b"no", "image/png", "clean"),)))


async def test_a_seed_decides_what_is_drawn(answerer: RegionAnswerer) -> None:
    model = RegionCaptionModel(answerer, name="sft:tuned")

    async def told(seed: int) -> str:
        return (await model.ask(request("Well?", noise_unit(7), temperature=2.0, seed=seed))).text

    assert await told(1) == await told(1)
    assert len({await told(seed) for seed in range(4)}) > 1


async def test_a_model_without_region_module_reads_boxes() -> None:
    model, processor = tiny_pair(None)
    boxes = RegionAnswerer(model, processor, Wording(mention="box"))
    reply = await RegionCaptionModel(boxes, name="sft:boxes").ask(request("What is mark 1?", noise_unit(7)))
    turn = Turn("What is the region [500, 0, 1000, 800]?")
    assert reply.text == boxes.answer(halves()[0], None, turn, max_tokens=24).text


def save(folder: Path) -> Path:
    model, processor = tiny_pair()
    save_region_llava(model, folder)
    processor.save(folder)
    save_wording(folder, Wording())
    return folder


def test_a_folder_is_opened_by_name(tmp_path: Path) -> None:
    assert open_region_model(save(tmp_path / "tuned"), device="cpu").name == "sft:tuned"
    with pytest.raises(UsageError, match="expected a model folder"):
        open_region_model(tmp_path / "none")
    (tmp_path / "tuned" / "wording.json").unlink()
    with pytest.raises(InputError, match=r"wording\.json"):
        open_region_model(tmp_path / "tuned", device="cpu")


def test_a_dataset_is_captioned_as_score_reads_it(answerer: RegionAnswerer, tmp_path: Path) -> None:
    data, out = write_squares(tmp_path / "data", images=3), tmp_path / "out"
    options = CaptionOptions(max_tokens=5)
    summary = caption_dataset(data, answerer, out, options)
    assert (summary.pictures, summary.kept, summary.captions + summary.empty) == (3, 0, 9)
    predicted = list(read_dataset(out))
    for true, guess in zip(read_dataset(data), predicted, strict=True):
        np.testing.assert_array_equal(true.panoptic.id_map, guess.panoptic.id_map)
        assert [s.box_xyxy for s in true.panoptic.segments] == [s.box_xyxy for s in guess.panoptic.segments]
    expected = answerer.captions(np.full((32, 32, 3), 0, np.uint8), predicted[0].panoptic, [], max_tokens=5)
    assert expected == []
    result = evaluate_panoptic_captioning(data, out, metrics=("rouge_l",)).to_json()
    assert result["panoptic"]["all"]["pq"] == 1.0
    assert str(tmp_path) not in (out / "manifest.json").read_text()


class Crashing(RegionAnswerer):
    """Falls over at the second picture."""

    left = 1

    def captions(self, *args: object, **options: object) -> list:  # type: ignore[override, type-arg]
        if not self.left:
            raise RuntimeError("out of memory")
        self.left -= 1
        return super().captions(*args, **options)  # type: ignore[arg-type]


def test_captioning_goes_on_where_it_stopped(answerer: RegionAnswerer, tmp_path: Path) -> None:
    data, out, whole = write_squares(tmp_path / "data", images=3), tmp_path / "out", tmp_path / "whole"
    options = CaptionOptions(max_tokens=5)
    crashing = Crashing(answerer.model, answerer.processor, answerer.wording)
    with pytest.raises(RuntimeError):
        caption_dataset(data, crashing, out, options)
    assert not (out / "panoptic.json").exists()
    with (out / "captions.jsonl").open("ab") as file:
        file.write(b'{"image": {"id"')
    summary = caption_dataset(data, answerer, out, options)
    assert (summary.pictures, summary.kept) == (3, 1)
    caption_dataset(data, answerer, whole, options)
    for name in ("panoptic.json", "panoptic/000000000002.png"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    with pytest.raises(UsageError, match="begun with"):
        caption_dataset(data, answerer, out, CaptionOptions(max_tokens=6))
    with pytest.raises(UsageError, match="begun with"):
        caption_dataset(data, answerer, out, options, model={"name": "another"})
    with pytest.raises(UsageError, match="expected an empty folder"):
        caption_dataset(data, answerer, data, options)


def test_what_was_asked_for_is_captioned(answerer: RegionAnswerer, tmp_path: Path) -> None:
    data = write_squares(tmp_path / "data", images=3)
    document = json.loads((data / "panoptic.json").read_text())
    first, second, _ = document["annotations"]
    first["segments_info"][1]["iscrowd"] = 1
    second["segments_info"][0]["description"] = ""
    (data / "panoptic.json").write_text(json.dumps(document))
    (data / "images" / "3.png").unlink()
    summary = caption_dataset(data, answerer, tmp_path / "all", CaptionOptions(max_tokens=3))
    assert summary.captions + summary.empty == 2 + 3
    assert [name for name, _ in summary.refused] == ["3.png"]
    only = CaptionOptions(max_tokens=3, captioned_only=True, limit=2)
    summary = caption_dataset(data, answerer, tmp_path / "only", only)
    assert summary.captions + summary.empty == 2 + 2 and not summary.refused


def test_half_precision_answers(tmp_path: Path) -> None:
    half = RegionAnswerer.load(save(tmp_path), device="cpu", precision="bf16")
    assert {p.dtype for p in half.model.parameters()} == {torch.bfloat16}
    assert len(half.captions(halves()[0], noise_map(), list(noise_map().segments), max_tokens=3)) == 2
