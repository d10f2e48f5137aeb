"""Picture files to RGB arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Picture:
    """A decoded picture and the file it came from.

    Args:
        rgb: `(H, W, 3)` uint8, upright (EXIF orientation applied where the map is upright too).
        data: The file's own bytes.
        media_type: `image/jpeg`, `image/png`, ... of `data`.
        sha256: Hex digest of `data`.
        is_plain: True where `data` shows exactly `rgb` in any viewer: an 8-bit RGB or grey JPEG or PNG
            without rotation or alpha, so that it can be sent to a model as it is.
    """

    rgb: NDArray[np.uint8]
    data: bytes
    media_type: str
    sha256: str
    is_plain: bool
