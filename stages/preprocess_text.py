"""Strip HTML, clean, tokenise, lemmatise and stem the products' texts; count the words that each step leaves.

Input: data/products.parquet.
Outputs: data/text.parquet, one row per product, columns <field>_<form> for the fields title, description,
specifications (keys and values) and the forms raw, clean, tokens, lemmas, stems; data/text_statistics.csv,
one row per product and field: words_before, words_after, reduction; metrics/text.json, their totals, the
letters lost and the scripts. A field that loses most of its letters is told on stderr.
"""

import sys

from aisle.catalogue import text_table
from aisle.catalogue.text_forms import TextParams
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read the products a part at a time, preprocess their texts, write files."""
    parser = cli.parser(
        __doc__,
        products="products",
        output="output: texts",
        statistics="output: words before and after, per product and field",
        metrics="output: totals",
    )
    args = parser.parse_args()
    params = load_params(args.params, "text", TextParams)
    totals, warnings, label = text_table.write(args.products, params, args.output, args.statistics)
    tables.write_metrics(totals, args.metrics, label)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
