"""Cluster one feature set: PCA, t-SNE and KMeans, against the categories.

Inputs: a feature file; data/folds.parquet (categories).
Outputs: metrics/cluster/<feature set>.json; reports/clusters/<feature set>.parquet, one row per product with
this input: product_id, x, y (t-SNE map of the first seed), cluster (as many as categories), cluster_best (as
many as fit best); reports/cluster_tables/<feature set>.csv, one row per category: silhouette, distances to
the others, products in each cluster.
"""

from functools import partial
from typing import Any

import pandas as pd
from tqdm import tqdm

from aisle import cli, clustering, features, tables, weights
from aisle.params import load_params


def run(
    data: features.Features,
    folds: pd.DataFrame,
    scaling: str,
    params: clustering.ClusteringParams,
    progress: Any = iter,
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Return metrics, the map of the products that have this input, and the table of the categories."""
    aligned = tables.align(folds, data.product_ids, "data/folds.parquet", "the feature file")[data.available]
    vectors = data.vectors[data.available]
    found = clustering.study(vectors, aligned["category"].to_numpy(str), scaling, params, progress)
    found.points.insert(0, "product_id", aligned["product_id"].to_numpy())
    return (
        {"weights": weights.kind(data.metadata["weights"]), **found.metrics},
        found.points,
        found.categories,
    )


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        features="features",
        folds="folds",
        output="output: map",
        categories="output: table of the categories",
        metrics="output: metrics",
    )
    parser.add_argument("--feature-set", required=True, help="entry of params.yaml: feature_sets")
    args = parser.parse_args()
    feature_set = load_params(args.params, f"feature_sets.{args.feature_set}", clustering.FeatureSetParams)
    params = load_params(args.params, "clustering", clustering.ClusteringParams)
    data = features.read(args.features)
    bar: Any = partial(tqdm, desc=args.feature_set, unit="seed", disable=None)
    metrics, points, categories = run(data, tables.read(args.folds), feature_set.scaling, params, bar)
    if feature_set.published_ari is not None:
        metrics["published_ari"] = feature_set.published_ari
    label = data.metadata["catalogue"]
    tables.write(points, args.output, label)
    tables.write_csv(categories, args.categories, label)
    tables.write_metrics(metrics, args.metrics, label)


if __name__ == "__main__":
    cli.run(main)
