"""Strip HTML, clean, tokenise, lemmatise and stem the products' texts; count the words that each step leaves.

Input: data/products.parquet.
Outputs: data/text.parquet, one row per product, columns <field>_<form> for the fields title, description,
specifications (keys and values) and the forms raw, clean, tokens, lemmas, stems; data/text_statistics.csv,
one row per product and field: words_before, words_after, reduction; metrics/text.json, their totals.
"""

from typing import Any

import pandas as pd
from tqdm import tqdm

from aisle import cli, specifications, tables, text, text_fields
from aisle.params import load_params


def run(products: pd.DataFrame, params: text.TextParams) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return the text table, the statistics table and the totals."""
    fields = {
        "title": products["title"],
        "description": products["description"],
        "specifications": products["specifications"].map(specifications.as_text),
    }
    columns: dict[str, pd.Series] = {"product_id": products["product_id"]}
    statistics: list[pd.DataFrame] = []
    metrics: dict[str, Any] = {}
    for field, raw in fields.items():
        progress = tqdm(raw, desc=field, unit="text", disable=None)
        forms = pd.DataFrame(list(text.preprocess(progress, params)), columns=list(text_fields.FORMS))
        columns |= {f"{field}_{form}": forms[form] for form in text_fields.FORMS}
        counted = text.statistics(raw, forms["tokens"])
        statistics.append(counted.assign(product_id=products["product_id"], field=field))
        before, after = int(counted["words_before"].sum()), int(counted["words_after"].sum())
        metrics |= {
            f"{field}_words_before": before,
            f"{field}_words_after": after,
            f"{field}_reduction": 1 - after / before if before else 0.0,
            f"{field}_vocabulary": len(set(" ".join(forms["lemmas"]).split())),
        }
    table = pd.concat(statistics).sort_values(["product_id", "field"])
    return (
        pd.DataFrame(columns),
        table[["product_id", "field", "words_before", "words_after", "reduction"]],
        metrics,
    )


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        products="products",
        output="output: texts",
        statistics="output: words before and after, per product and field",
        metrics="output: totals",
    )
    args = parser.parse_args()
    params = load_params(args.params, "text", text.TextParams)
    products = tables.read(args.products, ["product_id", "title", "description", "specifications"])
    label = products.attrs["catalogue"]
    texts, statistics, metrics = run(products, params)
    tables.write(texts, args.output, label)
    tables.write_csv(statistics, args.statistics, label)
    tables.write_metrics(metrics, args.metrics, label)


if __name__ == "__main__":
    cli.run(main)
