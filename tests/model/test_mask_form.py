from __future__ import annotations

import torch
from torch import Tensor

from pix2cap.model.mask_form import MaskForm, mask_windows


def disc(size: int, x: float, y: float, radius: float) -> Tensor:
    ys, xs = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    return (((xs - x) ** 2 + (ys - y) ** 2) <= radius**2).float()


def test_the_same_form_anywhere_and_at_any_size() -> None:
    forms = mask_windows(torch.stack([disc(96, 20, 30, 12), disc(96, 60, 50, 24)]), cells=16)
    assert (forms[0] - forms[1]).abs().mean() < 0.05
    assert forms[0, 8, 8] == 1 and forms[0, 0, 0] == 0


def test_stray_pixels_far_away_hardly_change_it() -> None:
    clean, dirty = disc(96, 24, 24, 14), disc(96, 24, 24, 14)
    dirty[80:83, 80:83] = 1
    forms = mask_windows(torch.stack([clean, dirty]), cells=16)
    assert (forms[0] - forms[1]).abs().mean() < 0.05


def test_forms_differ_between_shapes() -> None:
    square = torch.zeros(64, 64)
    square[10:40, 20:50] = 1
    ring = disc(64, 30, 30, 20) - disc(64, 30, 30, 12)
    forms = mask_windows(torch.stack([square, ring]), cells=16)
    assert (forms[0] - forms[1]).abs().mean() > 0.2


def test_an_empty_mask_has_an_empty_form() -> None:
    forms = mask_windows(torch.zeros(2, 20, 30), cells=16)
    assert torch.equal(forms, torch.zeros(2, 16, 16))


def test_no_gradient_reaches_the_masks() -> None:
    masks = torch.randn(2, 3, 24, 24, requires_grad=True)
    out = MaskForm(8)(masks)
    assert out.shape == (2, 3, 8) and out.isfinite().all()
    out.sum().backward()
    assert masks.grad is None
