import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pix2cap.core import PanopticMap
from pix2cap.vlm.describe_contacts import NEAR_PX, neighbours


def panoptic_of(id_map: np.ndarray) -> PanopticMap:
    ids = [int(i) for i in np.unique(id_map) if i]
    return PanopticMap.from_id_map(id_map, dict.fromkeys(ids, (1, True, False)))


@pytest.mark.parametrize(
    ("one", "other", "side"),
    [
        ((slice(0, 20), slice(0, 60)), (slice(20, 40), slice(0, 60)), "above"),
        ((slice(20, 40), slice(0, 60)), (slice(0, 20), slice(0, 60)), "below"),
        ((slice(0, 40), slice(0, 30)), (slice(0, 40), slice(30, 60)), "left"),
        ((slice(0, 40), slice(30, 60)), (slice(0, 40), slice(0, 30)), "right"),
    ],
)
def test_sides(one: tuple[slice, slice], other: tuple[slice, slice], side: str) -> None:
    id_map = np.zeros((40, 60), np.uint32)
    id_map[one], id_map[other] = 5, 9
    (link,) = neighbours(panoptic_of(id_map))[5]
    assert (link.other_id, link.kind, link.side) == (9, "touching", side)


def test_surrounded() -> None:
    id_map = np.full((40, 40), 3, np.uint32)
    id_map[15:25, 15:25] = 4
    found = neighbours(panoptic_of(id_map))
    assert [(n.other_id, n.kind, n.side) for n in found[4]] == [(3, "surrounding", None)]
    assert [(n.other_id, n.kind) for n in found[3]] == [(4, "touching")]


@pytest.mark.parametrize(("gap", "kind"), [(0, "touching"), (NEAR_PX - 1, "near"), (NEAR_PX, None)])
def test_a_gap_of_void_is_near_and_a_wide_one_is_nothing(gap: int, kind: str | None) -> None:
    id_map = np.zeros((30, 60), np.uint32)
    id_map[:, 0:20] = 1
    id_map[:, 20 + gap : 50] = 2
    assert [n.kind for n in neighbours(panoptic_of(id_map))[1]] == ([kind] if kind else [])


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint32, st.tuples(st.integers(2, 12), st.integers(2, 12)), elements=st.integers(0, 4)))
def test_touching_is_mutual_and_agrees_with_the_pixels(id_map: np.ndarray) -> None:
    found = neighbours(panoptic_of(id_map))
    touching = {(i, n.other_id) for i, links in found.items() for n in links if n.kind != "near"}
    pairs = np.concatenate(
        [
            np.stack([id_map[:, :-1].ravel(), id_map[:, 1:].ravel()], 1),
            np.stack([id_map[:-1].ravel(), id_map[1:].ravel()], 1),
        ]
    )
    real = {(int(a), int(b)) for a, b in pairs if a and b and a != b}
    assert touching == real | {(b, a) for a, b in real}
    assert all(0 < n.share <= 1 for links in found.values() for n in links)
