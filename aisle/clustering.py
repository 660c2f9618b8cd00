"""Unsupervised view of a feature set: PCA, t-SNE, KMeans, and how well the clusters are the categories."""

import copy
from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
from pydantic import Field
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.preprocessing import StandardScaler, normalize

from aisle.params import Section

N_JOBS = 2
"""Threads of t-SNE; its result does not depend on them."""


LARGE = 20_000
"""Products above which neighbours are approximate and a silhouette is that of a sample of so many."""


class FeatureSetParams(Section):
    """Section `feature_sets.<name>`."""

    features: str
    scaling: Literal["l2", "standard"]


class ClusteringParams(Section):
    """Section `clustering`."""

    max_components: int = Field(ge=2)
    perplexity: float = Field(gt=1)
    n_iter: int = Field(ge=30)
    n_seeds: int = Field(ge=2)
    seed: int


def reduce(X: np.ndarray, scaling: str, max_components: int) -> tuple[np.ndarray, np.ndarray]:
    """Scale the columns or rows of X, then keep its first principal components.

    Returns
    -------
    components : numpy.ndarray
        float64 (n, k), k = min(max_components, n - 1, dimension).
    variance : numpy.ndarray
        Share of the variance that each component explains, (k,).
    """
    X = X.astype(np.float64)
    X = normalize(X) if scaling == "l2" else StandardScaler().fit_transform(X)
    pca = PCA(min(max_components, len(X) - 1, X.shape[1]), svd_solver="full")
    components = pca.fit_transform(X)
    return components, pca.explained_variance_ratio_


def tsne(
    components: np.ndarray, params: ClusteringParams, seeds: Iterable[int]
) -> Iterable[tuple[int, np.ndarray]]:
    """Yield (seed, float64 (n, 2) map) of t-SNE from a random start for each seed.

    The neighbours are found once for all seeds. van der Maaten and Hinton 2008; openTSNE, Barnes-Hut.
    """
    from openTSNE import TSNEEmbedding, affinity, initialization

    n = len(components)
    affinities = affinity.PerplexityBasedNN(
        components,
        perplexity=min(params.perplexity, (n - 1) / 3),
        method="exact" if n <= LARGE else "approx",
        n_jobs=N_JOBS,
        random_state=params.seed,
    )
    early = params.n_iter // 3
    for seed in seeds:
        start = initialization.random(n, n_components=2, random_state=seed)
        # openTSNE scales the affinities in place: without a copy the second seed sees rounding errors
        embedding = TSNEEmbedding(
            start, copy.deepcopy(affinities), negative_gradient_method="bh", n_jobs=N_JOBS, random_state=seed
        )
        embedding = embedding.optimize(early, exaggeration=12, momentum=0.5)
        yield seed, np.asarray(embedding.optimize(params.n_iter - early, momentum=0.8))


def _silhouette(X: np.ndarray, labels: np.ndarray, seed: int) -> float:
    return silhouette_score(X, labels, sample_size=min(len(X), LARGE), random_state=seed)


def study(
    X: np.ndarray,
    categories: np.ndarray,
    scaling: str,
    params: ClusteringParams,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Cluster products into as many clusters as there are categories, `n_seeds` times.

    Parameters
    ----------
    X
        Features (n, dimension) without NaN.
    categories
        True categories (n,), used only to judge.
    scaling
        `l2` or `standard`.
    params
        See section `clustering`.
    progress
        Wraps the seeds, to show progress.

    Returns
    -------
    metrics : dict
        n, k, components, variance (share kept), ari and silhouette with _sd over the seeds, and
        silhouette_categories: of the true categories on the components. ARI and silhouette are of KMeans on
        the t-SNE map, as in the study. None where there are too few products.
    xy : numpy.ndarray
        The first seed's map (n, 2).
    clusters : numpy.ndarray
        The first seed's clusters (n,).
    """
    k = len(np.unique(categories))
    metrics: dict[str, Any] = {"n": len(X), "k": k}
    if len(X) < 3 * k or k < 2:
        empty = dict.fromkeys(["ari", "ari_sd", "silhouette", "silhouette_sd", "silhouette_categories"])
        return metrics | empty, np.full((len(X), 2), np.nan), np.zeros(len(X), int)
    components, variance = reduce(X, scaling, params.max_components)
    seeds = range(params.seed, params.seed + params.n_seeds)
    ari, silhouette, maps, labels = [], [], [], []
    for seed, xy in tsne(components, params, progress(seeds)):
        clusters = KMeans(k, n_init=10, random_state=seed).fit_predict(xy)
        ari.append(adjusted_rand_score(categories, clusters))
        silhouette.append(_silhouette(xy, clusters, seed))
        maps.append(xy)
        labels.append(clusters)
    metrics |= {
        "components": components.shape[1],
        "variance": variance.sum(),
        "ari": np.mean(ari),
        "ari_sd": np.std(ari, ddof=1),
        "silhouette": np.mean(silhouette),
        "silhouette_sd": np.std(silhouette, ddof=1),
        "silhouette_categories": _silhouette(components, categories, params.seed),
    }
    return metrics, maps[0], labels[0]
