"""Group near-duplicates, then split: a 60/20/20 hold-out and repeated stratified group k-fold.

Inputs: data/products.parquet (descriptions, or titles where there is none); data/images.parquet (perceptual
hashes).
Outputs: data/folds.parquet, one row per product: group, split, cv_<repeat>; data/near_duplicates.csv, one row
per pair of near-duplicates and kind: product_id_left, product_id_right, kind (text or picture), value (cosine
or bits); metrics/folds.json, group statistics.
"""

from typing import Any

import pandas as pd

from aisle import cli, folds, tables
from aisle.params import load_params


def run(
    products: pd.DataFrame, pictures: pd.DataFrame, params: folds.FoldsParams
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return the folds, the pairs and the group statistics."""
    products = products.sort_values("product_id", ignore_index=True)
    ids = products["product_id"]
    pictures = tables.align(pictures, ids, "data/images.parquet", "data/products.parquet")
    texts = products["description"].where(products["description"] != "", products["title"])
    text = folds.text_pairs(texts, params.text_similarity)
    picture = folds.picture_pairs(pictures["phash"], params.picture_distance)
    table = folds.make(products, folds.groups(len(products), text, picture), params)
    pairs = pd.concat(
        [
            text.rename(columns={"similarity": "value"}).assign(kind="text"),
            picture.rename(columns={"distance": "value"}).assign(kind="picture"),
        ]
    )
    named = pd.DataFrame(
        {
            "product_id_left": ids.to_numpy()[pairs["left"].to_numpy(int)],
            "product_id_right": ids.to_numpy()[pairs["right"].to_numpy(int)],
            "kind": pairs["kind"].to_numpy(),
            "value": pairs["value"].to_numpy(),
        }
    )
    return table, named, folds.counts(table, text, picture)


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        products="products",
        pictures="pictures",
        output="output: folds",
        pairs="output: pairs of near-duplicates",
        metrics="output: group statistics",
    )
    args = parser.parse_args()
    params = load_params(args.params, "folds", folds.FoldsParams)
    products = tables.read(args.products, ["product_id", "category", "title", "description"])
    label = products.attrs["catalogue"]
    table, pairs, metrics = run(products, tables.read(args.pictures, ["product_id", "phash"]), params)
    tables.write(table, args.output, label)
    tables.write_csv(pairs, args.pairs, label)
    tables.write_metrics(metrics, args.metrics, label)


if __name__ == "__main__":
    cli.run(main)
