from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.spice_sg import halves
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kendalltau

from pix2cap.errors import MetricUnavailable
from pix2cap.metrics.spice_sg import NAMES, score_graphs, spice_sg
from pix2cap.metrics.spice_sg_match import match_propositions, merge_graphs
from pix2cap.metrics.spice_sg_synonyms import load_synonyms
from pix2cap.text.scene_graph import SceneGraph, SceneGraphParser

SENSES = {
    "sofa": [1],
    "couch": [1, 2],
    "lounge": [2],
    "large": [3],
    "big": [3],
    "next_to": [4],
    "beside": [4],
}


@pytest.fixture(scope="module")
def parser() -> SceneGraphParser:
    try:
        return SceneGraphParser.load()
    except MetricUnavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def synonyms() -> dict[str, tuple[int, ...]]:
    try:
        return load_synonyms()
    except MetricUnavailable as missing:
        pytest.skip(str(missing))


def _graph(objects: str = "", attributes: str = "", relations: str = "") -> SceneGraph:
    pairs = [part.split(":") for part in attributes.split()]
    triples = [part.split(":") for part in relations.split(",") if part]
    return SceneGraph(
        frozenset(objects.split()),
        frozenset((thing, value) for thing, value in pairs),
        frozenset((subject, name, other) for subject, name, other in triples),
    )


def _named(scores: Sequence[float]) -> dict[str, float]:
    return dict(zip(NAMES, scores, strict=True))


def test_f_score_by_hand() -> None:
    candidate = _graph("cat bed", "cat:black cat:2", "cat:on:bed")
    reference = _graph("cat sofa", "cat:black cat:small", "cat:on:sofa,cat:near:sofa")
    scores = _named(score_graphs(candidate, [reference], synonyms={}))
    # 2 of 5 and 2 of 6 propositions: the cat, and that it is black.
    assert scores["spice_sg"] == pytest.approx(2 * (2 / 5) * (2 / 6) / (2 / 5 + 2 / 6))
    assert scores["spice_sg_object"] == pytest.approx(0.5)
    assert scores["spice_sg_attribute"] == pytest.approx(0.5)
    assert scores["spice_sg_color"] == 1
    assert scores["spice_sg_size"] == 0
    assert np.isnan(scores["spice_sg_cardinality"])
    assert scores["spice_sg_relation"] == 0


def test_references_say_together_what_each_says() -> None:
    references = [_graph("cat"), _graph("cat bed", "cat:black"), _graph("bed", "", "cat:on:bed")]
    candidate = _graph("cat bed", "cat:black", "cat:on:bed")
    assert score_graphs(candidate, references, synonyms={})[0] == 1


def test_synonyms_match_and_count_once() -> None:
    candidate = _graph("sofa dog", "sofa:big", "dog:next to:sofa")
    reference = _graph("couch dog", "couch:large", "dog:beside:couch")
    assert score_graphs(candidate, [reference], synonyms=SENSES)[0] == 1
    assert score_graphs(candidate, [reference], synonyms={})[0] == pytest.approx(1 / 4)
    both = _graph("sofa couch dog", "sofa:big couch:large", "dog:next to:sofa,dog:beside:couch")
    assert len(merge_graphs([both], SENSES)) == 4
    assert score_graphs(candidate, [both], synonyms=SENSES)[0] == 1


def test_a_lemma_is_not_taken_for_the_name_of_a_sense() -> None:
    assert score_graphs(_graph("cat"), [_graph("dog")], synonyms={"cat": ["dog"]})[0] == 0


_WORDS = st.sampled_from(["sofa", "couch", "lounge", "big", "large", "next to", "beside", "cat"])
_GRAPHS = st.builds(
    SceneGraph,
    st.frozensets(_WORDS, min_size=1, max_size=5),
    st.just(frozenset()),
    st.just(frozenset()),
).flatmap(
    lambda graph: st.builds(
        SceneGraph,
        st.just(graph.objects),
        st.frozensets(st.tuples(st.sampled_from(sorted(graph.objects)), _WORDS), max_size=5),
        st.frozensets(
            st.tuples(st.sampled_from(sorted(graph.objects)), _WORDS, st.sampled_from(sorted(graph.objects))),
            max_size=5,
        ),
    )
)


@settings(max_examples=80)
@given(_GRAPHS, st.lists(_GRAPHS, min_size=1, max_size=3), st.randoms())
def test_properties(candidate: SceneGraph, references: list[SceneGraph], rng: random.Random) -> None:
    for senses in ({}, SENSES):
        scores = score_graphs(candidate, references, synonyms=senses)
        assert all(np.isnan(score) or 0 <= score <= 1 for score in scores)
        assert score_graphs(candidate, [candidate], synonyms=senses)[0] == 1
        swapped = score_graphs(references[0], [candidate], synonyms=senses)[0]
        assert swapped == pytest.approx(score_graphs(candidate, references[:1], synonyms=senses)[0])
        shuffled = rng.sample(references, len(references))
        assert score_graphs(candidate, shuffled, synonyms=senses) == pytest.approx(scores, nan_ok=True)
        doubled = score_graphs(candidate, [*references, *references], synonyms=senses)
        assert doubled == pytest.approx(scores, nan_ok=True)


@settings(max_examples=100)
@given(_GRAPHS, _GRAPHS)
def test_matching_agrees_with_comparing_all(one: SceneGraph, other: SceneGraph) -> None:
    said, true = merge_graphs([one], SENSES), merge_graphs([other], SENSES)

    def same(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
        pairs = [(x.replace(" ", "_"), y.replace(" ", "_")) for x in a for y in b]
        return any(x == y or set(SENSES.get(x, ())) & set(SENSES.get(y, ())) for x, y in pairs)

    def meet(p: tuple[Any, ...], q: tuple[Any, ...]) -> bool:
        return len(p) == len(q) and all(map(same, p, q))

    said_matched, true_matched = match_propositions(said, true, SENSES)
    assert said_matched == {p for p in said if any(meet(p, q) for q in true)}
    assert true_matched == {q for q in true if any(meet(p, q) for p in said)}


def test_captions(parser: SceneGraphParser, synonyms: dict[str, tuple[int, ...]]) -> None:
    candidates = ["A large couch beside a black dog.", "Two cats.", "", "Running fast."]
    references = [
        ["A black dog next to a big sofa."],
        ["A cat.", "Two cats on a bed."],
        ["A cat."],
        ["A cat."],
    ]
    scores = spice_sg(candidates, references, parser=parser, synonyms=synonyms)
    items = scores.per_item["spice_sg"]
    assert list(scores.per_item) == list(NAMES)
    assert items[1] == pytest.approx(2 * 1 * (2 / 4) / 1.5)
    assert items[2] == items[3] == 0
    assert scores.corpus["spice_sg"] == pytest.approx(items.mean())
    assert scores.per_item["spice_sg_object"][0] == scores.per_item["spice_sg_attribute"][0] == 1
    assert spice_sg(["A red car."], [["A red car."]]).corpus["spice_sg"] == 1  # with what is installed
    assert np.isnan(spice_sg([], [], parser=parser, synonyms={}).corpus["spice_sg"])


@pytest.mark.parametrize(
    ("candidates", "references", "message"),
    [
        (["a"], [], "1 candidates, got 0"),
        (["a", "b"], [["a"], []], "references of item 1"),
        (["a"], ["a"], "references of item 0, got 'a'"),
    ],
)
def test_wrong_use(candidates: list[str], references: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spice_sg(candidates, references)


def test_synonym_table(synonyms: dict[str, tuple[int, ...]], tmp_path: Path) -> None:
    assert len(synonyms) > 100_000
    assert set(synonyms["sofa"]) & set(synonyms["couch"])
    assert not set(synonyms["cat"]) & set(synonyms["bicycle"])
    with pytest.raises(MetricUnavailable, match=r"synsets of .*meteor-1\.5\.jar.*pip install"):
        load_synonyms(tmp_path)
    (tmp_path / "meteor").mkdir()
    with zipfile.ZipFile(tmp_path / "meteor" / "meteor-1.5.jar", "w") as jar:
        jar.writestr("synonym/english.synsets", "sofa\n1 2\ncouch\n")
    with pytest.raises(MetricUnavailable, match="expected lemmas and synset numbers"):
        load_synonyms(tmp_path)


def _correlations(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[float, float]:
    return float(np.corrcoef(ours, theirs)[0, 1]), float(kendalltau(ours, theirs)[0])


# Targets of the project: Pearson .93 and .80. A little below what was measured (.941, .861; .83, .68).
REAL = [("region", 0.935, 0.81), ("image", 0.85, 0.66)]


@pytest.mark.parametrize(("name", "pearson", "kendall"), REAL)
def test_correlation_with_spice_on_real_captions(
    name: str,
    pearson: float,
    kendall: float,
    golden: Path,
    parser: SceneGraphParser,
    synonyms: dict[str, tuple[int, ...]],
) -> None:
    data = json.loads((golden / "captions_real.json").read_text("utf-8"))[name]
    keys = list(data["hyps"])
    spice = np.array([data["per_item"]["spice"][key] for key in keys])
    scores = spice_sg(
        [data["hyps"][key] for key in keys],
        [data["refs"][key] for key in keys],
        parser=parser,
        synonyms=synonyms,
    )
    found = _correlations(scores.per_item["spice_sg"], spice)
    assert found[0] >= pearson
    assert found[1] >= kendall
    # Differences were read item by item in one half; the other must reach the target too.
    rows = [keys.index(key) for key in halves(sorted(keys))[1]]
    assert _correlations(scores.per_item["spice_sg"][rows], spice[rows])[0] >= (
        0.93 if name == "region" else 0.8
    )


@pytest.mark.parametrize("name", ["single_ref", "multi_ref"])
def test_correlation_with_spice_on_synthetic_captions(
    name: str, golden: Path, parser: SceneGraphParser, synonyms: dict[str, tuple[int, ...]]
) -> None:
    data = json.loads((golden / "captions_synthetic.json").read_text("utf-8"))
    keys = list(data[name]["refs"])
    scores = spice_sg(
        [data["hyps"][key] for key in keys],
        [data[name]["refs"][key] for key in keys],
        parser=parser,
        synonyms=synonyms,
    )
    spice = np.array(data[name]["per_item"]["spice"])
    assert _correlations(scores.per_item["spice_sg"], spice)[0] >= 0.92
