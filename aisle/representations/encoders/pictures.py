"""Picture encoders: batches of RGB pictures to vectors."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image


def decode(picture: bytes) -> np.ndarray:
    """Return what an encoder reads, uint8 (height, width, 3), of a picture of data/images.parquet.

    It stands in this package so that its code counts as code of each picture encoder
    (aisle/pipeline/item_cache.py).
    """
    return np.asarray(Image.open(io.BytesIO(picture)))


class Pictures(Sequence[np.ndarray]):
    """Encoded pictures of data/images.parquet, each decoded when it is asked for.

    So an encoder that runs asynchronously decodes one while it computes others.
    """

    def __init__(self, encoded: Sequence[bytes]) -> None:
        self._encoded = encoded

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._encoded)

    def __getitem__(self, i: int) -> np.ndarray:  # type: ignore[override]
        """Return one, decoded."""
        return decode(self._encoded[i])
