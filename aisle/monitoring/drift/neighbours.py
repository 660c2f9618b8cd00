"""What the nearest labelled products say of a product, by its text or by its picture alone.

A witness beside the champion: it reads one modality, so that it can be asked what a product would be with
another one's picture, or if its category were not known, without fitting anything again.
"""

from dataclasses import dataclass

import numpy as np

from aisle.monitoring.drift.two_sample import unit_length

NEAREST = 30
"""Products that vote."""
BANDWIDTHS = (0.02, 0.05, 0.1, 0.2)
"""Of a vote's weight, exp(cosine / bandwidth): the one that is best for the reference is taken."""
FLOOR = 0.02
"""Share of the votes that is spread over all categories."""
NEVER = -9.0
"""Cosine of a product that has no vote."""


@dataclass(frozen=True)
class Heard:
    """What is heard of n products.

    Attributes
    ----------
    probabilities
        (n, k).
    distance
        (n,): mean cosine distance to the nearest `n_neighbors`.
    """

    probabilities: np.ndarray
    distance: np.ndarray

    def take(self, rows: np.ndarray) -> "Heard":
        """Return it of some of the products."""
        return Heard(self.probabilities[rows], self.distance[rows])


@dataclass(frozen=True)
class Neighbours:
    """Labelled products that vote.

    Attributes
    ----------
    vectors
        (n, d), at length 1; 0 where a product has no such input: all vote alike.
    one_hot
        (n, k): the categories.
    bandwidth, n_neighbors
        Of a vote; of the distance.
    """

    vectors: np.ndarray
    one_hot: np.ndarray
    bandwidth: float
    n_neighbors: int

    def heard(self, cosines: np.ndarray) -> Heard:
        """Return what is heard of m products whose cosines to all are (m, n), `NEVER` where one is silent."""
        n = cosines.shape[1]
        least = np.partition(cosines, n - min(NEAREST, n), axis=1)[:, [n - min(NEAREST, n)]]
        weights = np.exp((cosines - cosines.max(axis=1, keepdims=True)) / self.bandwidth)
        weights[cosines < least] = 0
        votes = weights @ self.one_hot
        votes += FLOOR * votes.mean(axis=1, keepdims=True)
        near = np.partition(cosines, n - min(self.n_neighbors, n), axis=1)[:, n - min(self.n_neighbors, n) :]
        return Heard(votes / votes.sum(axis=1, keepdims=True), 1 - np.maximum(near, -1).mean(axis=1))

    def ask(self, vectors: np.ndarray) -> Heard:
        """Return what is heard of new products, (m, d) with NaN where one has no such input."""
        return self.heard(length_1(vectors) @ self.vectors.T)


def length_1(vectors: np.ndarray) -> np.ndarray:
    """Return vectors at length 1, 0 where they are NaN."""
    return unit_length(np.nan_to_num(vectors.astype(np.float32)))


def fit(
    vectors: np.ndarray, label: np.ndarray, group: np.ndarray, k: int, n_neighbors: int
) -> tuple[Neighbours, Heard, Heard]:
    """Return those who vote, and what they say of each other.

    Parameters
    ----------
    vectors, label, group
        Of n products: (n, d), NaN where there is none; place of the category among the k; near-duplicates,
        who are silent of each other.
    k, n_neighbors
        Categories; neighbours of the distance.

    Returns
    -------
    neighbours : Neighbours
        All of them.
    heard : Heard
        Of each product by those of other groups.
    foreign : Heard
        The same by those of other categories: what is heard of a kind that nobody knows.
    """
    X, one_hot = length_1(vectors), np.eye(k)[label]
    cosines = np.where(group[:, None] == group, NEVER, X @ X.T)
    each = [Neighbours(X, one_hot, bandwidth, n_neighbors) for bandwidth in BANDWIDTHS]
    heard = [one.heard(cosines) for one in each]
    places = np.arange(len(label))
    best = int(np.argmax([np.log(one.probabilities[places, label]).mean() for one in heard]))
    cosines[label[:, None] == label] = NEVER
    return each[best], heard[best], each[best].heard(cosines)
