"""`bench compare`: a table, a page, and refusals that say what differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.compared import region_file, vipbench_result
from tests.builders.visual_genome import VgPaths, build_vg
from tests.cli.conftest import Call


@pytest.fixture
def paths(tmp_path: Path) -> VgPaths:
    return build_vg(tmp_path / "vg").draw()


@pytest.fixture
def sides(paths: VgPaths) -> tuple[Path, Path]:
    worse = {key: text.split()[0] for key, text in paths.phrases().items()}
    return region_file(paths, paths.phrases(), "before"), region_file(paths, worse, "after")


def test_a_table_and_a_page(sides: tuple[Path, Path], paths: VgPaths, call: Call, tmp_path: Path) -> None:
    out = tmp_path / "new" / "c.html"
    called = call("bench", "compare", *sides, "--out", out, "--images", paths.images, "--bootstrap", 50)
    assert called.code == 0
    text = " ".join(called.out.split())
    for words in (
        "all-regions",
        "4 images",
        "before after",
        "ROUGE-L",
        "▼",
        "0 better, 12 worse, 0 the same",
    ):
        assert words in text, words
    page = out.read_text()
    assert page.count("<article") == 12 and "data:image/jpeg;base64," in page
    assert str(tmp_path) not in page


def test_names_json_and_ranks(sides: tuple[Path, Path], call: Call, tmp_path: Path) -> None:
    words = ("bench", "compare", *sides, "--out", tmp_path / "c.html", "--bootstrap", 0, "--format", "json")
    named = call(*words, "--name", "base", "--name", "tuned", "--rank-by", "cider", "--examples", 1)
    assert named.json["names"] == ["base", "tuned"] and named.json["ranked_by"] == "cider"
    assert named.json["worse"] == 12 and "changes" not in named.json
    assert (tmp_path / "c.html").read_text().count("<article") == 1
    call(*words, "--name", "base").refused("--name twice")
    call(*words, "--rank-by", "spice").refused("--rank-by", "rouge_l")
    call("bench", "compare", *sides, "--out", tmp_path).refused("compare.html")
    call(*words, "--examples", -1).refused("--examples")


def test_what_differs_is_told(sides: tuple[Path, Path], paths: VgPaths, call: Call, tmp_path: Path) -> None:
    vip = vipbench_result({"v1": [0.5], "v2": [1.0]}).write(tmp_path / "vip" / "result.json")
    page = tmp_path / "c.html"
    call("bench", "compare", sides[0], vip, "--out", page).refused("Visual Genome", "ViP-Bench")
    call("bench", "compare", sides[0], paths.descriptions, "--out", page).refused("region_descriptions.json")
    call("bench", "compare", sides[0], tmp_path / "none.json", "--out", page).refused("no such file")
    assert not page.exists()
    same = call("bench", "compare", tmp_path / "vip", vip, "--out", page, "--bootstrap", 20)
    assert same.code == 0 and "0 better, 0 worse, 2 the same" in same.out


def test_recorded_models_of_dlc_bench(call: Call, golden: Path, tmp_path: Path) -> None:
    call("bench", "dlc", "--replay", golden / "dlcbench_replay.json", "--out", tmp_path / "out")
    first, second = sorted((tmp_path / "out").glob("*.json"))
    called = call("bench", "compare", first, second, "--out", tmp_path / "c.html", "--format", "json")
    assert called.code == 0
    score = next(one for one in called.json["metrics"] if one["path"] == "score")
    assert score["interval"][0] <= score["delta"] <= score["interval"][1]
