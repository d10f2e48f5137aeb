"""Pooling of regions: RoIAlign against a loop, masks against plain means."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pix2cap.errors import InputError
from pix2cap.sft.region_features import RegionConfig, RegionEncoder, Regions, roi_align


def naive_roi_align(fmap: Tensor, box: list[float], size: int, samples: int) -> Tensor:
    """One box, one sample after the other, four neighbours each."""
    channels, height, width = fmap.shape
    out = torch.zeros(channels, size, size, dtype=fmap.dtype)
    x0, y0, x1, y1 = box
    for row in range(size):
        for column in range(size):
            for j in range(samples):
                for i in range(samples):
                    x = x0 + (x1 - x0) * (column + (i + 0.5) / samples) / size - 0.5
                    y = y0 + (y1 - y0) * (row + (j + 0.5) / samples) / size - 0.5
                    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
                    left, top = math.floor(x), math.floor(y)
                    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
                    u, v = x - left, y - top
                    out[:, row, column] += (
                        fmap[:, top, left] * (1 - u) * (1 - v)
                        + fmap[:, top, right] * u * (1 - v)
                        + fmap[:, bottom, left] * (1 - u) * v
                        + fmap[:, bottom, right] * u * v
                    )
    return out / samples**2


edge = st.floats(-2, 9, allow_nan=False)


@given(
    xs=st.tuples(edge, edge).map(sorted),
    ys=st.tuples(edge, edge).map(sorted),
    size=st.integers(1, 4),
    samples=st.integers(1, 3),
    hw=st.tuples(st.integers(1, 6), st.integers(1, 7)),
)
def test_roi_align_is_bilinear_sampling(
    xs: list[float], ys: list[float], size: int, samples: int, hw: tuple[int, int]
) -> None:
    maps = torch.randn(2, 3, *hw, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    box = [xs[0], ys[0], xs[1], ys[1]]
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], box], dtype=torch.float64)
    found = roi_align(maps, boxes, torch.tensor([0, 1]), size=size, samples=samples)
    assert found.shape == (2, 3, size, size)
    torch.testing.assert_close(found[1], naive_roi_align(maps[1], box, size, samples))


def test_roi_align_of_whole_cells_gives_the_cells() -> None:
    maps = torch.arange(12.0).reshape(1, 1, 3, 4)
    found = roi_align(maps, torch.tensor([[1.0, 0.0, 3.0, 2.0]]), torch.tensor([0]), size=2, samples=1)
    assert found.tolist() == [[[[1, 2], [5, 6]]]]


def regions_of(cover: Tensor, *, shape: int = 0) -> Regions:
    batch, count = cover.shape[:2]
    boxes = torch.tensor([0.1, 0.2, 0.6, 0.9]).expand(batch, count, 4)
    shapes = torch.rand(batch, count, shape, shape, generator=torch.Generator().manual_seed(2))
    return Regions(cover, boxes, shapes, cover.flatten(2).amax(2) > 0)


def encoder_of(**changes: object) -> RegionEncoder:
    torch.manual_seed(0)
    config = RegionConfig(**{"layers": (-2, -1), "width": 8, "roi_size": 3, **changes})  # type: ignore[arg-type]
    return RegionEncoder(config, vision_width=6, text_width=10)


def states(seed: int = 3) -> list[Tensor]:
    return list(torch.randn(2, 2, 12, 6, generator=torch.Generator().manual_seed(seed)))


def masks() -> Tensor:
    cover = torch.zeros(2, 2, 3, 4)
    cover[0, 0, 0, :2] = 1
    cover[0, 1, 1:, 3] = 0.25
    cover[1, 0] = torch.rand(3, 4, generator=torch.Generator().manual_seed(4)) + 0.01
    return cover  # The second region of the second picture is padding.


@torch.no_grad()
def test_at_first_a_token_is_the_mean_under_the_mask() -> None:
    encoder = encoder_of(box_position=False)
    hidden, cover = states(), masks()
    cells = sum(level(norm(h)) for level, norm, h in zip(encoder.levels, encoder.norms, hidden, strict=True))
    weights = cover.flatten(2)
    for picture, region in ((0, 0), (0, 1), (1, 0)):
        w = weights[picture, region]
        mean = (cells[picture] * w[:, None]).sum(0) / w.sum()
        expected = encoder.project(encoder.pooled_norm(mean) + encoder.kind)[0]
        torch.testing.assert_close(encoder(hidden, regions_of(cover))[picture, region, 0], expected)


@torch.no_grad()
@pytest.mark.parametrize("tokens", [1, 3])
def test_cells_outside_the_mask_never_count(tokens: int) -> None:
    encoder = encoder_of(tokens=tokens)
    encoder.queries.normal_()
    regions = regions_of(masks())
    before = encoder(states(), regions)
    assert before.shape == (2, 2, tokens, 10)
    changed = states()
    for state in changed:
        # All but the two cells under the first region.
        state[0, 2:] += 100 * torch.randn(10, 6, generator=torch.Generator().manual_seed(5))
    after = encoder(changed, regions)
    torch.testing.assert_close(after[0, 0], before[0, 0])
    assert not torch.allclose(after[0, 1], before[0, 1])


def test_padding_stays_finite_and_changes_nothing() -> None:
    encoder = encoder_of()
    cover = masks()
    both = encoder(states(), regions_of(cover))
    assert torch.isfinite(both).all()
    both.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)
    alone = encoder([state[1:] for state in states()], regions_of(cover[1:, :1]))
    torch.testing.assert_close(alone[0, 0], both[1, 0])


@torch.no_grad()
def test_boxes_and_outlines_are_read() -> None:
    for changes in ({"mode": "box"}, {"mode": "box", "box_position": False}, {"box_position": True}):
        encoder, regions = encoder_of(**changes), regions_of(masks())
        moved = regions._replace(boxes=regions.boxes + torch.tensor([0.2, 0.0, 0.2, 0.0]))
        assert not torch.allclose(encoder(states(), regions)[0, 0], encoder(states(), moved)[0, 0])
    encoder, regions = encoder_of(shape=5), regions_of(masks(), shape=5)
    other = regions._replace(shapes=1 - regions.shapes)
    assert not torch.allclose(encoder(states(), regions)[0, 0], encoder(states(), other)[0, 0])


@torch.no_grad()
def test_a_box_reads_its_own_picture() -> None:
    encoder, regions = encoder_of(mode="box"), regions_of(masks())
    changed = [state.clone() for state in states()]
    for state in changed:
        state[1] += torch.randn(12, 6)
    before, after = encoder(states(), regions), encoder(changed, regions)
    torch.testing.assert_close(after[0], before[0])
    assert not torch.allclose(after[1, 0], before[1, 0])


@torch.no_grad()
def test_both_reads_the_mask_and_what_the_box_shows_around_it() -> None:
    """Two regions of one box differ by their masks; cells of the box beyond a mask are read as well."""
    cover = torch.zeros(2, 2, 3, 4)
    cover[:, 0, 1, 1], cover[:, 1, 1, 2] = 1, 1
    regions = regions_of(cover)
    changed = states()
    for state in changed:
        state[:, 4] += 10 * torch.randn(6, generator=torch.Generator().manual_seed(5))  # Row 1, column 0.
    for mode, masks_differ, sees_around in (
        ("mask", True, False),
        ("box", False, True),
        ("both", True, True),
    ):
        encoder = encoder_of(mode=mode)
        found, after = encoder(states(), regions), encoder(changed, regions)
        assert masks_differ is not torch.allclose(found[:, 0], found[:, 1], atol=1e-5), mode
        assert sees_around is not torch.allclose(found, after, atol=1e-5), mode


@torch.no_grad()
def test_half_precision_keeps_tiny_regions() -> None:
    encoder = encoder_of(box_position=False).to(torch.bfloat16)
    cover = torch.zeros(2, 1, 3, 4)
    cover[:, 0, 1, 1] = 1e-5
    hidden = [state.bfloat16() for state in states()]
    found = encoder(
        hidden, Regions(cover, torch.rand(2, 1, 4), torch.zeros(2, 1, 0, 0), torch.ones(2, 1).bool())
    )
    cover[:, 0, 1, 1] = 1.0
    same = Regions(cover, torch.zeros(2, 1, 4), torch.zeros(2, 1, 0, 0), torch.ones(2, 1).bool())
    assert torch.isfinite(found).all()
    tiny = same._replace(cover=cover * 1e-5)
    torch.testing.assert_close(encoder(hidden, tiny), encoder(hidden, same))


def test_a_configuration_is_checked_and_round_trips() -> None:
    config = RegionConfig(mode="box", layers=(-2, -1), tokens=3, shape=7)
    assert RegionConfig.from_json(config.to_json()) == config
    both = RegionConfig(mode="both", roi_size=7)
    assert RegionConfig.from_json(both.to_json()) == both
    for wrong in ({"mode": "circle"}, {"layers": ()}, {"tokens": 0}):
        with pytest.raises(InputError):
            RegionConfig(**wrong)  # type: ignore[arg-type]
