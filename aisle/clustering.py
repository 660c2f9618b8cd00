"""Unsupervised view of a feature set: PCA, t-SNE, KMeans, and how well the clusters are the categories.

The recipe, the same for every feature set, and what else was tried: docs/decisions/0009-clustering.md.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA, KernelPCA
from sklearn.metrics import adjusted_rand_score, euclidean_distances, silhouette_samples, silhouette_score
from sklearn.preprocessing import StandardScaler, normalize

from aisle.params import Section

N_JOBS = 2
"""Seeds at a time; a seed's result does not depend on it."""


LARGE = 20_000
"""Products above which neighbours are approximate."""


WIDE = 4
"""Values for each product above which principal components are found from the products' inner products."""


SAMPLE = 5_000
"""Products above which silhouettes are those of a sample of so many: they take every pair's distance."""


class FeatureSetParams(Section):
    """Section `feature_sets.<name>`; `published_ari` is somebody else's, shown beside ours."""

    features: str
    scaling: Literal["l2", "standard", "none"]
    published_ari: float | None = None


class ClusteringParams(Section):
    """Section `clustering`."""

    components: Literal["all", "elbow"] | Annotated[int, Field(ge=2)]
    perplexity: float = Field(gt=1)
    n_iter: int = Field(ge=30)
    max_k: int = Field(ge=2)
    n_seeds: int = Field(ge=2)
    seed: int


@dataclass(frozen=True)
class Study:
    """What `study` finds.

    Attributes
    ----------
    metrics
        n, k; `components` used and the `variance` share that they keep; `elbow`. Then, with _sd over the
        seeds, of KMeans on the t-SNE map: `ari` and `silhouette` at K = categories, `ari_best_k` and
        `silhouette_best_k` at `best_k`. `silhouette_categories`: of the true categories, on the components.
        None where there are too few products.
    points
        x, y (the first seed's map), cluster (K = categories), cluster_best (K = best_k) and silhouette (see
        `silhouettes`); a row per product, NaN and 0 where there are too few.
    categories
        See `by_category`; without rows where there are too few products.
    variance
        See `explained`; without rows where there are too few products.
    """

    metrics: dict[str, Any]
    points: pd.DataFrame
    categories: pd.DataFrame
    variance: pd.DataFrame


def elbow(variance: np.ndarray) -> int:
    """Return the number of components at the elbow of the explained variance.

    That is where its cumulative curve, from 0 components to all m, is farthest above its chord: the "knee" of
    Satopaa et al. 2011. As the chord rises by the mean share 1 / m, these are the components that explain
    more than the average one (the Kaiser-Guttman rule).

    Parameters
    ----------
    variance
        Share of the variance that each of all components explains, falling, (m,).
    """
    return max(int((variance > variance.mean()).sum()), 1)


def explained(variance: np.ndarray) -> pd.DataFrame:
    """Return the explained variance of all components as a table.

    Parameters
    ----------
    variance
        Share of the variance that each of all components explains, falling, (m,).

    Returns
    -------
    pandas.DataFrame
        A row per component: `component` (from 1), `variance` (share), `cumulative` (share of it and those
        before it).
    """
    return pd.DataFrame(
        {
            "component": np.arange(1, len(variance) + 1),
            "variance": variance,
            "cumulative": np.cumsum(variance),
        }
    )


def reduce(X: np.ndarray, scaling: str, wanted: str | int) -> tuple[np.ndarray, np.ndarray]:
    """Scale the columns or rows of X, then turn it to its principal components.

    Parameters
    ----------
    X
        Features (n, dimension).
    scaling
        `l2`: each row to length 1; `standard`: each column to mean 0 and sd 1; `none`.
    wanted
        `all`, which keeps every distance, `elbow`, or how many.

    Returns
    -------
    components : numpy.ndarray
        float64 (n, kept), at most min(n - 1, dimension).
    variance : numpy.ndarray
        Share of the variance that each of all components explains, (min(n - 1, dimension),).
    """
    X = X.astype(np.float64)
    if scaling != "none":
        X = normalize(X) if scaling == "l2" else StandardScaler().fit_transform(X)
    most = min(len(X) - 1, X.shape[1])
    if X.shape[1] > WIDE * len(X):  # the same components, much faster for VGG16's 25,088 values
        kernel = KernelPCA(most, eigen_solver="dense")
        components = kernel.fit_transform(X - X.mean(axis=0))
        variance = kernel.eigenvalues_ / kernel.eigenvalues_.sum()
    else:
        pca = PCA(most, svd_solver="full")
        components = pca.fit_transform(X)
        variance = pca.explained_variance_ratio_
    kept = {"all": len(variance), "elbow": elbow(variance)}.get(str(wanted), wanted)
    return components[:, : int(kept)], variance


def tsne(
    components: np.ndarray, params: ClusteringParams, seeds: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (seed, float64 (n, 2) map) of t-SNE for each seed.

    The neighbours are found once for all seeds. Each seed has one thread, and `N_JOBS` run at a time: threads
    within one wait for each other in every iteration, which on busy cores took up to ten times as long.

    van der Maaten and Hinton 2008; openTSNE, Barnes-Hut. Early exaggeration is 12 in the first quarter of the
    iterations; momentum is 0.5, then 0.8; the learning rate is n / 12, at least 200: scikit-learn's defaults
    (it calls a quarter of that the learning rate, for its gradient is four times as long). So is the start,
    the first two components (Kobak and Berens 2019), but with noise of a tenth of its sd, which is what
    varies from seed to seed: without it every seed would give the same map.
    """
    from openTSNE import TSNEEmbedding, affinity

    n = len(components)
    affinities = affinity.PerplexityBasedNN(
        components,
        perplexity=min(params.perplexity, (n - 1) / 3),
        method="exact" if n <= LARGE else "approx",
        n_jobs=N_JOBS,
        random_state=params.seed,
    )
    early, rate = params.n_iter // 4, max(n / 12, 200)
    plane = np.zeros((n, 2))
    plane[:, : components.shape[1]] = components[:, :2] / (components[:, 0].std() or 1)

    def embed(seed: int) -> np.ndarray:
        start = 1e-4 * (plane + np.random.default_rng(seed).normal(0, 0.1, (n, 2)))
        # openTSNE scales the affinities in place: without a copy the second seed sees rounding errors
        embedding = TSNEEmbedding(
            start,
            copy.deepcopy(affinities),
            negative_gradient_method="bh",
            learning_rate=rate,
            n_jobs=1,
            random_state=seed,
        )
        embedding = embedding.optimize(early, exaggeration=12, momentum=0.5)
        return np.asarray(embedding.optimize(params.n_iter - early, momentum=0.8))

    with ThreadPoolExecutor(N_JOBS) as pool:
        yield from zip(seeds, pool.map(embed, seeds), strict=True)


def _silhouette(X: np.ndarray, labels: np.ndarray, seed: int) -> float:
    return silhouette_score(X, labels, sample_size=min(len(X), SAMPLE), random_state=seed)


def _kmeans(X: np.ndarray, k: int, starts: int, seed: int) -> np.ndarray:
    return KMeans(k, n_init=starts, random_state=seed).fit_predict(X)


def silhouettes(components: np.ndarray, categories: np.ndarray, seed: int) -> np.ndarray:
    """Return the silhouette of each product among the true categories (Rousseeuw 1987).

    Parameters
    ----------
    components
        (n, components).
    categories
        True category of each row, (n,).
    seed
        Of the sample, where there are more than `SAMPLE` products.

    Returns
    -------
    numpy.ndarray
        float64 (n,), -1 to 1; NaN where the product is not in the sample.
    """
    chosen = np.arange(len(categories))
    if len(categories) > SAMPLE:
        chosen = np.sort(np.random.default_rng(seed).choice(len(categories), SAMPLE, replace=False))
    found = np.full(len(categories), np.nan)
    found[chosen] = silhouette_samples(components[chosen], categories[chosen])
    return found


def by_category(
    components: np.ndarray, categories: np.ndarray, clusters: np.ndarray, silhouette: np.ndarray
) -> pd.DataFrame:
    """Return how far each category stands from the others, and which clusters it is in.

    Parameters
    ----------
    components
        (n, components).
    categories, clusters
        True category and cluster of each row, (n,).
    silhouette
        Of each row, NaN where it is not in the sample, (n,).

    Returns
    -------
    pandas.DataFrame
        A row per category, sorted: `category`, `products`, `silhouette` (mean over its products; NaN where
        the sample has none), `distance_<category>` (Euclidean, between the means of the components),
        `cluster_<number>` (products in it).
    """
    names, codes = np.unique(categories, return_inverse=True)
    table = pd.DataFrame({"category": names, "products": np.bincount(codes)})
    table["silhouette"] = pd.Series(silhouette).groupby(codes).mean()
    centres = np.stack([components[codes == code].mean(axis=0) for code in table.index])
    distances = pd.DataFrame(euclidean_distances(centres), columns=[f"distance_{name}" for name in names])
    counts = pd.crosstab(codes, clusters).add_prefix("cluster_").reset_index(drop=True)
    return pd.concat([table, distances, counts.rename_axis(columns=None)], axis=1)


def study(
    X: np.ndarray,
    categories: np.ndarray,
    scaling: str,
    params: ClusteringParams,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Study:
    """Cluster products, `n_seeds` times: into as many clusters as there are categories, and as fit best.

    The best K is the one of 2 to `max_k` whose silhouette on the map, mean over the seeds, is highest: no
    category is looked at.

    Parameters
    ----------
    X
        Features (n, dimension) without NaN.
    categories
        True categories (n,), used only to judge.
    scaling
        See `reduce`.
    params
        See section `clustering`.
    progress
        Wraps the seeds, to show progress.
    """
    n, k = len(X), len(np.unique(categories))
    metrics: dict[str, Any] = {"n": n, "k": k}
    if n < 3 * k or k < 2:
        names = ("ari", "silhouette", "ari_best_k", "silhouette_best_k")
        empty = dict.fromkeys(["components", "variance", "elbow", "best_k", "silhouette_categories"])
        empty |= dict.fromkeys(name + suffix for name in names for suffix in ("", "_sd"))
        points = pd.DataFrame({"x": np.full(n, np.nan), "y": np.nan, "cluster": 0, "cluster_best": 0})
        points["silhouette"] = np.nan
        table = pd.DataFrame(columns=["category", "products", "silhouette"])
        return Study(metrics | empty, points, table, explained(np.empty(0)))
    components, variance = reduce(X, scaling, params.components)
    seeds = range(params.seed, params.seed + params.n_seeds)
    by_k: dict[int, list[float]] = {each: [] for each in range(2, min(params.max_k, n - 1) + 1)}
    maps: list[tuple[int, np.ndarray]] = []
    # KMeans runs in this thread, while t-SNE of the next seeds goes on in others
    for _, (seed, xy) in zip(progress(seeds), tsne(components, params, seeds), strict=True):
        maps.append((seed, xy))
        for each, values in by_k.items():  # few starts will do: the mean over the seeds decides
            values.append(_silhouette(xy, _kmeans(xy, each, 3, seed), seed))
    best = max(by_k, key=lambda each: np.mean(by_k[each]))
    metrics |= {
        "components": components.shape[1],
        "variance": variance[: components.shape[1]].sum(),
        "elbow": elbow(variance),
        "best_k": best,
    }
    points = pd.DataFrame(maps[0][1], columns=["x", "y"])
    for suffix, column, each in (("", "cluster", k), ("_best_k", "cluster_best", best)):
        found = [(xy, _kmeans(xy, each, 10, seed), seed) for seed, xy in maps]
        points[column] = found[0][1]
        for name, values in {
            "ari": [adjusted_rand_score(categories, labels) for _, labels, _ in found],
            "silhouette": [_silhouette(*one) for one in found],
        }.items():
            metrics[name + suffix] = np.mean(values)
            metrics[f"{name}{suffix}_sd"] = np.std(values, ddof=1)
    metrics["silhouette_categories"] = _silhouette(components, categories, params.seed)
    points["silhouette"] = silhouettes(components, categories, params.seed)
    table = by_category(components, categories, points["cluster"].to_numpy(), points["silhouette"].to_numpy())
    return Study(metrics, points, table, explained(variance))
