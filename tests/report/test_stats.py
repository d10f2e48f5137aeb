"""The page of figures: every number of the table on it, plots that fit, nothing foreign run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.dataset.stats import dataset_stats
from pix2cap.report.stats import MAX_SOURCES, notes, table_rows, told, write_stats
from pix2cap.report.stats_charts import HEIGHT, WIDTH, bars, steps
from tests.builders.panoptic import build_coco_panoptic

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def stats(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("stats")
    files = []
    for number, name in enumerate(("train", "val")):
        paths = build_coco_panoptic(folder / name, captions=True, crowd=True, seed=number)
        paths.document["categories"][1]["name"] = EVIL
        paths.segment(1)["description"] = f"{EVIL} is what stands here in red."
        paths.save()
        files.append(paths.json_path.rename(folder / f"{name}.json"))
    return dataset_stats(files, tag_share=0).to_json()


def test_the_page_tells_what_the_table_tells(stats: dict[str, Any], tmp_path: Path) -> None:
    page = write_stats(stats, tmp_path / "stats.html").read_text()
    rows = table_rows(stats)
    for row in rows:
        cells = "".join(
            '<td class="missing">missing</td>' if value is None else f"<td>{value}</td>"
            for value in row.values
        )
        assert f'<th scope="row">{row.label}</th>{cells}<td class="theirs">{row.theirs}</td>' in page
    assert {row.label: row.theirs for row in rows if row.theirs} == {
        "images": "20,550",
        "captions": "167,254",
        "captions an image, mean": "8.14",
        "words a caption, mean": "22.94",
    }
    assert "as its authors state it" in page and "not counted here" in page
    assert "missing: not asked for" in page


def test_nothing_foreign_is_run_or_fetched(stats: dict[str, Any], tmp_path: Path) -> None:
    page = write_stats(stats, tmp_path / "stats.html", title=EVIL).read_text()
    assert "<script" not in page and "&lt;script&gt;" in page
    assert not re.search(r"\b(?:src|href)=\"(?!#)", page)
    assert "default-src 'none'" in page
    assert not re.search(r"\sstyle=", page)


def test_the_same_figures_give_the_same_page_also_from_json(stats: dict[str, Any], tmp_path: Path) -> None:
    first = write_stats(stats, tmp_path / "a.html").read_bytes()
    again = write_stats(json.loads(json.dumps(stats)), tmp_path / "b.html").read_bytes()
    assert first == again


def test_a_dataset_without_captions_has_a_page(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path / "plain")
    found = dataset_stats([paths.json_path], tag_share=0).to_json()
    values = {row.label: row.values for row in table_rows(found)}
    assert values["captions"] == ("0",)
    assert values["words a caption, mean"] == values["distinct-1"] == (None,)
    page = write_stats(found, tmp_path / "stats.html").read_text()
    assert "Words in a caption" not in page and "No captions." in page


def test_more_than_can_be_told_apart(stats: dict[str, Any], tmp_path: Path) -> None:
    many = {**stats, "sources": stats["sources"] * MAX_SOURCES}
    with pytest.raises(ValueError, match="at most 8"):
        write_stats(many, tmp_path / "stats.html")


def test_notes_name_the_tagger_and_what_could_not_be_read(stats: dict[str, Any]) -> None:
    tagger = {"model": "en_core_web_sm 3.8.0", "library": "spaCy 3.8.18", "tags": "Penn Treebank"}
    sources = [{**stats["sources"][0], "unreadable_entries": 3}]
    told_notes = " ".join(notes({**stats, "tagger": tagger, "tag_share": 0.25, "sources": sources}))
    for words in ("en_core_web_sm 3.8.0", "spaCy 3.8.18", "25.0% sample", "3 entries"):
        assert words in told_notes


@given(st.none() | st.integers(0, 10**9) | st.floats(0, 1e6))
def test_numbers_are_told_to_two_places_or_more(value: float | None) -> None:
    text = told(value)
    if value is None:
        assert text is None
    else:
        assert text is not None
        assert float(text.replace(",", "")) == pytest.approx(value, abs=0.005001)


COUNTS = st.dictionaries(st.integers(0, 300), st.integers(1, 50), min_size=1, max_size=30)


@given(st.lists(COUNTS, min_size=1, max_size=3), st.none() | st.floats(0, 400))
def test_steps_stay_within_their_plot_and_hold_all(series: list[dict[int, int]], mark: float | None) -> None:
    chart = steps("Words", [(str(n), counts) for n, counts in enumerate(series)], unit="words", mark=mark)
    assert chart is not None
    for line in chart.lines:
        points = [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) (-?[\d.e-]+)", line.path)]
        assert all(-0.01 <= x <= WIDTH + 0.01 and -0.01 <= y <= HEIGHT + 0.01 for x, y in points)
        assert points[0][0] == 0 and points[-1][0] == pytest.approx(WIDTH, abs=0.01)
    shares = [[float(v) for v in re.findall(r" ([\d.]+) %", text)] for *_, text in chart.hits]
    for column in zip(*shares, strict=True):
        assert sum(column) == pytest.approx(100, abs=0.06 * len(chart.hits))
    assert chart.mark is None or 0 <= chart.mark[0] <= WIDTH


def test_a_long_tail_goes_into_the_last_step() -> None:
    chart = steps("Words", [("a", {**dict.fromkeys(range(10, 30), 100), 900: 1})], unit="words")
    assert chart is not None
    assert chart.hits[-1][2].startswith("29 or more words: a 5.0 %")
    assert len(chart.hits) == 20


def test_steps_and_bars_of_nothing() -> None:
    assert steps("Words", [("a", {})], unit="words") is None
    assert bars("Size", ["small"], [("a", [None])]) is None
    chart = bars("Size", ["small", "large"], [("a", [None, 3.0]), ("b", [1.5, 0.0])], unit="%")
    assert chart is not None
    assert chart.groups == (
        ("small", ((None, "missing"), (50.0, "1.5 %"))),
        ("large", ((100.0, "3.0 %"), (0.0, "0.0 %"))),
    )
