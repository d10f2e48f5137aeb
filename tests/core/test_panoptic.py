"""The map checks itself."""

from __future__ import annotations

import numpy as np
import pytest

from pix2cap.core import CaptionedImage, ImageRef, PanopticMap, SegmentCaption
from pix2cap.core.rle import mask_to_rle, rle_to_mask

IDS = np.array([[7, 7, 0], [7, 9, 9]], np.uint32)
INFOS = {7: (1, True, False), 9: (2, False, True)}


def test_masks_come_on_demand():
    pan = PanopticMap.from_id_map(IDS, INFOS, {7: 3})
    assert pan.mask(7).tolist() == [[True, True, False], [True, False, False]]
    assert pan.box_mask(9).tolist() == [[True, True]]
    assert pan.by_id[7].declared_area == 3
    assert pan.by_id[9].declared_area is None
    assert [s.id for s in pan.captionable()] == [7]
    assert pan.size_wh == (3, 2)
    with pytest.raises(KeyError):
        pan.mask(8)


@pytest.mark.parametrize(
    ("infos", "told"),
    [
        ({7: (1, True, False)}, r"\[9\] only in the pixels"),
        ({**INFOS, 4: (1, True, False)}, r"\[4\] only in the"),
    ],
)
def test_ids_must_agree(infos, told):
    with pytest.raises(ValueError, match=told):
        PanopticMap.from_id_map(IDS, infos)


def test_shape_and_type_are_checked():
    with pytest.raises(ValueError, match="uint32 id-map, got int64"):
        PanopticMap(np.zeros((2, 2), np.int64), ())  # type: ignore[arg-type]


def test_captions_must_name_segments_of_the_map_once():
    pan = PanopticMap.from_id_map(IDS, INFOS)
    image = ImageRef(5, "a.jpg", 3, 2)
    with pytest.raises(ValueError, match="segment 8, which the map lacks"):
        CaptionedImage(image, pan, (SegmentCaption(8, "x"),))
    with pytest.raises(ValueError, match="two captions for segment 7"):
        CaptionedImage(image, pan, (SegmentCaption(7, "x"), SegmentCaption(7, "y")))
    with pytest.raises(ValueError, match=r"expected a map of \(4, 2\)"):
        CaptionedImage(ImageRef(5, "a.jpg", 4, 2), pan)


def test_rle_round_trip_and_bad_records():
    mask = IDS == 7
    assert (rle_to_mask(mask_to_rle(mask)) == mask).all()
    assert (rle_to_mask({"size": [2, 3], "counts": [0, 3, 3]}) == [[1, 1, 0], [1, 0, 0]]).all()
    with pytest.raises(ValueError, match="expected COCO RLE"):
        rle_to_mask({"size": [2, 3]})
