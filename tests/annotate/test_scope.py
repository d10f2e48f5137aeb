"""Which images a call is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.annotate.scope import images_in_scope, no_such_image
from pix2cap.errors import UsageError
from pix2cap.formats.open_source import open_source
from tests.builders.panoptic import build_coco_panoptic


class Ids:
    """All that scope asks of a source."""

    name = "panoptic.json"

    def __init__(self, image_ids: Sequence[int]) -> None:
        self.image_ids = image_ids


@given(st.lists(st.integers(0, 40), unique=True), st.sets(st.integers(0, 40)), st.integers(1, 50))
def test_in_the_order_of_the_source(ids: list[int], wanted: set[int], limit: int) -> None:
    source = Ids(ids)
    if wanted <= set(ids):
        scope = images_in_scope(source, limit=limit, image_ids=wanted)  # type: ignore[arg-type]
        assert scope == [(n, i) for n, i in enumerate(ids) if i in wanted][:limit]
    else:
        with pytest.raises(UsageError, match="got no image"):
            images_in_scope(source, limit=limit, image_ids=wanted)  # type: ignore[arg-type]
    assert images_in_scope(source) == list(enumerate(ids))  # type: ignore[arg-type]


def test_what_is_told_is_short(tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path, n_images=7, n_segments=1)
    source = open_source(paths.json_path, images=paths.images)
    with pytest.raises(UsageError) as caught:
        images_in_scope(source, image_ids=range(100, 200))
    told = "expected ids of its 7 images (1, 2, 3, 4, 5, ...), got no image [100, 101, 102, 103, 104, 105,"
    assert told in str(caught.value)
    assert len(str(caught.value)) < 200
    assert no_such_image(Ids([]), [3]).endswith("its 0 images (none), got no image [3]")  # type: ignore[arg-type]


def test_a_limit_of_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--limit"):
        images_in_scope(Ids([1]), limit=0)  # type: ignore[arg-type]
