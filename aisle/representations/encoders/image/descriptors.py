"""Hand-made picture descriptors: colour, texture and layout, in named blocks.

They learn nothing, so they are kept item by item (aisle/pipeline/item_cache.py), and a classifier may read
those of all products without having seen its test set. What learns a codebook from the pictures is in
visual_words.py.

A package's predictor computes them too, so they take scikit-image and SciPy alone: OpenCV would make the
predictor's installation a fifth larger. The tests hold them against OpenCV's functions.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from scipy import fft, ndimage
from scipy.sparse import csr_array
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from sklearn.base import BaseEstimator, TransformerMixin

from aisle.pipeline.errors import AisleError, some

GRID = 5
GABOR_SIDE = 15
"""Side of a Gabor filter, in pixels."""
_PER_VALUE, _PER_SPREAD = (
    np.rint(np.append(0, scale * 4096 / np.arange(1, 256))).astype(np.int32) for scale in (255, 30)
)
"""255 / value and 30 / spread in units of 2^-12: hue and saturation are then the same on every processor."""


@cache
def _area(length: int, side: int) -> csr_array:
    """Return float32 (side, length): the share that each old pixel has in the area of each new one."""
    edges = np.arange(side + 1) * (length / side)
    pixels = np.arange(length)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return csr_array((np.clip(covered, 0, None) * (side / length)).astype(np.float32))


@cache
def _stretch(length: int, side: int) -> csr_array:
    """Return float32 (side, length) for a picture that is too small: old pixels, blended at their borders."""
    new = np.arange(side)
    first = np.floor(new * (length / side)).astype(int)
    blend = np.maximum(new + 1 - (first + 1) * (side / length), 0) % 1
    blend[first >= length - 1] = 0
    shares = np.zeros((side, length), np.float32)
    shares[new, first] = 1 - blend
    shares[new, np.minimum(first + 1, length - 1)] += blend
    return csr_array(shares)


def resize(picture: np.ndarray, side: int) -> np.ndarray:
    """Return uint8 (side, side, 3): each pixel is the mean of the area that it covers of an RGB picture."""
    height, width, channels = picture.shape
    shares = _area if min(height, width) >= side else _stretch
    rows = shares(height, side) @ picture.reshape(height, -1).astype(np.float32)
    columns = rows.reshape(side, width, channels).transpose(1, 0, 2).reshape(width, -1)
    resized = (shares(width, side) @ columns).reshape(side, side, channels)
    return np.rint(resized.transpose(1, 0, 2)).astype(np.uint8)


def luminance(rgb: np.ndarray) -> np.ndarray:
    """Return uint8 luminance, as of ITU-R BT.601, of an RGB picture."""
    weights = np.array([9798, 19235, 3735])  # 0.299, 0.587, 0.114 in units of 2^-15
    return ((rgb @ weights + (1 << 14)) >> 15).astype(np.uint8)


def hue_saturation_value(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hue (0 to 179, in steps of 2 degrees), saturation and value (0 to 255) of an RGB picture."""
    red, green, blue = np.moveaxis(rgb.astype(np.int32), -1, 0)
    value = np.maximum(np.maximum(red, green), blue)
    spread = value - np.minimum(np.minimum(red, green), blue)
    others = np.where(value == green, blue - red + 2 * spread, red - green + 4 * spread)
    sector = np.where(value == red, green - blue, others)  # in units of `spread`, six to the circle
    saturation = (spread * _PER_VALUE[value] + 2048) >> 12
    hue = (sector * _PER_SPREAD[spread] + 2048) >> 12
    return np.where(hue < 0, hue + 180, hue), saturation, value


def colour(rgb: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Return shares of hue (16 bins, weighted by saturation), saturation (8) and value (8): (32,)."""
    hue, saturation, value = hue_saturation_value(rgb)
    hues = np.histogram(hue, 16, (0, 180), weights=saturation / 255)[0]
    rest = [np.histogram(channel, 8, (0, 256))[0] for channel in (saturation, value)]
    return np.concatenate([hues, *rest]) / grey.size


def lbp(rgb: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Return shares of uniform local binary patterns, 8 points at radius 1: (10,). Ojala et al. 2002."""
    patterns = local_binary_pattern(grey, 8, 1, "uniform").astype(int)
    return np.bincount(patterns.ravel(), minlength=10) / grey.size


def glcm(rgb: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Return four properties of grey-level co-occurrence at four angles: (16,). Haralick et al. 1973."""
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    matrix = graycomatrix(grey // 8, [1], angles, levels=32, symmetric=True, normed=True)
    properties = ("contrast", "homogeneity", "energy", "correlation")
    return np.concatenate([graycoprops(matrix, name)[0] for name in properties])


def gabor_filter(wavelength: float, angle: float) -> np.ndarray:
    """Return a round Gabor filter (GABOR_SIDE, GABOR_SIDE), its standard deviation half the wavelength."""
    steps = GABOR_SIDE // 2 - np.arange(GABOR_SIDE)
    along = steps * np.cos(angle) + steps[:, None] * np.sin(angle)
    across = steps[:, None] * np.cos(angle) - steps * np.sin(angle)
    envelope = np.exp(-0.5 * (along**2 + (across / 2) ** 2) / (wavelength / 2) ** 2)
    return np.asarray(envelope * np.cos(2 * np.pi / wavelength * along))


@cache
def _gabor_filters(shape: tuple[int, int]) -> np.ndarray:
    """Return the conjugate transforms of the filters for pictures of a padded shape: (18, ...)."""
    filters = [
        gabor_filter(wavelength, theta)
        for wavelength in (3.0, 6.0, 12.0)
        for theta in np.arange(6) * np.pi / 6
    ]
    return np.asarray(np.conj(fft.rfft2(np.array(filters, np.float32), shape)))


def gabor(rgb: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Return mean and sd of the magnitude of 3 wavelengths x 6 orientations of Gabor filters: (36,)."""
    scaled = np.pad(grey.astype(np.float32) / 255, GABOR_SIDE // 2, mode="reflect")
    shape = tuple(fft.next_fast_len(length, real=True) for length in scaled.shape)
    spectra = fft.rfft2(scaled, shape) * _gabor_filters(shape)
    responses = np.abs(fft.irfft2(spectra, shape)[:, : grey.shape[0], : grey.shape[1]])
    return np.array([figure for response in responses for figure in (response.mean(), response.std())])


def patches(rgb: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Return mean, sd and mean absolute gradients of each cell of a 5 x 5 grid: (100,)."""
    scaled = grey.astype(np.float32) / 255
    dx, dy = (np.abs(ndimage.sobel(scaled, axis, mode="mirror")) for axis in (1, 0))
    cells = [
        [part for row in np.array_split(channel, GRID) for part in np.array_split(row, GRID, axis=1)]
        for channel in (scaled, dx, dy)
    ]
    figures = [*((cell.mean(), cell.std()) for cell in cells[0])]
    return np.array([*figures, *((x.mean(), y.mean()) for x, y in zip(*cells[1:], strict=True))]).ravel()


BLOCKS: dict[str, tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], int]] = {
    "colour": (colour, 32),
    "lbp": (lbp, 10),
    "glcm": (glcm, 16),
    "gabor": (gabor, 36),
    "patches": (patches, 100),
}
"""Name of a block to its function of (RGB, grey) uint8 pictures, and how many values it returns."""


class Descriptors(TransformerMixin, BaseEstimator):
    """Blocks of descriptors side by side; learns nothing.

    Parameters
    ----------
    side
        Side in pixels of the square that every picture is resized to.
    blocks
        Names of `BLOCKS`, in the order of the result.

    Examples
    --------
    >>> white = np.full((40, 30, 3), 255, np.uint8)
    >>> encoder = Descriptors()
    >>> encoder.transform([white]).shape == (1, len(encoder.get_feature_names_out()))
    True
    """

    stateless = True

    def __init__(self, side: int = 128, blocks: Sequence[str] = tuple(BLOCKS)) -> None:
        if unknown := [block for block in blocks if block not in BLOCKS]:
            raise AisleError(f"blocks must be among {some(BLOCKS, 99)}, not {some(unknown)}")
        self.side = side
        self.blocks = blocks

    def fit(self, X: Sequence[np.ndarray], y: object = None) -> "Descriptors":
        """Do nothing: the descriptors are fixed."""
        return self

    def transform(self, X: Sequence[np.ndarray]) -> np.ndarray:
        """Return float32 (n, dimension) for n RGB pictures, uint8 (height, width, 3) of any size."""
        rows = np.empty((len(X), len(self.get_feature_names_out())), np.float32)
        for i, picture in enumerate(X):
            rgb = resize(picture, self.side)
            grey = luminance(rgb)
            rows[i] = np.concatenate([BLOCKS[block][0](rgb, grey) for block in self.blocks])
        return rows

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return `<block>_<number>` for each column."""
        return np.array([f"{block}_{i}" for block in self.blocks for i in range(BLOCKS[block][1])])


Encoder = Descriptors
