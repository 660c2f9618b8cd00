"""Pictures: decode safely, re-encode at a bounded size, measure quality."""

import hashlib
import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field
from scipy import ndimage

from aisle.catalogue.picture_budget import slow_to_open, too_costly
from aisle.catalogue.picture_files import PictureFolder
from aisle.pipeline.params import Section

if TYPE_CHECKING:
    import pyarrow as pa

HASH_SIDE = 16
"""The perceptual hash has HASH_SIDE x HASH_SIDE = 256 bits."""
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
"""Nothing that Pillow would give to another program to decode, as it does EPS."""
Image.MAX_IMAGE_PIXELS = None  # `decode` has its own limit, on what it would really decode


class SharedPictureParams(Section):
    """When a picture is no product's own: `images.shared`, see aisle/catalogue/shared_pictures.py."""

    min_share: float = Field(gt=0, le=1)
    min_products: int = Field(ge=4)
    max_in_category: float = Field(gt=0, le=1)


class ImagesParams(Section):
    """Section `images`."""

    max_side: int = Field(ge=32)
    quality: int = Field(ge=50, le=100)
    max_megapixels: float = Field(gt=0)
    min_contrast: float = Field(ge=0)
    max_missing_share: float = Field(ge=0, le=1)
    shared: SharedPictureParams


class UnreadablePictureError(Exception):
    """Why a picture cannot be used, in words."""


def decode(
    path: Path | BinaryIO, max_side: int, max_megapixels: float
) -> tuple[Image.Image, tuple[int, int]]:
    """Decode the first frame upright, as RGB on white, scaled down to at most `max_side` pixels.

    Returns
    -------
    picture : PIL.Image.Image
        RGB.
    size : tuple of int
        Width and height of the source, upright.

    Raises
    ------
    UnreadablePictureError
        If the file is no picture, is damaged, or would take more than `max_megapixels` to decode, or
        more than aisle/catalogue/picture_budget.py allows of its format. A JPEG is
        decoded at a reduced scale (DCT scaling), so that even a very large one takes little memory; not a
        progressive one, whose decoder holds every coefficient.
    """
    try:
        with path.open("rb") if isinstance(path, Path) else nullcontext(path) as file:
            if slow := slow_to_open(file):
                raise UnreadablePictureError(slow)
        with Image.open(path, formats=FORMATS) as source:
            source.seek(0)
            width, height = source.size
            if costly := too_costly(source, source.fp, max_megapixels):
                raise UnreadablePictureError(costly)
            if not source.info.get("progressive"):
                source.draft("RGB", (max_side, max_side))
            if (megapixels := source.size[0] * source.size[1] / 1e6) > max_megapixels:
                raise UnreadablePictureError(
                    f"too large: {megapixels:.0f} megapixels to decode, at most {max_megapixels:g}"
                )
            source.load()
            if source.mode[0] in "IF":  # 16 bits or fractions; Pillow's own conversion clips them to 255
                picture = eight_bits(source).convert("RGB")
            else:
                mode = "RGBA" if source.has_transparency_data else "RGB"
                picture = source if source.mode == mode else source.convert(mode)
            picture.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
            picture, swapped = _upright(picture)
            if picture.mode == "RGBA":
                white = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(white, picture)
            return picture.convert("RGB"), (height, width) if swapped else (width, height)
    except UnreadablePictureError:
        raise
    except Image.UnidentifiedImageError:
        raise UnreadablePictureError("not a picture in a known format") from None
    except Exception as error:  # decoders of damaged files raise whatever comes to hand
        name = path.name if isinstance(path, Path) else "picture"
        raise UnreadablePictureError(f"damaged: {error}".replace(str(path), name)) from None


def eight_bits(source: Image.Image) -> Image.Image:
    """Return a picture of whole numbers of 16 or 32 bits, or of fractions, as grey of 8 bits.

    Its white is the lowest of 1 (fractions alone), 255, 65535 and its own maximum that no value exceeds.
    """
    values = np.nan_to_num(np.asarray(source, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    values -= min(float(values.min()), 0.0)
    highest = float(values.max())
    whites = [1.0] * source.mode.startswith("F") + [255.0, 65535.0, highest]
    white = next(white for white in whites if highest <= white)
    grey = Image.fromarray((values * (255 / white)).round().astype(np.uint8))
    grey.info = source.info
    return grey


def encode(picture: Image.Image, quality: int) -> bytes:
    """Return a decoded picture as the JPEG that encoders read."""
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()


def _upright(picture: Image.Image) -> tuple[Image.Image, bool]:
    """Return the picture turned as its EXIF orientation says, and whether by a quarter turn."""
    try:
        return ImageOps.exif_transpose(picture), picture.getexif().get(0x0112) in (5, 6, 7, 8)
    except Exception:  # a damaged EXIF costs the orientation, not the picture
        return picture, False


def quality(picture: Image.Image) -> dict[str, float]:
    """Return figures of an RGB picture, from its luminance in 0-1.

    Returns
    -------
    dict
        brightness (mean), contrast (standard deviation), sharpness (variance of the Laplacian) and
        background (share of pixels within 0.04 of the median luminance of the picture's border).
    """
    grey = np.asarray(picture.convert("L"), dtype=np.float32) / 255
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return {
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
        "sharpness": float(ndimage.laplace(grey).var()),
        "background": float((np.abs(grey - np.median(border)) < 0.04).mean()),
    }


def schema() -> "pa.Schema":
    """Return the columns of data/images.parquet."""
    import pyarrow as pa  # a predictor prepares pictures and has no need of it

    return pa.schema(
        [
            ("product_id", pa.string()),
            ("place", pa.int32()),
            ("sha256", pa.string()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("brightness", pa.float32()),
            ("contrast", pa.float32()),
            ("sharpness", pa.float32()),
            ("background", pa.float32()),
            ("phash", pa.string()),
            ("problem", pa.string()),
            ("picture", pa.binary()),
        ]
    )


Picture = tuple[str, int, str | bytes | None]
"""A product's id, the place of one of its pictures, and that: the name of a file, its bytes, or none."""


def prepare(picture: Picture, folder: PictureFolder, params: ImagesParams) -> dict[str, Any]:
    """Return one row of data/images.parquet; `problem` says in words why there is no picture, else None."""
    import imagehash

    product_id, place, given = picture
    row: dict[str, Any] = {"product_id": product_id, "place": place}
    file, problem = (None, None) if isinstance(given, bytes) else folder.find(given)
    if problem:
        return row | {"problem": problem}
    try:
        source = file or io.BytesIO(given if isinstance(given, bytes) else b"")
        decoded, (width, height) = decode(source, params.max_side, params.max_megapixels)
    except UnreadablePictureError as error:
        return row | {"problem": str(error)}
    encoded = encode(decoded, params.quality)
    figures = quality(decoded)
    blank = figures["contrast"] < params.min_contrast  # all blank pictures have the same hash
    return {
        **row,
        "sha256": hashlib.sha256(encoded).hexdigest(),
        "width": width,
        "height": height,
        **figures,
        "phash": None if blank else str(imagehash.phash(decoded, hash_size=HASH_SIDE)),
        "picture": encoded,
    }


def prepare_all(
    pictures: Iterable[Picture], folder: PictureFolder, params: ImagesParams, workers: int = 2
) -> Iterator[dict[str, Any]]:
    """Yield the rows of pictures in order, a few in memory at a time."""
    pending: deque[Future[dict[str, Any]]] = deque()
    with ThreadPoolExecutor(workers) as pool:  # Pillow and NumPy release the interpreter's lock
        for picture in pictures:
            pending.append(pool.submit(prepare, picture, folder, params))
            if len(pending) > 4 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
