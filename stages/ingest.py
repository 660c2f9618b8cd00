"""Read the catalogue: map its columns, refuse bad rows in words, keep the products.

Inputs: the table or tables and the folder of pictures of `params.yaml: catalogue`;
data/category_changes.csv, the renamed categories; data/labels.csv, people's labels, which go before the
table's.
Outputs: data/products.parquet, one row per product, sorted by product_id; data/rejects.csv, one row per
refused product, by source line; data/embedded_pictures.parquet, one row per picture that came inside the
table; metrics/ingest.json, counts.
"""

from aisle.catalogue.columns import CatalogueParams
from aisle.catalogue.ingestion import ingest
from aisle.catalogue.label import catalogue_label
from aisle.catalogue.validation import IngestParams
from aisle.pipeline import cli, table_batches, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read the source, ingest it, write files."""
    parser = cli.parser(
        __doc__,
        changes="renamed categories",
        labels="labels that people gave",
        products="output: products",
        rejects="output: refused rows",
        embedded="output: pictures that came inside the table",
        metrics="output: counts",
    )
    args = parser.parse_args()
    params = load_params(args.params, "catalogue", CatalogueParams)
    found = ingest(params, load_params(args.params, "ingest", IngestParams), args.changes, args.labels)
    label = catalogue_label(params.name, found.products["product_id"])
    attrs = {"level": str(params.category.level)}
    tables.write_groups(found.products, args.products, label, attrs, table_batches.ROWS)
    tables.write_csv(found.rejects, args.rejects, label)
    tables.write(found.embedded, args.embedded, label)
    tables.write_metrics(found.counts, args.metrics, label)
    refused = f"{len(found.rejects)} rows refused, see {args.rejects}"
    print(f"{len(found.products)} products, {refused}; {found.detected}", *found.notes, sep="\n")


if __name__ == "__main__":
    cli.run(main)
