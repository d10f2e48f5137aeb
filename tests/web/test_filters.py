"""Query strings to filters and back."""

from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from pix2cap.web.filters import DECISIONS, FACETS, SORTS, Filters, read_filters, read_page

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
FILTERS = st.builds(
    Filters,
    equal=st.dictionaries(st.sampled_from([f for f in FACETS if f != "decision"]), TEXT, max_size=4).map(
        lambda chosen: tuple((name, chosen[name]) for name in FACETS if name in chosen)
    ),
    words_min=st.none() | st.integers(0, 999_999),
    words_max=st.none() | st.integers(0, 999_999),
    q=TEXT.map(lambda text: " ".join(text.replace("\x00", " ").split())),
    sort=st.sampled_from([name for name, _ in SORTS]),
)


@given(FILTERS)
def test_a_link_brings_the_same_filters_back(filters: Filters) -> None:
    assert read_filters(dict(parse_qsl(filters.query()))) == (filters, [])


@given(st.dictionaries(st.sampled_from([*FACETS, "words_min", "words_max", "q", "sort", "page"]), st.text()))
def test_any_query_is_read(query: dict[str, str]) -> None:
    filters, problems = read_filters(query)
    assert all("expected" in problem for problem in problems)
    assert read_page(query) >= 1
    assert read_filters(filters.values())[0] == filters


def test_values_that_nobody_can_read_are_told() -> None:
    filters, problems = read_filters({"words_min": "-1", "words_max": "²", "decision": "x", "sort": "y"})
    assert filters == Filters()
    assert len(problems) == 4


def test_changes_of_a_link() -> None:
    filters = Filters((("status", "failed"),), q="red car")
    assert filters.query() == "status=failed&q=red+car"
    assert filters.query(status=None, page=2) == "q=red+car&page=2"
    assert Filters().query() == ""
    assert set(DECISIONS) >= {"open", "conflict"}
