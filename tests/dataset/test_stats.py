"""Figures of captioned datasets: counted by hand, streamed, and missing rather than zero."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.dataset.stats import PUBLISHED, dataset_stats
from pix2cap.dataset.stats_tally import size_band
from pix2cap.dataset.stats_words import DistinctKeys, Numbering, WordTally, percentile, spread
from pix2cap.errors import InputError, MetricUnavailable, UsageError
from pix2cap.text.tagger import TagCounts, Tagger
from tests.builders.panoptic import build_coco_panoptic

CATEGORIES = [{"id": 1, "name": "dog", "isthing": 1}, {"id": 2, "name": "grass", "isthing": 0}]


class CountingTagger(Tagger):
    """Calls every word a noun; no spaCy behind it."""

    def __init__(self) -> None:
        super().__init__(None, name="all nouns 1.0", library="none")  # type: ignore[arg-type]

    def count(self, texts: Sequence[str]) -> list[TagCounts]:
        return [TagCounts(len(text.split()), 0, 1) for text in texts]


def no_tagger() -> Tagger:
    raise MetricUnavailable("spaCy is not here; type `pip install spacy`")


def document(*images: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 9, "height": 9} for n in range(len(images))],
        "annotations": [
            {"image_id": n, "file_name": f"{n}.png", "segments_info": rows} for n, rows in enumerate(images)
        ],
        "categories": CATEGORIES,
    }


def segment(text: str | None, category_id: int = 1, area: int = 500, **more: Any) -> dict[str, Any]:
    row = {"id": 1, "category_id": category_id, "iscrowd": 0, "area": area, **more}
    return row if text is None else {**row, "description": text}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "pix2cap_val.json"
    path.write_text(
        json.dumps(
            document(
                [
                    segment("A red dog runs."),
                    segment("a red dog runs", area=2000),
                    segment("Green grass, well-kept.", 2, 9216),
                    segment("", iscrowd=1),
                ],
                [segment("A red dog runs."), segment(""), segment(None, 2)],
                [segment(None, 7, caption="One dog.", caption_status="captioned")],
                [],
            )
        )
    )
    return path


def figures(*paths: Path) -> dict[str, Any]:
    return dataset_stats(paths, load_tagger=CountingTagger).to_json()


def test_every_figure_by_hand(path: Path) -> None:
    (got,) = figures(path)["sources"]
    assert (got["name"], got["images"], got["images_with_captions"]) == ("pix2cap_val", 4, 3)
    assert (got["segments"], got["captions"]) == (7, 5)
    assert got["statuses"] == {
        "captioned": 5, "not_visible": 0, "failed": 0, "pending": 2, "rejected": 0, "crowd": 1,
    }  # fmt: skip
    assert got["captions_per_image"]["histogram"] == {"0": 1, "1": 2, "3": 1}
    assert got["captions_per_image"]["mean"] == 1.25
    assert got["words"]["histogram"] == {"2": 1, "3": 1, "4": 3}
    assert (got["words"]["mean"], got["words"]["median"], got["words"]["total"]) == (3.4, 4.0, 17)
    assert got["vocabulary"] == len({"a", "red", "dog", "runs", "green", "grass", "well-kept", "one"})
    assert got["distinct_1"] == pytest.approx(8 / 17)
    assert got["distinct_2"] == pytest.approx(6 / 12)
    assert got["duplicates"] == {"in_one_image": 1, "in_dataset": 2}
    assert got["parts_of_speech"] == {"captions_tagged": 5, "nouns": 3.4, "adjectives": 0.0, "verbs": 1.0}
    assert (got["things"]["segments"], got["things"]["captions"]) == (4, 3)
    assert (got["stuff"]["segments"], got["stuff"]["words_mean"]) == (2, 3.0)
    assert {name: band["segments"] for name, band in got["by_size"].items()} == {
        "small": 5, "medium": 1, "large": 1,
    }  # fmt: skip
    assert [(row["name"], row["is_thing"], row["segments"]) for row in got["by_class"]] == [
        ("dog", True, 4),
        ("grass", False, 2),
        ("category 7", None, 1),
    ]
    assert got["frequent_words"][:3] == [["dog", 4], ["red", 3], ["runs", 3]]


def test_several_are_counted_together(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "pix2cap_train.json"
    other.write_text(json.dumps(document([segment("A red dog runs."), segment("A blue dog runs.")])))
    got = figures(path, other)
    assert [figures["name"] for figures in got["sources"]] == ["pix2cap_val", "pix2cap_train"]
    together = got["together"]
    assert (together["images"], together["captions"], together["vocabulary"]) == (5, 7, 9)
    assert together["duplicates"] == {"in_one_image": 1, "in_dataset": 3}
    assert together["words"]["total"] == 25
    assert together["distinct_2"] == pytest.approx(8 / 18)
    assert together["parts_of_speech"]["captions_tagged"] == 7
    assert [row["segments"] for row in together["by_class"]] == [6, 2, 1]
    assert figures(path)["together"] is None


def test_the_papers_figures_are_labelled_as_theirs(path: Path) -> None:
    assert figures(path)["published"] == dict(PUBLISHED)
    assert "authors" in PUBLISHED["name"] and "2501.13893" in PUBLISHED["source"]


def test_without_a_tagger_parts_of_speech_are_missing_not_zero(path: Path) -> None:
    got = dataset_stats([path], load_tagger=no_tagger).to_json()
    assert got["sources"][0]["parts_of_speech"] is None
    assert got["tagger"] is None and "pip install" in got["tagger_missing"]
    got = dataset_stats([path], tag_share=0).to_json()
    assert (got["sources"][0]["parts_of_speech"], got["tagger_missing"]) == (None, "not asked for")


def test_a_share_of_the_captions_is_chosen_by_their_text(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document([segment(f"Dog number {n} runs.") for n in range(2000)])))
    tagged = [
        dataset_stats([path], tag_share=0.2, load_tagger=CountingTagger).to_json()["sources"][0]
        for _ in range(2)
    ]
    assert tagged[0] == tagged[1]
    assert 320 < tagged[0]["parts_of_speech"]["captions_tagged"] < 480
    assert tagged[0]["captions"] == 2000


def test_captions_in_another_language_are_not_tagged_as_english(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path / "data", captions=True)
    manifest = {"format": "pix2cap-dataset", "language": "de"}
    (paths.folder / "manifest.json").write_text(json.dumps(manifest))
    got = figures(paths.folder)
    assert got["sources"][0]["parts_of_speech"] is None and "in de" in got["tagger_missing"]
    assert got["sources"][0]["captions"] > 0


def test_spacy_tells_nouns_adjectives_and_verbs() -> None:
    tagger = Tagger.load()
    (counts,) = tagger.count(["A small brown dog sleeps on the wooden floor."])
    assert counts == TagCounts(nouns=2, adjectives=3, verbs=1)
    assert "en_core_web_sm" in tagger.name and tagger.library.startswith("spaCy 3")
    with pytest.raises(MetricUnavailable, match="download en_core_web_sm"):
        Tagger.load(models=("no_such_model",))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"annotations": 3}', '{"annotations": [{"image_id": 1}]}'])
def test_files_that_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"x\.json"):
        figures(path)


def test_entries_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    broken = document([segment("A dog runs here.")])
    broken["annotations"][0]["segments_info"] += [5, None]
    broken["annotations"] += [None, {"image_id": 3, "segments_info": "x"}]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(broken))
    (got,) = figures(path)["sources"]
    assert (got["captions"], got["unreadable_entries"]) == (1, 4)


def test_wrong_use(path: Path) -> None:
    with pytest.raises(UsageError, match="at least one"):
        dataset_stats([])
    with pytest.raises(UsageError, match="from 0 to 1"):
        dataset_stats([path], tag_share=1.5)


def test_memory_does_not_grow_with_the_captions(tmp_path: Path) -> None:
    """Four times the captions in the same words take no more memory, but for the buffers."""
    peaks = []
    for images in (300, 1200):
        path = tmp_path / f"{images}.json"
        rows = [[segment(f"Dog {n % 7} runs over the {k} lawn.") for k in range(10)] for n in range(images)]
        path.write_text(json.dumps(document(*rows)))
        tracemalloc.start()
        dataset_stats([path], tag_share=0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 400_000


def test_the_published_layout_of_the_real_sample(coco: Path) -> None:
    got = dataset_stats([coco / "pix2cap_train.json", coco / "pix2cap_val.json"], tag_share=0).to_json()
    train, val = got["sources"]
    assert (train["images"], train["captions"], train["statuses"]["crowd"]) == (100, 1105, 6)
    assert (val["images"], val["captions"], val["statuses"]["crowd"]) == (60, 685, 5)
    assert got["together"]["captions"] == 1790
    assert 22.5 < got["together"]["words"]["mean"] < 23.6
    things = got["together"]["things"]["segments"] + got["together"]["stuff"]["segments"]
    assert things == sum(band["segments"] for band in got["together"]["by_size"].values()) == 1790


@given(st.dictionaries(st.integers(0, 80), st.integers(1, 9), min_size=1), st.floats(0, 1))
def test_percentiles_are_numpys(counts: dict[int, int], share: float) -> None:
    values = sorted(counts)
    every = np.repeat(values, [counts[v] for v in values])
    assert percentile(values, [counts[v] for v in values], share) == pytest.approx(
        float(np.percentile(every, 100 * share))
    )
    told = spread(counts)
    assert (told["mean"], told["total"]) == (pytest.approx(every.mean()), every.sum())


@given(st.lists(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5), max_size=9), max_size=9))
def test_distinct_keys_count_like_a_set(parts: list[list[int]]) -> None:
    whole, one = DistinctKeys(), DistinctKeys()
    for part in parts:
        one.add(part)
        other = DistinctKeys()
        other.add(part)
        whole.update(other)
    assert len(one) == len(whole) == len({key for part in parts for key in part})


@given(st.lists(st.lists(st.sampled_from(["red", "dog", "Runs", "a", "b-c"]), max_size=6), max_size=6))
def test_words_and_pairs_count_like_sets(captions: list[list[str]]) -> None:
    tally = WordTally(Numbering())
    halves = [WordTally(tally.numbering), WordTally(tally.numbering)]
    for number, words in enumerate(captions):
        assert tally.add(" ".join(words)) == len(words)
        halves[number % 2].add(" ".join(words))
    lower = [[word.lower() for word in words] for words in captions]
    pairs = [pair for words in lower for pair in pairwise(words)]
    told = tally.to_json()
    assert told["vocabulary"] == len({word for words in lower for word in words})
    assert told["distinct_2"] == (pytest.approx(len(set(pairs)) / len(pairs)) if pairs else None)
    assert told["different_captions"] == len({" ".join(words) for words in lower})
    assert told["words"]["histogram"] == {str(k): n for k, n in sorted(Counter(map(len, lower)).items())}
    halves[0].update(halves[1])
    assert halves[0].to_json() == told


@given(st.floats(0, 1e6))
def test_every_area_has_a_band(area: float) -> None:
    assert size_band(area) == ("small" if area < 1024 else "medium" if area < 9216 else "large")
