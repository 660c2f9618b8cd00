"""Rank the products whose label is probably wrong (confident learning).

Inputs: predictions of the model that params.yaml: label_audit.model names; data/products.parquet (titles);
data/folds.parquet (near-duplicate groups).
Outputs: reports/label_issues.csv, one row per product that the model had input for, the most suspect first:
rank, product_id, title, category (given), suggested, is_issue, label_quality, p_category, p_suggested, group;
metrics/label_audit.json: how many are flagged, and precision and recall where wrong labels are known. A model
without its weights audits nothing.
"""

from typing import Any

import pandas as pd

from aisle import cli, label_audit, tables
from aisle.params import load_params
from aisle.repeats import mean_over_repeats
from aisle.weights import ABSENT, NONE, kind


def run(
    predictions: pd.DataFrame,
    products: pd.DataFrame,
    folds: pd.DataFrame,
    params: label_audit.LabelAuditParams,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the ranked products and the metrics."""
    table = mean_over_repeats(predictions)
    ids, reference = table["product_id"], f"predictions of {params.model}"
    products = tables.align(products, ids, "data/products.parquet", reference)
    folds = tables.align(folds, ids, "data/folds.parquet", reference)
    ranked = label_audit.rank(table, params)
    facts = pd.DataFrame({"product_id": ids, "title": products["title"], "group": folds["group"]})
    metrics = {
        "model": params.model,
        "products": len(ranked),
        "without_input": len(table) - len(ranked),
        "issues": int(ranked["is_issue"].sum()),
        "issues_share": ranked["is_issue"].mean(),
    }
    metrics |= label_audit.known(ranked, params.known_errors or {})
    return ranked.merge(facts, on="product_id", validate="one_to_one")[label_audit.COLUMNS], metrics


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        predictions="predictions of the model",
        products="products",
        folds="folds",
        output="output: products ranked",
        metrics="output: counts, precision and recall",
    )
    args = parser.parse_args()
    params = load_params(args.params, "label_audit", label_audit.LabelAuditParams)
    predictions = tables.read(args.predictions)
    weights = predictions.attrs.get("weights", NONE)
    ranked, metrics = pd.DataFrame(columns=label_audit.COLUMNS), dict[str, Any](model=params.model)
    if weights != ABSENT:
        products = tables.read(args.products, ["product_id", "title"])
        ranked, metrics = run(predictions, products, tables.read(args.folds, ["product_id", "group"]), params)
    label = predictions.attrs["catalogue"]
    tables.write_csv(ranked, args.output, label)
    tables.write_metrics(metrics | {"weights": kind(weights)}, args.metrics, label)


if __name__ == "__main__":
    cli.run(main)
