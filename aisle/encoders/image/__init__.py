"""Picture encoders: batches of RGB pictures to vectors."""

import io

import numpy as np
from PIL import Image


def decode(picture: bytes) -> np.ndarray:
    """Return what an encoder reads, uint8 (height, width, 3), of a picture of data/images.parquet.

    It stands in this package so that its code counts as code of each picture encoder (aisle/cache.py).
    """
    return np.asarray(Image.open(io.BytesIO(picture)))
