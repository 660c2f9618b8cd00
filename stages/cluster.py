"""Cluster one feature set: PCA, t-SNE and KMeans, against the categories.

Inputs: a feature file; data/folds.parquet (categories).
Outputs: metrics/cluster/<feature set>.json; reports/clusters/<feature set>.parquet, one row per product with
this input: product_id, x, y (t-SNE map of the first seed), cluster (as many as categories), cluster_best (as
many as fit best), silhouette (of the product among the categories); reports/cluster_maps/<feature set>.csv,
the same map with the categories, of at most `DRAWN` products, for `dvc plots`;
reports/cluster_tables/<feature set>.csv, one row per category: silhouette, distances to the others, products
in each cluster; reports/cluster_curves/<feature set>.csv, one row per principal component: its variance.
"""

from functools import partial
from typing import Any

import pandas as pd
from tqdm import tqdm

from aisle import cli, clustering, features, tables, weights
from aisle.params import load_params

DRAWN = 5_000
"""Products of the map that `dvc plots` draws, at most: Vega draws each as an object of its own."""


def run(
    data: features.Features,
    folds: pd.DataFrame,
    scaling: str,
    params: clustering.ClusteringParams,
    progress: Any = iter,
) -> tuple[dict[str, Any], clustering.Study, pd.DataFrame]:
    """Return metrics, what was found of the products that have this input, and the map to be drawn."""
    aligned = tables.align(folds, data.product_ids, "data/folds.parquet", "the feature file")[data.available]
    vectors = data.vectors[data.available]
    found = clustering.study(vectors, aligned["category"].to_numpy(str), scaling, params, progress)
    found.points.insert(0, "product_id", aligned["product_id"].to_numpy())
    drawn = found.points[["product_id", "x", "y", "cluster"]].assign(category=aligned["category"].to_numpy())
    drawn = drawn.dropna(subset="x")
    if len(drawn) > DRAWN:
        drawn = drawn.sample(DRAWN, random_state=params.seed).sort_index()
    return {"weights": weights.kind(data.metadata["weights"]), **found.metrics}, found, drawn


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        features="features",
        folds="folds",
        output="output: map",
        drawn="output: map to be drawn",
        categories="output: table of the categories",
        variance="output: explained variance of the components",
        metrics="output: metrics",
    )
    parser.add_argument("--feature-set", required=True, help="entry of params.yaml: feature_sets")
    args = parser.parse_args()
    feature_set = load_params(args.params, f"feature_sets.{args.feature_set}", clustering.FeatureSetParams)
    params = load_params(args.params, "clustering", clustering.ClusteringParams)
    data = features.read(args.features)
    bar: Any = partial(tqdm, desc=args.feature_set, unit="seed", disable=None)
    metrics, found, drawn = run(data, tables.read(args.folds), feature_set.scaling, params, bar)
    if feature_set.published_ari is not None:
        metrics["published_ari"] = feature_set.published_ari
    label = data.metadata["catalogue"]
    tables.write(found.points, args.output, label)
    tables.write_csv(drawn, args.drawn, label)
    tables.write_csv(found.categories, args.categories, label)
    tables.write_csv(found.variance, args.variance, label)
    tables.write_metrics(metrics, args.metrics, label)


if __name__ == "__main__":
    cli.run(main)
