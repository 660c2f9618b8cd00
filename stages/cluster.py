"""Cluster one feature set: PCA, t-SNE and KMeans, against the categories.

Inputs: a feature file; data/folds.parquet (categories).
Outputs: metrics/cluster/<feature set>.json; the folder reports/clusters/<feature set>: points.parquet, one
row per product with this input: product_id, x, y (t-SNE map of the first seed), cluster (as many as
categories), cluster_best (as many as fit best), silhouette (of the product among the categories);
categories.csv, one row per category: silhouette, distances to the others, products in each cluster;
variance.csv, one row per principal component; reports/cluster_maps/<feature set>.csv, the same map with the
categories, of at most 5,000 products, for `dvc plots`.
"""

from functools import partial
from pathlib import Path

from tqdm import tqdm

from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params
from aisle.representations import cluster_study, vectors_file


def main() -> None:
    """Read files, cluster, write files."""
    parser = cli.parser(
        __doc__, features="features", folds="folds", output="output: folder of tables",
        drawn="output: map to be drawn", metrics="output: metrics",
    )  # fmt: skip
    parser.add_argument("--feature-set", required=True, help="entry of params.yaml: feature_sets")
    args = parser.parse_args()
    feature_set = load_params(args.params, f"feature_sets.{args.feature_set}", cluster_study.FeatureSetParams)
    params = load_params(args.params, "clustering", cluster_study.ClusteringParams)
    data, folds = vectors_file.read(args.features), tables.read(args.folds)
    bar = partial(tqdm, desc=args.feature_set, unit="seed", disable=None)
    metrics, found, drawn = cluster_study.of_features(data, folds, feature_set, params, bar)
    label, folder = data.metadata["catalogue"], Path(args.output)
    tables.write(found.points, folder / "points.parquet", label)
    tables.write_csv(found.categories, folder / "categories.csv", label)
    tables.write_csv(found.variance, folder / "variance.csv", label)
    tables.write_csv(drawn, args.drawn, label)
    tables.write_metrics(metrics, args.metrics, label)


if __name__ == "__main__":
    cli.run(main)
