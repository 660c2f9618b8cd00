"""CLIP's image tower: a picture beside texts in one space."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from aisle.pretrained.runtime import Runtime
from aisle.representations.encoders.base import Pretrained


class ClipImage(Pretrained):
    """Vectors of length 1, (n, dimension) (Radford et al. 2021).

    Pictures are scaled to the tower's side (bicubic) and cut to its square, as in open_clip.

    Parameters
    ----------
    weights
        Folder of an export `clip`.
    precision
        `fp32` or, where the processor has it, `bf16`, `int8`.
    """

    export = "clip"

    def __init__(self, weights: str, precision: str = "fp32") -> None:
        self.weights = weights
        self.precision = precision
        facts = self.facts
        self._side, self.dimension = facts["side"], facts["dimension"]
        self._runtime = Runtime(Path(weights) / "image.xml", precision)

    def transform(self, X: Iterable[np.ndarray]) -> np.ndarray:
        """Return float32 (n, dimension) for n RGB pictures, uint8 (height, width, 3) of any size."""
        return self._runtime.run(self._input(picture) for picture in X)

    def _input(self, picture: np.ndarray) -> np.ndarray:
        short = min(picture.shape[:2])
        height, width = (int(self._side * length / short) for length in picture.shape[:2])
        scaled = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
        left, top = (round((length - self._side) / 2) for length in (width, height))
        square = scaled.crop((left, top, left + self._side, top + self._side))
        return np.asarray(square, np.float32).transpose(2, 0, 1)[None].copy()


Encoder = ClipImage
