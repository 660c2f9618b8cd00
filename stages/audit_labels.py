"""Rank the products whose label is probably wrong (confident learning).

Inputs: the predictions that params.yaml: label_audit.predictions names; data/products.parquet (titles);
data/folds.parquet (near-duplicate groups).
Outputs: reports/label_issues.csv, one row per product that the model had input for, the most suspect first:
rank, product_id, title, category (given), suggested, is_issue, label_quality, p_category, p_suggested, group;
metrics/label_audit.json: how many are flagged, and precision and recall where wrong labels are known. A model
without its weights audits nothing.
"""

from aisle.evaluation.label_audit import LabelAuditParams, audit
from aisle.models import predictions_table
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, audit, write files."""
    parser = cli.parser(
        __doc__,
        predictions="predictions of the model",
        products="products",
        folds="folds",
        output="output: products ranked",
        metrics="output: counts, precision and recall",
    )
    args = parser.parse_args()
    params = load_params(args.params, "label_audit", LabelAuditParams)
    predictions = predictions_table.read_cv(args.predictions)
    products = tables.read(args.products, ["product_id", "title"])
    folds = tables.read(args.folds, ["product_id", "category", "group"])
    ranked, figures = audit(predictions, products, folds, params)
    label = predictions.attrs["catalogue"]
    tables.write_csv(ranked, args.output, label)
    tables.write_metrics(figures, args.metrics, label)


if __name__ == "__main__":
    cli.run(main)
