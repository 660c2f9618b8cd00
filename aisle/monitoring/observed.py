"""Products as drift is judged from them: what a model says of them, their encodings, and what they lack."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

QUALITY = ("brightness", "contrast", "sharpness", "background")
"""Figures of a picture; see `aisle.catalogue.images.quality`."""


@dataclass(frozen=True)
class Observed:
    """n products, of the reference or of a batch.

    Attributes
    ----------
    ids
        (n,): product ids.
    group
        (n,): near-duplicates have the same number; no test takes two of a group for independent.
    probabilities
        (n, k): calibrated; of the reference out of fold.
    categories
        k names.
    vectors
        Modality (`text`, `image`) to float32 (n, dimension), NaN where a product has no such input.
    quality
        (n, 4): figures of the first readable picture, in the order of `QUALITY`; NaN where there is none.
    present
        Field of a product to boolean (n,): whether it has it.
    label
        (n,): the category as people say, None where nobody has.
    texts
        (n,): descriptions without HTML and punctuation, in lower case; "" where there is none.
    """

    ids: np.ndarray
    group: np.ndarray
    probabilities: np.ndarray
    categories: tuple[str, ...]
    vectors: Mapping[str, np.ndarray]
    quality: np.ndarray
    present: Mapping[str, np.ndarray]
    label: np.ndarray
    texts: np.ndarray

    def __len__(self) -> int:
        """Return n."""
        return len(self.ids)

    @property
    def predicted(self) -> np.ndarray:
        """(n,): the most probable category of each product, as its place among the categories."""
        return self.probabilities.argmax(axis=1)

    @property
    def right(self) -> np.ndarray:
        """(n,): 1 where the prediction is the label, 0 where it is not, NaN where there is none."""
        names = np.array(self.categories, object)[self.predicted]
        known = np.array([each is not None for each in self.label], bool)
        return np.where(known, (names == self.label).astype(float), np.nan)

    def take(self, rows: np.ndarray) -> "Observed":
        """Return some of the products: places, or boolean (n,)."""
        return replace(
            self,
            ids=self.ids[rows],
            group=self.group[rows],
            probabilities=self.probabilities[rows],
            vectors={name: each[rows] for name, each in self.vectors.items()},
            quality=self.quality[rows],
            present={name: each[rows] for name, each in self.present.items()},
            label=self.label[rows],
            texts=self.texts[rows],
        )
