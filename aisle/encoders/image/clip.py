"""CLIP's image tower: a picture beside texts in one space."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from aisle.encoders.pretrained import Pretrained
from aisle.openvino_runtime import Runtime


class Encoder(Pretrained):
    """Vectors of length 1, (n, dimension) (Radford et al. 2021).

    Pictures are scaled (bicubic) and cut to the tower's square, as in open_clip.

    Parameters
    ----------
    weights
        Folder of an export `clip`.
    precision
        `fp32` or, where the processor has it, `bf16`.
    """

    def __init__(self, weights: str, precision: str = "fp32") -> None:
        self.weights = weights
        self.precision = precision
        facts = self.facts
        self._square = (facts["side"], facts["side"])
        self.dimension = facts["dimension"]
        self._runtime = Runtime(Path(weights) / "image.xml", precision)

    def transform(self, X: Iterable[np.ndarray]) -> np.ndarray:
        """Return float32 (n, dimension) for n RGB pictures, uint8 (height, width, 3) of any size."""
        return self._runtime.run(self._input(picture) for picture in X)

    def _input(self, picture: np.ndarray) -> np.ndarray:
        square = ImageOps.fit(Image.fromarray(picture), self._square, Image.Resampling.BICUBIC)
        return np.asarray(square, np.float32).transpose(2, 0, 1)[None].copy()
