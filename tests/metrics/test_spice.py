"""SPICE: golden numbers where Java is; cache, progress and failures against a stand-in for Java."""

from __future__ import annotations

import json
import math
import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pix2cap.errors import InputError, MetricUnavailable
from pix2cap.metrics.cache_folder import cache_folder
from pix2cap.metrics.spice import SpiceProgress, spice
from pix2cap.metrics.spice_cache import SpiceCache
from pix2cap.metrics.spice_java import default_processes
from pix2cap.metrics.spice_tools import SpiceTools, find_spice_tools, java_version, search_spice_tools
from tests.builders.captions import real, synthetic
from tests.builders.fake_java import fake_java, fake_tools, put_spice_jars
from tests.conftest import SHARED

# Items of each golden set that the suite scores; benchmarks/captions.py --spice scores all of them.
N_GOLDEN = 8


@pytest.fixture(scope="session")
def tools() -> SpiceTools:
    jars = SHARED / "tools" / "spice"
    search = search_spice_tools({"PIX2CAP_SPICE_HOME": str(jars), **os.environ})
    if search.tools is None:
        pytest.skip("; ".join(part.name for part in search.missing))
    return search.tools


@pytest.fixture(scope="session")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spice-cache")


Sample = tuple[list[list[str]], list[list[list[str]]], list[float]]


@pytest.fixture(scope="session")
def sample(golden: Path) -> Sample:
    """A seeded sample of all golden sets together, so that the JVMs start once."""
    candidates, references, expected = [], [], []
    for kind in ("image", "region", "single_ref", "multi_ref"):
        known = (synthetic if "ref" in kind else real)(golden, kind)
        for k in random.Random(kind).sample(range(len(known.ids)), N_GOLDEN):
            candidates.append(known.candidates[k])
            references.append(known.references[k])
            expected.append(float(known.per_item["spice"][k]))
    return candidates, references, expected


def test_equals_the_original(tools: SpiceTools, sample: Sample, warm_cache: Path) -> None:
    candidates, references, expected = sample
    seen: list[SpiceProgress] = []
    scores = spice(candidates, references, tools=tools, cache=warm_cache, on_progress=seen.append)
    np.testing.assert_allclose(scores.per_item["spice"], expected, atol=1e-6)
    assert scores.corpus["spice"] == pytest.approx(np.mean(expected))
    texts = {" ".join(t) for t in candidates} | {" ".join(ref) for refs in references for ref in refs}
    assert (seen[0].done, seen[0].total) == (0, len(texts)), "each distinct text is parsed once"
    assert seen[-1] == SpiceProgress(len(texts), len(texts), 0.0)
    # A second run needs no Java at all, and one changed candidate costs one text.
    dead = replace(tools, java=Path("/no/such/java"))
    again = spice(candidates, references, tools=dead, cache=warm_cache)
    np.testing.assert_array_equal(again.per_item["spice"], scores.per_item["spice"])
    seen.clear()
    changed = spice(
        [["two", "red", "dogs", "on", "the", "street"], *candidates[1:]],
        [[["a", "dog"], *references[0]], *references[1:]],
        tools=tools,
        cache=warm_cache,
        on_progress=seen.append,
    )
    assert seen[0].total == 2
    np.testing.assert_array_equal(changed.per_item["spice"][1:], scores.per_item["spice"][1:])


def test_what_has_no_words(tools: SpiceTools, tmp_path: Path) -> None:
    scores = spice(
        [[], ["a", "dog"], [], ["café", "naïve", "a", "cat"]],
        [[["a", "dog"]], [[]], [[]], [["café", "naïve", "a", "cat"]]],
        tools=tools,
        cache=tmp_path,
    )
    assert scores.per_item["spice"].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert np.isnan(scores.per_item["spice_object"][1:3]).all()
    assert scores.corpus["spice_object"] == 0.5
    assert math.isnan(scores.corpus["spice_size"])


CANDIDATES = [["a", "dog"], ["a", "cat"], ["a", "dog"]]
REFERENCES = [[["a", "dog"], ["one", "dog"]], [["a", "dog"]], [["a", "dog"], ["one", "dog"]]]


def _asked(folder: Path) -> list[str]:
    return [json.loads(line) for line in (folder / "asked.txt").read_text().splitlines()]


def test_each_text_is_asked_for_once(tmp_path: Path) -> None:
    tools = fake_tools(tmp_path / "java")
    scores = spice(CANDIDATES, REFERENCES, tools=tools, cache=tmp_path / "cache")
    assert scores.per_item["spice"].tolist() == pytest.approx([0.8, 0.5, 0.8])
    assert sorted(_asked(tmp_path / "java")) == ["a cat", "a dog", "one dog"]
    spice(
        [*CANDIDATES, ["one", "bird"]], [*REFERENCES, [["a", "dog"]]], tools=tools, cache=tmp_path / "cache"
    )
    assert sorted(_asked(tmp_path / "java")) == ["a cat", "a dog", "one bird", "one dog"]


def test_other_jars_share_no_results(tmp_path: Path) -> None:
    tools = fake_tools(tmp_path / "java")
    spice(CANDIDATES, REFERENCES, tools=tools, cache=tmp_path / "cache")
    tools.class_path[0].write_bytes(b"another version")
    spice(CANDIDATES, REFERENCES, tools=tools, cache=tmp_path / "cache")
    assert len(_asked(tmp_path / "java")) == 6


def test_order_of_references_is_part_of_the_question(tmp_path: Path) -> None:
    with SpiceCache(tmp_path, fingerprint="f") as cache:
        cache.keep_pairs({(("a", "b"), "c"): 1})
        assert cache.pairs([(("a", "b"), "c"), (("b", "a"), "c"), (("a", "b c"), "")]) == {
            (("a", "b"), "c"): 1
        }


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("crash", r"ended without an answer \(exit code 3; it said: .*OutOfMemoryError"),
        ("garbage", "answered what is no JSON"),
        ("error", "answered: NullPointerException"),
        ("short", "expected 8 tuples, got {}"),
        ("hang", "gave no answer within 0.8 s"),
    ],
)
def test_a_jvm_that_fails_is_told_and_what_came_before_is_kept(
    tmp_path: Path, behaviour: str, told: str
) -> None:
    candidates = [[f"w{n}"] for n in range(30)]
    references = [[["w0"]]] * 30
    cache = tmp_path / "cache"
    bad = fake_tools(tmp_path / "java", behaviour=behaviour, good=2)
    timeout_s = 0.8 if behaviour == "hang" else 60.0
    with pytest.raises(MetricUnavailable, match=told):
        spice(candidates, references, tools=bad, cache=cache, processes=1, timeout_s=timeout_s)
    before = _asked(tmp_path / "java")
    assert len(before) == 16
    good = fake_tools(tmp_path / "java")
    scores = spice(candidates, references, tools=good, cache=cache, processes=1)
    assert scores.per_item["spice"].tolist() == [1.0] + [0.0] * 29
    assert sorted(_asked(tmp_path / "java")) == sorted(f"w{n}" for n in range(30)), "none twice"


def test_a_score_that_is_none(tmp_path: Path) -> None:
    tools = fake_tools(tmp_path / "java", behaviour="nan", good=1)
    with pytest.raises(MetricUnavailable, match="expected an F of 0 to 1 for All, got None"):
        spice([["a"]], [[["a"]]], tools=tools, cache=tmp_path)


def test_a_jvm_that_does_not_start(tmp_path: Path) -> None:
    dead = fake_tools(tmp_path / "java", behaviour="dead")
    with pytest.raises(MetricUnavailable, match=r"ended at its start .*Could not reserve enough space"):
        spice([["a"]], [[["a"]]], tools=dead, cache=tmp_path)
    gone = replace(dead, java=tmp_path / "no-java")
    with pytest.raises(MetricUnavailable, match="does not start"):
        spice([["b"]], [[["a"]]], tools=gone, cache=tmp_path)


def test_many_jvms_give_what_one_gives(tmp_path: Path) -> None:
    tools = fake_tools(tmp_path / "java")
    candidates = [[f"w{n}", "x"] for n in range(200)]
    references = [[[f"w{n}"], [f"v{n % 7}"]] for n in range(200)]
    one = spice(candidates, references, tools=tools, cache=tmp_path / "1", processes=1)
    four = spice(candidates, references, tools=tools, cache=tmp_path / "4", processes=4)
    np.testing.assert_array_equal(one.per_item["spice"], four.per_item["spice"])
    assert len(_asked(tmp_path / "java")) == 2 * len(set(_asked(tmp_path / "java"))) == 2 * (200 + 200 + 7)


def test_a_cache_that_is_none(tmp_path: Path) -> None:
    tools = fake_tools(tmp_path / "java")
    spice(CANDIDATES, REFERENCES, tools=tools, cache=tmp_path)
    (file,) = tmp_path.glob("spice-*.sqlite")
    file.write_bytes(b"something else, and long enough to be looked at" * 100)
    with pytest.raises(InputError, match="delete the file"):
        spice(CANDIDATES, REFERENCES, tools=tools, cache=tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="PIX2CAP_CACHE"):
        spice(CANDIDATES, REFERENCES, tools=tools, cache=tmp_path / "file")


def test_where_the_cache_lies(tmp_path: Path) -> None:
    assert cache_folder({"PIX2CAP_CACHE": "/x/y", "HOME": "/h"}) == Path("/x/y")
    assert cache_folder({"HOME": str(tmp_path)}).is_relative_to(tmp_path)


def test_all_parts_are_found(tmp_path: Path) -> None:
    put_spice_jars(tmp_path / "jars")
    fake_java(tmp_path / "bin")
    environ = {"PATH": str(tmp_path / "bin"), "PIX2CAP_SPICE_HOME": str(tmp_path / "jars")}
    tools = find_spice_tools(environ)
    assert tools.java == tmp_path / "bin" / "java"
    assert tools.main_class == "org.openjdk.nashorn.tools.Shell"
    assert {"spice-1.0.jar", "nashorn-core-15.4.jar"} <= {jar.name for jar in tools.class_path}
    fake_java(tmp_path / "home" / "bin", version="1.8.0_412")
    old = find_spice_tools({**environ, "JAVA_HOME": str(tmp_path / "home")})
    assert (old.java_version, old.main_class) == (8, "jdk.nashorn.tools.Shell")


@pytest.mark.parametrize(
    ("jar", "coordinates"),
    [
        ("stanford-corenlp-3.6.0.jar", "edu.stanford.nlp:stanford-corenlp:3.6.0"),
        ("stanford-corenlp-3.6.0-models.jar", "edu.stanford.nlp:stanford-corenlp:3.6.0:jar:models"),
        ("nashorn-core-15.4.jar", "org.openjdk.nashorn:nashorn-core:15.4"),
        ("asm-util-7.3.1.jar", "org.ow2.asm:asm-util:7.3.1"),
    ],
)
def test_a_missing_jar_is_named_with_its_coordinates(tmp_path: Path, jar: str, coordinates: str) -> None:
    put_spice_jars(tmp_path / "jars")
    (tmp_path / "jars" / jar).unlink()
    fake_java(tmp_path / "bin")
    environ = {"PATH": str(tmp_path / "bin"), "PIX2CAP_SPICE_HOME": str(tmp_path / "jars")}
    (part,) = search_spice_tools(environ).missing
    command = f"mvn dependency:copy -Dartifact={coordinates} -DoutputDirectory={tmp_path / 'jars'}"
    assert part.commands == (command,)
    with pytest.raises(MetricUnavailable, match="`pix2cap doctor` prints") as caught:
        find_spice_tools(environ)
    assert jar in str(caught.value)
    assert f"({coordinates})" in str(caught.value)


def test_nothing_is_there(tmp_path: Path) -> None:
    search = search_spice_tools({"PATH": str(tmp_path)}, package=tmp_path)
    told = " ".join(part.name for part in search.missing)
    for part in ("Java", "spice-1.0.jar", "stanford-corenlp-3.6.0.jar", "models", "PIX2CAP_SPICE_HOME"):
        assert part in told
    (tmp_path / "java").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "java").chmod(0o755)
    assert java_version(tmp_path / "java") is None, "macOS has a java that only says that there is none"


def test_at_least_one_jvm() -> None:
    assert default_processes() >= 1
