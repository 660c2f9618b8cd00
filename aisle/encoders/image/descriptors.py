"""Hand-made picture descriptors: colour, texture and layout, in named blocks.

They learn nothing, so they are kept item by item (aisle/cache.py), and a classifier may read those of all
products without having seen its test set. What learns a codebook from the pictures is in visual_words.py.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from sklearn.base import BaseEstimator, TransformerMixin

from aisle.errors import AisleError, some

GRID = 5


def colour(rgb: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Return shares of hue (16 bins, weighted by saturation), saturation (8) and value (8): (32,)."""
    hue, saturation, value = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV))
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


_GABOR = [
    cv2.getGaborKernel((15, 15), wavelength / 2, theta, wavelength, 0.5, 0)
    for wavelength in (3.0, 6.0, 12.0)
    for theta in np.arange(6) * np.pi / 6
]


def gabor(rgb: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Return mean and sd of the magnitude of 3 wavelengths x 6 orientations of Gabor filters: (36,)."""
    scaled = grey.astype(np.float32) / 255
    responses = [np.abs(cv2.filter2D(scaled, cv2.CV_32F, kernel)) for kernel in _GABOR]
    return np.array([figure for response in responses for figure in (response.mean(), response.std())])


def patches(rgb: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Return mean, sd and mean absolute gradients of each cell of a 5 x 5 grid: (100,)."""
    scaled = grey.astype(np.float32) / 255
    dx, dy = (np.abs(cv2.Sobel(scaled, cv2.CV_32F, *order)) for order in ((1, 0), (0, 1)))
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


class Encoder(TransformerMixin, BaseEstimator):
    """Blocks of descriptors side by side; learns nothing.

    Parameters
    ----------
    side
        Side in pixels of the square that every picture is resized to.
    blocks
        Names of `BLOCKS`, in the order of the result.
    """

    stateless = True

    def __init__(self, side: int = 128, blocks: Sequence[str] = tuple(BLOCKS)) -> None:
        if unknown := [block for block in blocks if block not in BLOCKS]:
            raise AisleError(f"blocks must be among {some(BLOCKS, 99)}, not {some(unknown)}")
        self.side = side
        self.blocks = blocks

    def fit(self, X: Sequence[np.ndarray], y: object = None) -> "Encoder":
        """Do nothing: the descriptors are fixed."""
        return self

    def transform(self, X: Sequence[np.ndarray]) -> np.ndarray:
        """Return float32 (n, dimension) for n RGB pictures, uint8 (height, width, 3) of any size."""
        rows = np.empty((len(X), len(self.get_feature_names_out())), np.float32)
        for i, picture in enumerate(X):
            rgb = cv2.resize(picture, (self.side, self.side), interpolation=cv2.INTER_AREA)
            grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
            rows[i] = np.concatenate([BLOCKS[block][0](rgb, grey) for block in self.blocks])
        return rows

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return `<block>_<number>` for each column."""
        return np.array([f"{block}_{i}" for block in self.blocks for i in range(BLOCKS[block][1])])
