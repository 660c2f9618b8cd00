"""Whether a category moves: its products of the last period are elsewhere than those before."""

import numpy as np
import pandas as pd

from aisle.monitoring.drift.permutation import labellings, mean_differences, p_value

COLUMNS = ["category", "products_before", "products_last", "moved", "p", "p_holm", "alarm"]
MIN_GROUPS = 5
"""Of each side, below which nothing is said of a category."""


def movements(
    products: pd.DataFrame, vectors: np.ndarray, alpha: float, n_permutations: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return how far each category's centre moved, and whether that is beyond chance.

    Parameters
    ----------
    products
        period, category, group of n products.
    vectors
        (n, d).
    alpha, n_permutations, rng
        Of the tests, all categories together (Holm); of near-duplicate groups; draws them.

    Returns
    -------
    pandas.DataFrame
        moved: distance of the two centres in units of the category's own spread.
    """
    from statsmodels.stats.multitest import multipletests

    last = (products["period"] == products["period"].max()).to_numpy()
    rows = []
    for name in sorted(products["category"].unique()):
        own = (products["category"] == name).to_numpy()
        group, new, X = products["group"].to_numpy()[own], last[own], vectors[own].astype(float)
        both = np.intersect1d(group[new], group[~new])  # a group of both periods has not moved
        kept = ~np.isin(group, both)
        group, new, X = group[kept], new[kept], X[kept]
        if min(len(np.unique(group[new])), len(np.unique(group[~new]))) < MIN_GROUPS:
            continue
        labels = labellings(group, new, n_permutations, rng)
        distance = np.linalg.norm(mean_differences(X, labels), axis=0)
        spread = np.sqrt(((X - X.mean(axis=0)) ** 2).sum(axis=1).mean())
        rows.append(
            (name, int((~new).sum()), int(new.sum()), distance[0] / max(spread, 1e-12), p_value(distance))
        )
    table = pd.DataFrame(rows, columns=COLUMNS[:5])
    if table.empty:
        return pd.DataFrame(columns=COLUMNS)
    told, corrected = multipletests(table["p"], alpha, "holm")[:2]
    return table.assign(p_holm=corrected, alarm=told)[COLUMNS]
