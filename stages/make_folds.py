"""Group near-duplicates, then split: a 60/20/20 hold-out and repeated stratified group k-fold.

Inputs: data/products.parquet (descriptions, or titles where there is none); data/images.parquet (perceptual
hashes).
Outputs: data/folds.parquet, one row per product: group, split, cv_<repeat>; data/near_duplicates.csv, one row
per pair of near-duplicates and kind: product_id_left, product_id_right, kind (text or picture), value (cosine
or bits); metrics/folds.json, group statistics. A text that many products share, and a group that has chained
to a large part of the catalogue, with the links that hold it, are told on stderr.
"""

import sys

from aisle.catalogue.folds_table import make_folds, warnings
from aisle.catalogue.splits import FoldsParams
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, group and split, write files."""
    parser = cli.parser(
        __doc__,
        products="products",
        pictures="pictures",
        output="output: folds",
        pairs="output: pairs of near-duplicates",
        metrics="output: group statistics",
    )
    args = parser.parse_args()
    params = load_params(args.params, "folds", FoldsParams)
    products = tables.read(args.products, ["product_id", "category", "title", "description"])
    images = tables.read(args.pictures, ["product_id", "place", "phash"])
    folds, pairs, statistics = make_folds(products, images, params, tree=products.attrs["level"] == "tree")
    label = products.attrs["catalogue"]
    tables.write(folds, args.output, label)
    tables.write_csv(pairs, args.pairs, label)
    tables.write_metrics(statistics, args.metrics, label)
    for told in warnings(folds, pairs, statistics, params):
        print(f"warning: {told}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
