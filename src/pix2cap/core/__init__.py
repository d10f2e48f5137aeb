"""The things that flow: categories, segments, panoptic maps, captions; and stopping. numpy only."""

from pix2cap.core.caption import CaptionedImage, CaptionSource, CaptionStatus, SegmentCaption
from pix2cap.core.category import Category
from pix2cap.core.image import ImageRef
from pix2cap.core.panoptic import VOID, PanopticMap
from pix2cap.core.problem import Problem
from pix2cap.core.segment import Segment

__all__ = [
    "VOID",
    "CaptionSource",
    "CaptionStatus",
    "CaptionedImage",
    "Category",
    "ImageRef",
    "PanopticMap",
    "Problem",
    "Segment",
    "SegmentCaption",
]
