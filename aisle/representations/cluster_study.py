"""Unsupervised view of a feature set: PCA, t-SNE, KMeans, and how well the clusters are the categories.

The recipe, the same for every feature set, and what else was tried: docs/decisions/0009-clustering.md.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, euclidean_distances, silhouette_samples, silhouette_score

from aisle.catalogue import sampling
from aisle.pipeline import tables
from aisle.pipeline.cores import in_processes
from aisle.pipeline.params import Section
from aisle.pretrained.status import kind
from aisle.representations.reduction import Components, elbow, explained, reduce
from aisle.representations.tsne import Tsne, TsneParams
from aisle.representations.vectors_file import Features

DRAWN = 5_000
"""Products of the map that `dvc plots` draws, at most: Vega draws each as an object of its own."""
SAMPLE = 5_000
"""Products above which silhouettes are those of a sample of so many: they take every pair's distance."""


class FeatureSetParams(Section):
    """Section `feature_sets.<name>`; `published_ari` is somebody else's, shown beside ours."""

    features: str
    scaling: Literal["l2", "standard", "none"]
    published_ari: float | None = None


class ClusteringParams(TsneParams):
    """Section `clustering`.

    Parameters
    ----------
    max_products
        Products above which a sample of so many is clustered, in which each category keeps its share.
    """

    components: Components
    max_products: int = Field(3000, ge=50)
    max_k: int = Field(ge=2)
    n_seeds: int = Field(ge=2)


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
    tsne = Tsne(components, params)
    numbers = range(2, min(params.max_k, n - 1) + 1)

    def embed(seed: int) -> tuple[np.ndarray, list[float]]:
        xy = tsne.embed(seed)  # few starts of KMeans will do: the mean over the seeds decides
        return xy, [_silhouette(xy, _kmeans(xy, number, 3, seed), seed) for number in numbers]

    seeds = range(params.seed, params.seed + params.n_seeds)
    results = list(zip(progress(seeds), in_processes(embed, seeds), strict=True))
    maps = [xy for _, (xy, _) in results]
    best = numbers[int(np.mean([scores for _, (_, scores) in results], axis=0).argmax())]
    metrics |= {
        "components": components.shape[1],
        "variance": variance[: components.shape[1]].sum(),
        "elbow": elbow(variance),
        "best_k": best,
    }
    points = pd.DataFrame(maps[0], columns=["x", "y"])
    for suffix, column, number in (("", "cluster", k), ("_best_k", "cluster_best", best)):
        labels = [_kmeans(xy, number, 10, seed) for seed, xy in zip(seeds, maps, strict=True)]
        points[column] = labels[0]
        for name, values in {
            "ari": [adjusted_rand_score(categories, each) for each in labels],
            "silhouette": [
                _silhouette(xy, each, seed) for seed, xy, each in zip(seeds, maps, labels, strict=True)
            ],
        }.items():
            metrics[name + suffix] = np.mean(values)
            metrics[f"{name}{suffix}_sd"] = np.std(values, ddof=1)
    metrics["silhouette_categories"] = _silhouette(components, categories, params.seed)
    points["silhouette"] = silhouettes(components, categories, params.seed)
    table = by_category(components, categories, points["cluster"].to_numpy(), points["silhouette"].to_numpy())
    return Study(metrics, points, table, explained(variance))


def of_features(
    data: Features,
    folds: pd.DataFrame,
    feature_set: FeatureSetParams,
    params: ClusteringParams,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> tuple[dict[str, Any], Study, pd.DataFrame]:
    """Return metrics, what was found of the products that have this input, and the map to be drawn.

    Of more than `max_products` a sample is looked at: each step of t-SNE takes longer the more there are, and
    silhouettes take the distances of all pairs. It is the same for all feature sets that have the same
    products.
    """
    aligned = tables.align(folds, data.product_ids, "data/folds.parquet", "the feature file")
    judged = data.available & aligned["category"].notna().to_numpy()
    if judged.sum() > params.max_products:
        chosen = sampling.choose(aligned[judged], params.max_products, params.seed)
        judged &= aligned["product_id"].isin(chosen).to_numpy()
    aligned, vectors = aligned[judged], data.vectors[judged]
    found = study(vectors, aligned["category"].to_numpy(str), feature_set.scaling, params, progress)
    found.points.insert(0, "product_id", aligned["product_id"].to_numpy())
    drawn = found.points[["product_id", "x", "y", "cluster"]].assign(category=aligned["category"].to_numpy())
    drawn = drawn.dropna(subset="x")
    if len(drawn) > DRAWN:
        drawn = drawn.sample(DRAWN, random_state=params.seed).sort_index()
    metrics = {"weights": kind(data.metadata["weights"]), **found.metrics}
    if feature_set.published_ari is not None:
        metrics["published_ari"] = feature_set.published_ari
    return metrics, found, drawn
