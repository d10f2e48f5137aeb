"""The released aggregation's numbers, and what holds for any grades."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.evaluate.vipbench_aggregate import aggregate, rounded

ROWS = st.dictionaries(
    st.integers(0, 99).map(lambda n: f"v1_{n}"),
    st.tuples(
        st.lists(st.sampled_from(["rec", "ocr", "know"]), min_size=1, max_size=4),
        st.lists(st.one_of(st.none(), st.integers(0, 10).map(lambda n: n / 10)), min_size=3, max_size=3),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize("runs", [1, 5])
def test_the_released_aggregation_is_reproduced(golden: Path, runs: int) -> None:
    record = json.loads((golden / "vipbench_aggregation.json").read_text())
    expected = record["expected"][str(runs)]
    capabilities = {item_id: item["capability"] for item_id, item in record["meta"].items()}
    grades = {item_id: row["score"] for item_id, row in record["grades"].items()}
    total, singles, sets = aggregate(capabilities, grades, runs)
    told = {"", "total", "std", "runs"}
    assert {group.name: str(rounded(group.score)) for group in singles} == {
        name: value for name, value in expected["cap"].items() if name not in told
    }
    assert {frozenset(group.capabilities): str(rounded(group.score)) for group in sets} == {
        frozenset(name.split("_")): value for name, value in expected["cap_int"].items() if name not in told
    }
    for table in expected.values():
        assert str(rounded(total.score)) == table["total"]
        assert str(rounded(total.std)) == table["std"]
        assert [f"np.float64({rounded(value)})" for value in total.by_run] == table["runs"][1:-1].split(", ")
    assert sum(group.items for group in sets) == total.items == len(record["meta"])


@given(ROWS)
def test_groups_are_means_over_what_is_graded(rows: dict[str, tuple[list[str], list[float | None]]]) -> None:
    capabilities = {item_id: named for item_id, (named, _) in rows.items()}
    grades = {item_id: row for item_id, (_, row) in rows.items()}
    total, singles, sets = aggregate(capabilities, grades, 3)
    for group in (total, *singles):
        members = [row for named, row in rows.values() if set(group.capabilities) <= set(named)]
        assert group.items == len(members)
        assert group.graded == sum(any(value is not None for value in row) for row in members)
        for run, value in enumerate(group.by_run):
            known = [row[run] for row in members if row[run] is not None]
            assert value == (None if not known else pytest.approx(100 * np.mean(known)))
    assert sum(group.items for group in sets) == len(rows)
    assert {group.capabilities for group in sets} == {tuple(sorted(set(n))) for n, _ in rows.values()}
    assert [group.items for group in sets] == sorted((group.items for group in sets), reverse=True)


@given(ROWS)
def test_order_of_capabilities_and_items_does_not_matter(
    rows: dict[str, tuple[list[str], list[float | None]]],
) -> None:
    capabilities = {item_id: named for item_id, (named, _) in rows.items()}
    grades = {item_id: row for item_id, (_, row) in rows.items()}
    turned = {item_id: named[::-1] * 2 for item_id, named in reversed(capabilities.items())}
    before, after = aggregate(capabilities, grades, 3), aggregate(turned, grades, 3)
    assert [g.name for g in after[2]] == [g.name for g in before[2]]
    assert [g.score for g in after[1]] == [pytest.approx(g.score) for g in before[1]]


def test_an_item_without_grades_is_counted_and_left_out() -> None:
    total, _, _ = aggregate(
        {"a": ["rec"], "b": ["rec"], "c": ["ocr"]}, {"a": [0.5, 1.0], "b": [None, 0.0]}, 2
    )
    assert (total.items, total.graded) == (3, 2)
    assert total.by_run == (50.0, 50.0)
    assert total.std == 0.0
    empty, _, _ = aggregate({"a": ["rec"]}, {}, 2)
    assert (empty.score, empty.std, empty.by_run) == (None, None, (None, None))


def test_the_deviation_is_that_of_the_population() -> None:
    total, _, _ = aggregate({"a": ["rec"]}, {"a": [0.0, 1.0]}, 2)
    assert total.std == 50.0
