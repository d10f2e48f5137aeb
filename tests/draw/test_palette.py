from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.core import PanopticMap
from pix2cap.draw.digits import ink_for, relative_luminance
from pix2cap.draw.index import dense_index, touching_pairs
from pix2cap.draw.palette import (
    MIN_DELTA_E76,
    MIN_DELTA_E2000,
    PALETTE,
    delta_e2000,
    rgb_to_lab,
    segment_colors,
)
from tests.draw.maps import maps, panoptic_of, photo, voronoi


def test_lab_and_ciede2000_agree_with_scikit_image() -> None:
    from skimage.color import deltaE_ciede2000, rgb2lab

    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 256, (2, 400, 3))
    first[:20] = second[:20]
    second[20:40] = second[20:40, :1]
    lab_first, lab_second = rgb_to_lab(first), rgb_to_lab(second)
    np.testing.assert_allclose(lab_first, rgb2lab(first[None] / 255.0)[0], atol=0.01)
    np.testing.assert_allclose(
        delta_e2000(lab_first, lab_second), deltaE_ciede2000(lab_first, lab_second), atol=1e-9
    )


def test_palette_colours_are_as_far_apart_as_stated() -> None:
    lab = rgb_to_lab(np.array(PALETTE))
    for a, b in combinations(range(len(PALETTE)), 2):
        assert np.linalg.norm(lab[a] - lab[b]) >= MIN_DELTA_E76
        assert delta_e2000(lab[a], lab[b]) >= MIN_DELTA_E2000


def test_every_palette_colour_stands_out_from_its_halo_and_under_its_number() -> None:
    for color in PALETTE:
        light, dark = relative_luminance(color) + 0.05, 0.05
        assert light / dark >= 3.0
        ink = relative_luminance(ink_for(color)) + 0.05
        assert max(light, ink) / min(light, ink) >= 4.5


@settings(max_examples=60, deadline=None)
@given(panoptic=maps(max_segments=60), with_picture=st.booleans())
def test_touching_segments_get_colours_far_apart(panoptic: PanopticMap, with_picture: bool) -> None:
    ids = [segment.id for segment in panoptic.segments]
    colors = segment_colors(panoptic, ids, photo(panoptic.size_wh) if with_picture else None)
    assert list(colors) == ids
    if len(ids) <= len(PALETTE):
        assert len(set(colors.values())) == len(ids)
    neighbours: dict[int, set[int]] = {i: set() for i in ids}
    for a, b in touching_pairs(dense_index(panoptic.id_map, ids), len(ids)).tolist():
        neighbours[ids[a - 1]].add(ids[b - 1])
        neighbours[ids[b - 1]].add(ids[a - 1])
    for i, near in neighbours.items():
        if len(near) < len(PALETTE):
            lab = rgb_to_lab(np.array(colors[i]))
            for other in near:
                if len(neighbours[other]) < len(PALETTE):
                    assert delta_e2000(lab, rgb_to_lab(np.array(colors[other]))) >= MIN_DELTA_E2000


def test_a_planar_map_with_many_segments_never_repeats_a_colour_across_a_border() -> None:
    panoptic = voronoi((300, 300), 250, seed=4)
    ids = [segment.id for segment in panoptic.segments]
    colors = segment_colors(panoptic, ids)
    for a, b in touching_pairs(dense_index(panoptic.id_map, ids), len(ids)).tolist():
        assert colors[ids[a - 1]] != colors[ids[b - 1]]


@pytest.mark.parametrize("paint", PALETTE)
def test_colours_like_the_segment_itself_are_avoided(paint: tuple[int, int, int]) -> None:
    panoptic = panoptic_of(np.full((40, 40), 3))
    rgb = np.full((40, 40, 3), paint, np.uint8)
    chosen = segment_colors(panoptic, [3], rgb)[3]
    assert delta_e2000(rgb_to_lab(np.array(chosen)), rgb_to_lab(np.array(paint))) > 40


def test_pairs_by_both_ways_of_counting() -> None:
    index = np.array([[1, 1, 0, 300], [2, 2, 300, 300]], np.uint16)
    assert touching_pairs(index, 300).tolist() == [[1, 2], [2, 300]]
    assert touching_pairs(np.minimum(index, 3).astype(np.uint8), 3).tolist() == [[1, 2], [2, 3]]


@given(panoptic=maps(max_side=40), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_dense_index_numbers_the_ids_in_their_order(panoptic: PanopticMap, seed: int) -> None:
    ids = [segment.id for segment in panoptic.segments]
    np.random.default_rng(seed).shuffle(ids)
    ids = ids[: len(ids) // 2 + 1]
    index = dense_index(panoptic.id_map, ids)
    expected = np.zeros(panoptic.id_map.shape, int)
    for number, segment_id in enumerate(ids, 1):
        expected[panoptic.id_map == segment_id] = number
    assert (index == expected).all()
