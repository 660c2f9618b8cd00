"""Read the catalogue: map its columns, refuse bad rows in words, keep the products.

Inputs: the table (CSV, TSV, Parquet) and the folder of pictures of `params.yaml: catalogue`.
Outputs: data/products.parquet, one row per product, sorted by product_id; data/rejects.csv, one row per
refused input row, by source line; metrics/ingest.json, counts.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from aisle import catalogue, cli, tables
from aisle.params import load_params


def run(
    source: pd.DataFrame, images: Path, params: catalogue.CatalogueParams, ingest: catalogue.IngestParams
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return products, rejects and counts."""
    table = catalogue.map_columns(source, params)
    products, rejects = catalogue.validate(table, ingest)
    return products, rejects, catalogue.counts(table, products, rejects, images)


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        table="catalogue table (.csv, .tsv, .parquet)",
        images="folder of pictures",
        products="output: products",
        rejects="output: refused rows",
        metrics="output: counts",
    )
    args = parser.parse_args()
    params = load_params(args.params, "catalogue", catalogue.CatalogueParams)
    ingest = load_params(args.params, "ingest", catalogue.IngestParams)
    products, rejects, metrics = run(catalogue.read_source(args.table), Path(args.images), params, ingest)
    label = catalogue.label(params.name, products["product_id"])
    tables.write(products, args.products, label)
    tables.write_csv(rejects, args.rejects, label)
    tables.write_metrics(metrics, args.metrics, label)
    print(f"{metrics['products']} products, {metrics['refused']} rows refused, see {args.rejects}")


if __name__ == "__main__":
    cli.run(main)
