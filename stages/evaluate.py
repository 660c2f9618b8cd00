"""Score every model from its predictions file alone: intervals, paired tests, calibration, decisions.

Inputs: data/listing.json (which models there are); the folder predictions/ (a file per model, or per model
and seed; in fine_tuned/ those of the hold-out alone); data/folds.parquet (near-duplicate groups);
data/products.parquet (category paths, titles); data/adjudicated.csv (labels that a person read again).
Outputs: metrics/models.json, a flat dict per model (cv_*: repeated stratified group k-fold, holdout_*: one
60/20/20 split); metrics/seeds.json, one per model of several seeds; the folder reports/evaluation/: models,
per_class, folds, confusion, reliability, risk_coverage, by_category, decisions (what to use), review (what to
send to a person) as CSV, and products.parquet (what each says of each product). None of absent weights.
"""

from pathlib import Path

from aisle.evaluation import adjudication
from aisle.evaluation.metrics import EvaluationParams
from aisle.evaluation.score_tables import evaluate, write_tables
from aisle.models import listing
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, evaluate, write files."""
    parser = cli.parser(
        __doc__,
        listing="listing of the models",
        predictions="folder of predictions files",
        folds="folds",
        products="products",
        adjudicated="labels read again",
        metrics="output: scores",
        seed_metrics="output: scores of each seed",
        tables="output: folder of tables",
    )
    args = parser.parse_args()
    params = load_params(args.params, "evaluation", EvaluationParams)
    predictions = listing.read_predictions(listing.read(args.listing), Path(args.predictions))
    folds = tables.read(args.folds, ["product_id", "category", "group"])
    products = tables.read(args.products, ["product_id", "title", "category_path"])
    right = adjudication.read(args.adjudicated, folds)
    found = evaluate(predictions, folds, products, right, params)
    label = folds.attrs["catalogue"]
    tables.write_metrics(found.scores, args.metrics, label)
    tables.write_metrics(found.seed_scores, args.seed_metrics, label)
    write_tables(found.tables, Path(args.tables), label)


if __name__ == "__main__":
    cli.run(main)
