"""Pictures that do not belong to their texts: neighbours by either are of other categories.

Each modality by itself may be as it always was, as where a shop's pictures slipped by one row: only together
do they tell. The reference's groups are halved as in novelty.py, so that the test is exact.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from aisle.monitoring.drift.permutation import labellings, mean_differences, p_value
from aisle.monitoring.drift.two_sample import unit_length
from aisle.monitoring.observed import Observed


def scores(targets: Observed, queries: Observed, k: int) -> np.ndarray:
    """Return the probability that a neighbour by text and one by picture are of the same category.

    Parameters
    ----------
    targets
        Labelled products, among which neighbours are looked for.
    queries
        n products.
    k
        Neighbours in each modality.

    Returns
    -------
    numpy.ndarray
        (n,): NaN where a product lacks a text or a picture.
    """
    of_all, found = np.ones((len(queries), len(targets.categories))), np.zeros(len(queries), bool)
    for name in ("text", "image"):
        known = ~np.isnan(targets.vectors[name][:, 0])
        there = ~np.isnan(queries.vectors[name][:, 0])
        found |= ~there
        label = np.array([targets.categories.index(each) for each in targets.label[known]])
        near = NearestNeighbors(n_neighbors=min(k, known.sum())).fit(
            unit_length(targets.vectors[name][known])
        )
        votes = np.zeros_like(of_all)
        if there.any():
            places = near.kneighbors(unit_length(queries.vectors[name][there]), return_distance=False)
            votes[there] = np.eye(len(targets.categories))[label[places]].mean(axis=1)
        of_all *= votes
    return np.where(found, np.nan, of_all.sum(axis=1))


def test(
    reference: Observed, batch: Observed, k: int, n_permutations: int, rng: np.random.Generator
) -> float | None:
    """Return the p value that texts and pictures of a batch agree as much as the reference's do.

    None where products have not both, or too few of one side have.

    Parameters
    ----------
    reference, batch
        Products; none of the batch is of a group of the reference.
    k, n_permutations, rng
        Neighbours; permutations of groups; draws the halves and them.
    """
    if not {"text", "image"} <= {*reference.vectors}:
        return None
    both = [~np.isnan(reference.vectors[name][:, 0]) for name in ("text", "image")]
    known = reference.take(both[0] & both[1])
    groups = np.unique(known.group)
    half = np.isin(known.group, rng.choice(groups, len(groups) // 2, replace=False))
    targets, usual = known.take(half), known.take(~half)
    if min(len(targets), len(usual)) <= k:
        return None
    own, new = scores(targets, usual, k), scores(targets, batch, k)
    there = ~np.isnan(new)
    if not there.any():
        return None
    group = np.concatenate([usual.group, batch.group[there]])
    value = -np.concatenate([own, new[there]])  # less agreement is more
    labels = labellings(group, np.arange(len(value)) >= len(own), n_permutations, rng)
    return p_value(mean_differences(value[:, None], labels)[0])
