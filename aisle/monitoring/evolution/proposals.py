"""What a person may want to change in the categories: split, merge, or add one."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aisle.monitoring.drift.novelty import CUT
from aisle.monitoring.evolution import terms
from aisle.pipeline.tables import KEY

SPLIT, MERGE, NEW = "split", "merge", "new category"
COLUMNS = ["kind", "category", "other", "products", "evidence", "p", "words"]
NAMED = 4
"""Words that name a group."""
MIN_GROUP = 4
"""Products of a group that may be a category."""


def words_of(texts: Sequence[str], own: np.ndarray) -> str:
    """Return the words that most set some of n texts apart, by `terms.compare`."""
    found = terms.compare(texts, own)
    return ", ".join(found.loc[found["z"] > 0, "term"].head(NAMED))


def cluster_index(X: np.ndarray, seed: int) -> tuple[float, np.ndarray]:
    """Return the share of the spread that is left within two clusters, and which is which."""
    from sklearn.cluster import KMeans

    fitted = KMeans(2, n_init=3, random_state=seed).fit(X)
    return float(fitted.inertia_ / ((X - X.mean(axis=0)) ** 2).sum()), fitted.labels_


def splits(products: pd.DataFrame, vectors: np.ndarray, n_null: int, seed: int) -> pd.DataFrame:
    """Return for each category whether it is two clusters rather than one, by SigClust.

    Liu, Hayes, Nobel and Marron 2008, Statistical significance of clustering: the cluster index of two means
    against those of samples of one normal distribution with the same variances along the principal axes.

    Parameters
    ----------
    products
        category and text of n products, one of each near-duplicate group.
    vectors
        (n, d): principal components.
    n_null
        Samples of the normal distribution.
    seed
        Of these and of the clusters.
    """
    rng, rows = np.random.default_rng(seed), []
    for name in sorted(products["category"].unique()):
        own = (products["category"] == name).to_numpy()
        if own.sum() < 5 * MIN_GROUP:
            continue
        X = vectors[own].astype(float)
        index, label = cluster_index(X, seed)
        sd = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) / np.sqrt(len(X) - 1)
        null = [cluster_index(rng.normal(0, sd, (len(X), len(sd))), seed)[0] for _ in range(n_null)]
        p = (1 + sum(each <= index for each in null)) / (n_null + 1)
        smaller = label == np.argmin(np.bincount(label))
        words = words_of(products["text"].to_numpy()[own], smaller)
        rows.append((SPLIT, name, "", int(smaller.sum()), 1 - index, p, words))
    return pd.DataFrame(rows, columns=COLUMNS)


def merges(products: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Return the pairs of categories that are taken for each other more often than 1 product in 20.

    The exact binomial test of the labelled products of both, one-sided; none is told where too few are
    labelled.

    Parameters
    ----------
    products
        label (null where unknown) and predicted, one of each near-duplicate group.
    alpha
        Of each pair's test.
    """
    from itertools import combinations

    from scipy.stats import binomtest

    known, rows = products[products["label"].notna()], []
    for one, other in combinations(sorted(known["label"].unique()), 2):
        both = known[known["label"].isin([one, other])]
        confused = int(((both["label"] != both["predicted"]) & both["predicted"].isin([one, other])).sum())
        p = binomtest(confused, len(both), 0.05, alternative="greater").pvalue
        if p <= alpha:
            rows.append((MERGE, one, other, len(both), confused / len(both), float(p), ""))
    return pd.DataFrame(rows, columns=COLUMNS)


def new_groups(products: pd.DataFrame, vectors: np.ndarray) -> tuple[pd.DataFrame, pd.Series]:
    """Return groups of products that are far from all categories, named by their words, and who is in which.

    Parameters
    ----------
    products
        product_id, text, foreign_p (conformal p value, NaN where it was not judged).
    vectors
        (n, d).

    Returns
    -------
    proposals : pandas.DataFrame
        Columns `COLUMNS`; evidence: the mean p value.
    members : pandas.Series
        Number of the group by product_id, of the products that are in one.
    """
    from sklearn.cluster import HDBSCAN

    far = (products["foreign_p"].fillna(1.0) <= CUT).to_numpy()
    label = np.full(len(products), -1)
    if far.sum() >= MIN_GROUP:
        fitted = HDBSCAN(min_cluster_size=MIN_GROUP, cluster_selection_method="leaf", copy=True)
        label[far] = fitted.fit_predict(vectors[far].astype(float))
    rows = []
    for number in range(label.max() + 1):
        own = label == number
        mean, words = products["foreign_p"].to_numpy(float)[own].mean(), words_of(list(products["text"]), own)
        rows.append((NEW, "", "", int(own.sum()), mean, np.nan, words))
    members = pd.Series(label, products[KEY].to_numpy())
    return pd.DataFrame(rows, columns=COLUMNS), members[members >= 0]
