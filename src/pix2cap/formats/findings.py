"""The short stable phrases that name what can be wrong with input files, and how a refusal reads."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from pix2cap.core import Problem
from pix2cap.errors import ImageRefused, InputError


class Finding(StrEnum):
    """Values of `Problem.problem`; tools may count and filter by them."""

    MISSING_FILE = "missing file"
    EMPTY_FILE = "empty file"
    UNREADABLE_FILE = "unreadable file"
    NOT_A_PICTURE = "not a picture"
    DAMAGED_PICTURE = "truncated or damaged picture"
    TOO_LARGE = "picture too large"
    PICTURE_SIZE = "size mismatch of picture"
    MISSING_MASK = "missing mask file"
    DAMAGED_MASK = "truncated or damaged mask"
    MASK_KIND = "wrong kind of mask"
    MASK_SIZE = "size mismatch of mask"
    PATH_ESCAPES = "path escapes its folder"
    NOT_JSON = "not a JSON file"
    NOT_AN_OBJECT = "not a JSON object"
    TRUNCATED_JSON = "truncated or damaged JSON"
    NOT_UTF8 = "not UTF-8"
    MISSING_KEY = "missing key"
    WRONG_TYPE = "wrong type"
    NO_IMAGES = "no images"
    DUPLICATE_CATEGORY = "duplicate category id"
    RENAMED_CATEGORY = "category of another name"
    DUPLICATE_IMAGE = "duplicate image id"
    DUPLICATE_ANNOTATION = "more than one annotation of the image"
    DUPLICATE_SEGMENT = "duplicate segment id"
    IMAGE_WITHOUT_ANNOTATION = "image without annotation"
    ANNOTATION_WITHOUT_IMAGE = "annotation without image"
    ID_OUT_OF_RANGE = "segment id out of range"
    ID_NOT_IN_PNG = "id in JSON but not in PNG"
    ID_NOT_IN_JSON = "id in PNG but not in JSON"
    UNKNOWN_CATEGORY = "unknown category"
    WRONG_AREA = "wrong area"
    WRONG_BBOX = "wrong bbox"
    HIDDEN_SEGMENT = "segment completely hidden by smaller ones"
    BAD_SEGMENTATION = "segmentation cannot be drawn"
    UNKNOWN_STATUS = "unknown caption status"
    CAPTIONED_WITHOUT_TEXT = "captioned without description"
    TEXT_WITHOUT_CAPTIONED = "description though the status is not captioned"
    NO_STATUS = "neither description nor caption status"
    CROWD_STATUS = "caption status and iscrowd disagree"
    FILE_CHANGED = "file differs from the manifest"
    NO_SEGMENTS = "image without segments"
    SHARED_PICTURE = "one picture for two images"
    SHARED_MASK = "one mask for two images"
    SHARED_NAME = "one category name for two ids"
    UNKNOWN_LICENSE = "unknown license"
    THING_OR_STUFF = "isthing of segment and category disagree"
    TWO_TEXTS = "description and caption disagree"
    REFUSAL = "error or refusal text"
    REPEATED_CAPTION = "repeated caption"
    CONTROL_CHARACTER = "line break or control character in the caption"
    DAMAGED_TEXT = "damaged characters in the caption"
    MISSING_ROW = "segment without a row"
    STRANGE_ROW = "row of an unknown segment"
    DUPLICATE_ROW = "more than one row of a segment"
    DIFFERENT_ROW = "row differs from panoptic.json"
    WRONG_OUTLINE = "segmentation differs from the mask"
    WRONG_COUNT = "count differs from the manifest"
    STRAY_FILE = "file that nothing names"
    UNFINISHED = "unfinished write"
    SPLIT_OVERLAP = "image in two splits"


MANY = 50
"""At most so many ids of one kind are listed an image: a photo given as a mask has 100,000 of them."""


def refusal(problems: Sequence[Problem], image_id: int | None = None) -> ImageRefused:
    """The exception for one image, naming the first fatal problem and how many more there are."""
    fatal = [problem for problem in problems if problem.fatal] or list(problems)
    more = f"; and {len(fatal) - 1} more" if len(fatal) > 1 else ""
    where = "" if image_id is None or fatal[0].image_id is not None else f"image {image_id}: "
    return ImageRefused(f"{where}{fatal[0]}{more}", problems)


def bad_file(
    file: str, finding: Finding, *, expected: str | None = None, got: str | None = None
) -> InputError:
    """The exception for a whole file that cannot be used."""
    problem = Problem(file, finding, expected=expected, got=got)
    return InputError(str(problem), (problem,))
