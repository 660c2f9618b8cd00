"""Strip HTML, clean, tokenise, lemmatise and stem the products' texts; count the words that each step leaves.

Input: data/products.parquet.
Outputs: data/text.parquet, one row per product, columns <field>_<form> for the fields title, description,
specifications (keys and values) and the forms raw, clean, tokens, lemmas, stems; data/text_statistics.csv,
one row per product and field: words_before, words_after, reduction; metrics/text.json, their totals, the
letters lost and the scripts. A field that loses most of its letters is told on stderr.
"""

import sys

from aisle.catalogue.text_forms import TextParams
from aisle.catalogue.text_table import preprocess
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read the products, preprocess their texts, write files."""
    parser = cli.parser(
        __doc__,
        products="products",
        output="output: texts",
        statistics="output: words before and after, per product and field",
        metrics="output: totals",
    )
    args = parser.parse_args()
    params = load_params(args.params, "text", TextParams)
    products = tables.read(args.products, ["product_id", "title", "description", "specifications"])
    texts, statistics, totals, warnings = preprocess(products, params)
    label = products.attrs["catalogue"]
    tables.write(texts, args.output, label)
    tables.write_csv(statistics, args.statistics, label)
    tables.write_metrics(totals, args.metrics, label)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
