"""Tiny pictures of a shop's products: JPEGs of which colour and stripes tell the category."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tools.scale.shop import BLOCK, BRANCHES, KINDS, SAME, Block

SIDE = 64
"""Pixels."""
CELLS = 16
"""Of the grain that each picture has of its own, on either side: the frequencies that a perceptual hash of
256 bits looks at, so that those of two products are as far apart as of drawn bits."""
AT_ONCE = 256
"""Pictures in memory at a time."""
QUALITY, QUALITY_OF_COPIES = 85, 75
MISSING, BROKEN = 0.02, 0.002


class Photographer:
    """Draws the pictures of a shop.

    Parameters
    ----------
    seed
        Of the shop; texts are the same with and without pictures.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = np.random.default_rng([seed, 2])
        leaves, middles = int(np.prod(BRANCHES)), int(np.prod(BRANCHES[:2]))
        self.colour = rng.uniform(60, 195, (middles, 3))
        self.angle, self.period = rng.uniform(0, np.pi, leaves), rng.uniform(8, 32, leaves)
        edges = (np.arange(SIDE) + 0.5) * CELLS / SIDE - 0.5
        self.spread = np.maximum(1 - np.abs(edges[:, None] - np.arange(CELLS)), 0)  # linear interpolation

    def pictures(self, number: int, block: Block) -> Iterator[bytes | None]:
        """Yield the JPEG of each product of a block, None of one without; some are cut."""
        rng = np.random.default_rng([self.seed, 3, number])
        grain = rng.normal(0, 1, (BLOCK, CELLS, CELLS)).astype(np.float32)
        habit = rng.normal(0, 1, (BLOCK, 5)).astype(np.float32)
        copied = block.copied & (block.kind != KINDS.index("text"))
        like = np.where(copied, block.original, np.arange(BLOCK))
        altered = copied & (rng.random(BLOCK) >= SAME)
        chance = rng.random(BLOCK)
        chance[copied] = chance[block.original[copied]] = 1  # what is planted is there
        for start in range(0, BLOCK, AT_ONCE):
            part = slice(start, start + AT_ONCE)
            pixels = self._pixels(block.leaf[part], grain[like[part]], habit[like[part]])
            pixels += 8.0 * altered[part, None, None, None]
            for image, new, luck in zip(
                np.clip(pixels, 0, 255).astype(np.uint8), altered[part], chance[part], strict=True
            ):
                if luck < MISSING:
                    yield None
                    continue
                content = _jpeg(image, QUALITY_OF_COPIES if new else QUALITY)
                yield content[: len(content) // 3] if luck < MISSING + BROKEN else content

    def _pixels(self, leaf: np.ndarray, grain: np.ndarray, habit: np.ndarray) -> np.ndarray:
        """Return pictures, (n, SIDE, SIDE, 3), values about 0 to 255."""
        angle = (self.angle[leaf] + 0.15 * habit[:, 0])[:, None, None]
        period = (self.period[leaf] * np.exp(0.1 * habit[:, 1]))[:, None, None]
        y, x = np.mgrid[:SIDE, :SIDE]
        stripes = np.sin(
            2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + 9 * habit[:, 4, None, None]
        )
        light = 22 * stripes + 22 * (self.spread @ grain @ self.spread.T)
        colour = self.colour[leaf // BRANCHES[2]] + 18 * habit[:, 1:4]
        return (colour[:, None, None, :] + light[..., None]).astype(np.float32)


def _jpeg(image: np.ndarray, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return file.getvalue()
