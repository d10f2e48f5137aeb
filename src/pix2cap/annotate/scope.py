"""Which images of a source a call is about."""

from __future__ import annotations

from collections.abc import Collection

from pix2cap.annotate.bounds import require_range
from pix2cap.errors import UsageError
from pix2cap.formats.source import Source


def images_in_scope(
    source: Source, *, limit: int | None = None, image_ids: Collection[int] | None = None
) -> list[tuple[int, int]]:
    """`(position, image_id)` of the images to work on, in the order of the source.

    Args:
        source: The images.
        limit: Only the first so many of them.
        image_ids: Only these.

    Raises:
        UsageError: An image id that the source does not have, or a limit below 1.
    """
    require_range("--limit", limit, least=1)
    ids = source.image_ids
    chosen = list(enumerate(ids))
    if image_ids is not None:
        wanted = set(image_ids)
        if missing := sorted(wanted.difference(ids)):
            raise UsageError(no_such_image(source, missing))
        chosen = [(position, image_id) for position, image_id in chosen if image_id in wanted]
    return chosen[:limit]


def no_such_image(source: Source, missing: Collection[int]) -> str:
    """What to tell somebody who asks for images that are not there."""
    ids = source.image_ids
    there = ", ".join(map(str, ids[:5])) + (", ..." if len(ids) > 5 else "")
    asked = ", ".join(map(str, list(missing)[:10])) + (", ..." if len(missing) > 10 else "")
    return f"{source.name}: expected ids of its {len(ids)} images ({there or 'none'}), got no image [{asked}]"
