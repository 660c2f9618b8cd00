"""Look for leaks: duplicates across folds, the category in the text, one word that tells, ungrouped folds.

Inputs: data/products.parquet; data/text.parquet; data/images.parquet (digests); data/folds.parquet;
data/near_duplicates.csv; the folder reports/ungrouped/.
Outputs: reports/leakage.csv, one row per check and item: value, reference, interval, limit, suspected;
metrics/leakage.json, the figures and a verdict per check. `suspected` is that of the data and the folds;
`optimism_suspected` says that ungrouped folds would flatter.
"""

from typing import Any

import pandas as pd

from aisle import cli, leakage, tables
from aisle.params import load_params

DATA = ("duplicates_suspected", "name_suspected", "path_suspected", "word_suspected")


def run(
    products: pd.DataFrame,
    texts: pd.DataFrame,
    pictures: pd.DataFrame,
    folds: pd.DataFrame,
    pairs: pd.DataFrame,
    compared: dict[str, pd.DataFrame],
    params: leakage.LeakageParams,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the rows of every check, and the figures with the verdicts."""
    ids, reference = products["product_id"], "data/products.parquet"
    texts = tables.align(texts, ids, "data/text.parquet", reference)
    pictures = tables.align(pictures, ids, "data/images.parquet", reference)
    folds = tables.align(folds, ids, "data/folds.parquet", reference)
    digests = pictures["sha256"].where(pictures["phash"].notna())  # blank pictures tell nothing
    duplicates = pd.concat(
        [
            pairs.assign(kind="near-duplicate " + pairs["kind"]),
            leakage.identical(digests, ids, "identical picture"),
            leakage.identical(texts["description_clean"], ids, "identical description"),
        ],
        ignore_index=True,
    )
    results = [
        leakage.across_folds(duplicates, folds, params),
        leakage.category_names(texts, products["category"], params),
        leakage.category_paths(texts, products["category_path"], params),
        leakage.single_words(texts, products["category"], folds["split"], params),
        leakage.optimism(compared, params),
    ]
    entries: dict[str, Any] = {}
    for _, found in results:
        entries |= found
    rows = [each.reindex(columns=leakage.COLUMNS).astype(leakage.KINDS) for each, _ in results]
    table = pd.concat(rows, ignore_index=True)
    return table, {"suspected": any(entries[name] for name in DATA)} | entries


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        products="products",
        texts="texts",
        pictures="pictures",
        folds="folds",
        pairs="pairs of near-duplicates",
        ungrouped="folder of accuracies with ungrouped folds",
        output="output: every figure",
        metrics="output: figures and verdicts",
    )
    args = parser.parse_args()
    params = load_params(args.params, "leakage", leakage.LeakageParams)
    products = tables.read(args.products, ["product_id", "category", "category_path"])
    paths = tables.exactly(args.ungrouped, params.models, ".csv")
    table, metrics = run(
        products,
        tables.read(args.texts),
        tables.read(args.pictures, ["product_id", "sha256", "phash"]),
        tables.read(args.folds),
        tables.read_csv(args.pairs),
        {name: tables.read_csv(path) for name, path in paths.items()},
        params,
    )
    label = products.attrs["catalogue"]
    tables.write_csv(table, args.output, label)
    tables.write_metrics(metrics, args.metrics, label)


if __name__ == "__main__":
    cli.run(main)
