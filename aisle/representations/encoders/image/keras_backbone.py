"""Convolutional backbones trained on ImageNet, without their top."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from aisle.pipeline.errors import AisleError
from aisle.pretrained.runtime import Runtime
from aisle.representations.encoders.base import Pretrained

POOLINGS = ("avg", "none")


class KerasBackbone(Pretrained):
    """The last feature map, averaged over its places, (n, channels), or whole, (n, h * w * channels).

    Pictures are stretched to the backbone's square (bilinear, with antialiasing), as in Keras; its own
    preprocessing is part of the exported model.

    Parameters
    ----------
    weights
        Folder of an export `keras_backbone`.
    pooling
        `avg`, or `none`: VGG16's block5_pool then has 25,088 values.
    precision
        `fp32` or, where the processor has it, `bf16`.
    """

    export = "keras_backbone"

    def __init__(self, weights: str, pooling: str = "avg", precision: str = "fp32") -> None:
        if pooling not in POOLINGS:
            raise AisleError(f"pooling must be one of {', '.join(POOLINGS)}, not {pooling!r}")
        self.weights = weights
        self.pooling = pooling
        self.precision = precision
        facts = self.facts
        self._side = facts["side"]
        self.dimension = facts["map"][-1] if pooling == "avg" else int(np.prod(facts["map"]))
        self._runtime = Runtime(Path(weights) / "model.xml", precision)

    def transform(self, X: Iterable[np.ndarray]) -> np.ndarray:
        """Return float32 (n, dimension) for n RGB pictures, uint8 (height, width, 3) of any size."""
        maps = self._runtime.run(self._input(picture) for picture in X)
        return maps.mean((1, 2)) if self.pooling == "avg" else maps.reshape(len(maps), -1)

    def _input(self, picture: np.ndarray) -> np.ndarray:
        return stretched(picture, self._side).astype(np.float32)[None]


def stretched(picture: np.ndarray, side: int) -> np.ndarray:
    """Return an RGB picture, uint8, at the backbone's side: uint8 (side, side, 3)."""
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR))


Encoder = KerasBackbone
