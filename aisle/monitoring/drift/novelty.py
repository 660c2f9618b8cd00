"""Products of no known kind: far from all of the reference in every respect, by text and by picture.

A blurred picture or a foreign language alone makes no new kind: what is usual in one modality is of a known
kind. So a product that lacks a modality is not judged.

The reference's groups are halved: distances are to one half, and what is usual is learned from the other,
which is as foreign to the first as a new product is. So a product's conformal p value is valid (Bates et al.
2023, Testing for outliers with conformal p-values), and the batch's test is exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from aisle.monitoring.drift.permutation import labellings, mean_differences, p_value
from aisle.monitoring.drift.two_sample import unit_length
from aisle.monitoring.observed import Observed

CUT = 0.1
"""Conformal p value from which on a product counts as known: it is not shown among the foreign ones."""


@dataclass(frozen=True)
class Novelty:
    """How foreign a batch is.

    Attributes
    ----------
    p
        That the batch is no more foreign than the reference.
    product_p
        (m,): conformal p value of each product.
    """

    p: float
    product_p: np.ndarray


def distances(targets: Mapping[str, np.ndarray], queries: Mapping[str, np.ndarray], k: int) -> np.ndarray:
    """Return the mean cosine distance to the k nearest targets, in the modality where it is least.

    Parameters
    ----------
    targets, queries
        Modality to vectors; NaN where a product has none.
    k
        Neighbours.

    Returns
    -------
    numpy.ndarray
        (n,), each modality's in units of the median among the targets; NaN where a product lacks a modality.
    """
    least = np.full(len(next(iter(queries.values()))), np.inf)
    for name, vectors in targets.items():
        known = unit_length(vectors[~np.isnan(vectors[:, 0])].astype(float))
        if len(known) <= k:
            continue
        wanted = ~np.isnan(queries[name][:, 0])
        found = np.full(len(wanted), np.nan)
        near = NearestNeighbors(n_neighbors=k).fit(known)
        own = near.kneighbors(return_distance=True)[0] ** 2 / 2  # half the squared distance at length 1
        unit = max(float(np.median(own.mean(axis=1))), 1e-12)
        if wanted.any():
            to = near.kneighbors(unit_length(queries[name][wanted].astype(float)))[0] ** 2 / 2
            found[wanted] = to.mean(axis=1) / unit
        least = np.minimum(least, found)  # NaN stays NaN
    return np.where(np.isinf(least), np.nan, least)


def test(
    reference: Observed, batch: Observed, k: int, n_permutations: int, rng: np.random.Generator
) -> Novelty:
    """Return how foreign a batch is to the reference.

    Parameters
    ----------
    reference, batch
        Products; none of the batch is of a group of the reference.
    k, n_permutations, rng
        Neighbours; permutations of groups; draws the halves and them.
    """
    groups = np.unique(reference.group)
    half = np.isin(reference.group, rng.choice(groups, len(groups) // 2, replace=False))
    targets, usual = reference.take(half), reference.take(~half)
    own, new = (distances(targets.vectors, each.vectors, k) for each in (usual, batch))
    known, there = ~np.isnan(own), ~np.isnan(new)
    product_p = np.full(len(batch), np.nan)
    above = (own[known][None, :] >= new[there][:, None]).sum(axis=1)
    product_p[there] = (1 + above) / (known.sum() + 1)
    if not there.any() or not known.any():
        return Novelty(1.0, product_p)
    pooled = np.concatenate([own[known], new[there]])
    order = np.argsort(np.argsort(pooled, kind="stable"), kind="stable")
    score = -np.log1p(-(order + 0.5) / len(pooled))  # large ones count more: few products may be foreign
    group = np.concatenate([usual.group[known], batch.group[there]])
    labels = labellings(group, np.arange(len(pooled)) >= known.sum(), n_permutations, rng)
    return Novelty(p_value(mean_differences(score[:, None], labels)[0]), product_p)
