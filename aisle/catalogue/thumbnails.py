"""Small pictures for people: made from data/images.parquet, chosen by a seed where there are too many."""

import io
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from PIL import Image
from pydantic import Field

from aisle.catalogue import sampling
from aisle.pipeline import tables
from aisle.pipeline.params import Section

BATCH = 256
"""Pictures in memory at a time."""
GAP = 8
"""Pixels between two pictures side by side."""


class ThumbnailsParams(Section):
    """Section `thumbnails`.

    Parameters
    ----------
    side, quality
        Pixels, longest side; JPEG.
    max_products
        Above it a sample, in which each category keeps its share.
    seed
        Of that sample.
    """

    side: int = Field(ge=16)
    quality: int = Field(ge=1, le=95)
    max_products: int = Field(ge=1)
    seed: int


def table(products: pd.DataFrame, pictures: str | Path, params: ThumbnailsParams) -> pd.DataFrame:
    """Return the table of data/thumbnails.parquet: product_id, jpeg (bytes), by product_id.

    Parameters
    ----------
    products
        Columns product_id and category, of the products with a readable picture.
    pictures
        Path of data/images.parquet, read a few rows at a time.
    params
        Section `thumbnails`.
    """
    chosen = sampling.choose(products, params.max_products, params.seed)
    small = read(pictures, chosen, params.side, params.quality)
    made = pd.DataFrame({tables.KEY: chosen, "jpeg": [small[key] for key in chosen]})
    return made.astype({tables.KEY: str, "jpeg": object})


def thumbnail(picture: bytes, side: int, quality: int) -> bytes:
    """Return a JPEG scaled down to at most `side` pixels.

    Parameters
    ----------
    picture
        JPEG bytes of any size, as in data/images.parquet.
    side
        Pixels, longest side; a smaller picture keeps its size.
    quality
        JPEG quality, 1 to 95.
    """
    with Image.open(io.BytesIO(picture)) as image:
        image.draft("RGB", (2 * side, 2 * side))
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        encoded = io.BytesIO()
        image.convert("RGB").save(encoded, "JPEG", quality=quality, optimize=True)
    return encoded.getvalue()


def beside(pictures: Sequence[bytes], quality: int) -> bytes:
    """Return pictures beside each other as one JPEG, each in the middle of a white square of the same side.

    Parameters
    ----------
    pictures
        JPEG bytes, one or more.
    quality
        JPEG quality, 1 to 95.
    """
    images = [Image.open(io.BytesIO(picture)) for picture in pictures]
    side = max(max(image.size) for image in images)
    row = Image.new("RGB", (len(images) * (side + GAP) - GAP, side), "white")
    for i, image in enumerate(images):
        row.paste(image, (i * (side + GAP) + (side - image.width) // 2, (side - image.height) // 2))
    encoded = io.BytesIO()
    row.save(encoded, "JPEG", quality=quality, optimize=True)
    return encoded.getvalue()


def read(path: str | Path, ids: Collection[str], side: int, quality: int) -> dict[str, bytes]:
    """Return a thumbnail of the first readable picture of each of `ids` that has one, in the file's order."""
    wanted = set(ids)
    thumbnails: dict[str, bytes] = {}
    for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=[tables.KEY, "picture"]):
        for key, picture in zip(batch[tables.KEY], batch["picture"], strict=True):
            if picture.is_valid and (name := key.as_py()) in wanted and name not in thumbnails:
                thumbnails[name] = thumbnail(picture.as_py(), side, quality)
    return thumbnails
