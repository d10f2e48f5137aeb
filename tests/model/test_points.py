"""Sampling maps at points, and where points are put."""

from __future__ import annotations

import pytest
import torch

from pix2cap.model.points import mask_sample, point_sample, uncertain_points, uniform

CPU = torch.device("cpu")


def test_a_cell_is_met_at_its_centre() -> None:
    cells = torch.arange(6.0).view(1, 1, 2, 3)
    centres = torch.tensor([[(x + 0.5) / 3, (y + 0.5) / 2] for y in range(2) for x in range(3)])
    torch.testing.assert_close(point_sample(cells, centres[None]), cells.flatten(2))


def test_channels_share_a_pictures_points() -> None:
    maps, points = torch.randn(2, 5, 4, 6), torch.rand(2, 7, 2)
    apart = torch.stack([point_sample(maps[:, c : c + 1], points)[:, 0] for c in range(5)], dim=1)
    torch.testing.assert_close(point_sample(maps, points), apart)


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 5), (4, 3), (16, 24)])
def test_boolean_masks_give_what_their_float_copies_give(size_hw: tuple[int, int]) -> None:
    draw = torch.Generator().manual_seed(3)
    masks = torch.rand(3, *size_hw, generator=draw) > 0.5
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5]])
    points = torch.cat([corners, torch.rand(200, 2, generator=draw)]).expand(4, -1, -1)
    rows = torch.tensor([2, 0, 1, 2])
    floats = point_sample(masks[rows].float().unsqueeze(1), points).squeeze(1)
    torch.testing.assert_close(mask_sample(masks, points, rows), floats, rtol=0, atol=1e-5)


def test_no_masks_give_no_values() -> None:
    empty = mask_sample(torch.zeros(0, 4, 4, dtype=torch.bool), torch.rand(0, 9, 2), torch.zeros(0).long())
    assert empty.shape == (0, 9)


def test_three_quarters_of_the_points_go_to_the_edge() -> None:
    mask = torch.linspace(-10, 10, 16).expand(1, 16, 16)
    points = uncertain_points(mask, 400, generator=torch.Generator().manual_seed(0))
    assert points.shape == (1, 400, 2)
    assert ((points >= 0) & (points <= 1)).all()
    distance = (points[0, :, 0] - 0.5).abs()
    # 300 of 1200 candidates: a quarter of the width would do, were it not that maps fade at the border.
    assert distance[:300].quantile(0.9) < 0.15
    assert 0.2 < distance[300:].mean() < 0.3


def test_all_points_may_be_random() -> None:
    points = uncertain_points(torch.randn(2, 4, 4), 50, oversample_ratio=1, importance_ratio=0)
    assert points.shape == (2, 50, 2)


def test_a_seed_repeats_the_points() -> None:
    mask = torch.randn(2, 8, 8)
    first, again, other = (
        uncertain_points(mask, 64, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_one_draw_for_all_pictures_is_the_draws_of_each() -> None:
    together, apart = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    drawn = uniform(3, 33, 2, device=CPU, generator=together)
    assert torch.equal(drawn, torch.stack([uniform(33, 2, device=CPU, generator=apart) for _ in range(3)]))
