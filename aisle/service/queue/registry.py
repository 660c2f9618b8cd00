"""Which products people are asked about first: strategies, one per file of this folder, loaded by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from aisle.pipeline.plugins import load_by_name

NEAR = 0.8
"""Cosine of two products' character n-grams from which on they count as near-duplicates."""
CHARACTERS = 500
"""Of a text that are compared: near-duplicates begin alike, and a pool is compared while somebody waits."""


@dataclass(frozen=True)
class Candidates:
    """What a strategy knows of n products.

    Attributes
    ----------
    probabilities
        Of the categories, the most probable first, float (n, k); 0 beyond those that are known.
    vectors
        Texts as sparse rows of length 1 (`vectors`), (n, dimensions): their products are cosines.
    """

    probabilities: np.ndarray
    vectors: csr_matrix

    def __len__(self) -> int:
        """Return n."""
        return len(self.probabilities)

    @property
    def margins(self) -> np.ndarray:
        """Probability of the first category less that of the second, (n,): the smaller, the less certain."""
        values = np.pad(self.probabilities, ((0, 0), (0, 2)))
        return np.asarray(values[:, 0] - values[:, 1])

    def part(self, places: np.ndarray) -> "Candidates":
        """Return some of them."""
        return Candidates(self.probabilities[places], self.vectors[places])


@dataclass(frozen=True)
class Chosen:
    """What a strategy has chosen of n products.

    Attributes
    ----------
    places
        The first to be asked about first, int (m,).
    weights
        Inverse of the probability with which chance has chosen each (m,); 0 where it was not chance, so that
        it counts in no estimate (Horvitz and Thompson 1952).
    """

    places: np.ndarray
    weights: np.ndarray


class Strategy(Protocol):
    """A way to choose."""

    def choose(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Chosen:
        """Return at most `n` of the candidates, each once."""


def vectors(*fields: Sequence[str]) -> csr_matrix:
    """Return n products as sparse rows of length 1: counts of character 3- to 5-grams, fields side by side.

    Each field weighs the same, whatever its length: products whose descriptions a shop has copied differ by
    their titles. A product without any text is all 0, and near none.

    Parameters
    ----------
    *fields
        n texts of each.
    """
    hashing = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), n_features=2**18, alternate_sign=False
    )
    each = [hashing.transform([text[:CHARACTERS] for text in texts]) for texts in fields]
    return csr_matrix(normalize(hstack(each, "csr")))


def create(name: str) -> Any:
    """Return the strategy of a file.

    Raises
    ------
    AisleError
        If there is none of that name.
    """
    return load_by_name("aisle.service.queue", name, "Strategy", "a queue strategy", __name__)()
