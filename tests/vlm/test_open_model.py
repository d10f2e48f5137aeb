from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pix2cap.errors import InputError, UsageError
from pix2cap.vlm.model import CaptionModel
from pix2cap.vlm.open_model import open_model
from pix2cap.vlm.openai_compatible import OpenAICompatible


def test_the_built_in_describer():
    model = open_model("describe")
    assert isinstance(model, CaptionModel)
    assert (model.name, model.host, model.reads_pictures) == ("describe", None, False)


def test_replay_reads_its_file(tmp_path: Path):
    file = tmp_path / "captions.json"
    entry = {"image_id": 1, "segment_id": 2, "caption": "A cat.", "visible": True, "category_seen": "cat"}
    file.write_text(json.dumps({"captions": [entry]}))
    model = open_model(f"replay:{file}")
    assert isinstance(model, CaptionModel)
    assert (model.name, model.host) == (f"replay:{file}", None)


def test_replay_of_a_missing_file(tmp_path: Path):
    with pytest.raises(InputError, match=r"none\.json"):
        open_model(f"replay:{tmp_path / 'none.json'}")


def test_openai_names_may_hold_colons_and_slashes():
    model = open_model("openai:qwen/qwen2.5-vl:7b", base_url="http://127.0.0.1:11434/v1")
    assert isinstance(model, OpenAICompatible)
    assert (model.name, model.host) == ("openai:qwen/qwen2.5-vl:7b", "127.0.0.1:11434")


def test_openai_goes_to_openai_by_default():
    assert open_model("openai:gpt-4o").host == "api.openai.com"


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "gpt-4o",
        "openai",
        "openai:",
        "replay",
        "replay:",
        "describe:x",
        "pydantic-ai:anthropic",
        "OpenAI:m",
    ],
)
def test_other_names_are_answered_with_the_four_forms(spec):
    with pytest.raises(UsageError) as caught:
        open_model(spec)
    for form in ("describe", "replay:FILE", "openai:MODEL", "pydantic-ai:PROVIDER:MODEL", repr(spec)):
        assert form in str(caught.value)


def test_nothing_heavy_is_imported_with_it():
    code = (
        "import sys, pix2cap.vlm.open_model;"
        "print(sorted({'aiohttp', 'pydantic_ai', 'genai_prices', 'cv2', 'PIL', 'openai'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
