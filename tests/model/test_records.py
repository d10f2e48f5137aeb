from __future__ import annotations

import torch

from pix2cap.model.records import pack_images


def test_pictures_are_normalised_and_then_padded_with_zeros() -> None:
    images = [torch.full((3, 5, 7), 60, dtype=torch.uint8), torch.full((3, 9, 4), 20, dtype=torch.uint8)]
    packed, sizes = pack_images(images, mean=(10, 20, 30), std=(1, 2, 5), divisibility=4)
    assert packed.shape == (2, 3, 12, 8) and packed.dtype == torch.float32
    assert sizes == ((5, 7), (9, 4))
    assert packed[0, :, 0, 0].tolist() == [50, 20, 6]
    assert packed[1, :, 8, 3].tolist() == [10, 0, -2]
    assert not packed[0, :, 5:].any() and not packed[0, :, :, 7:].any() and not packed[1, :, :, 4:].any()
