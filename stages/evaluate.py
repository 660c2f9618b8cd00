"""Score every model from its predictions file alone, with intervals and paired tests against the floor.

Inputs: the folder predictions/; data/folds.parquet (near-duplicate groups).
Outputs: metrics/models.json, one flat dict per model (cv_*: repeated stratified group k-fold, holdout_*:
one 60/20/20 split); reports/evaluation/per_class.csv, one row per model, protocol and category;
reports/evaluation/folds.csv, one row per model, repeat and fold; reports/evaluation/confusion.csv, one row
per model, true and predicted category: products, mean over the repeats. A model without its weights has no
scores.
"""

from typing import Any

import pandas as pd

from aisle import cli, metrics, predictions, tables
from aisle.errors import AisleError, some
from aisle.params import load_params
from aisle.weights import ABSENT, NONE, kind


def run(
    models: dict[str, pd.DataFrame], folds: pd.DataFrame, params: metrics.EvaluationParams
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return metrics, per-class scores, fold scores and confusion counts of all models."""
    if params.floor not in models:
        raise AisleError(f"evaluation.floor must be one of {some(models, 99)}, not {params.floor!r}")
    floor = models[params.floor]
    ids = floor.loc[(floor["protocol"] == "cv") & (floor["repeat"] == 0), "product_id"]
    folds = tables.align(folds, ids, "data/folds.parquet", "the floor's predictions")
    group = folds.set_index("product_id")["group"]
    results, classes, fold_rows, confusions = {}, [], [], []
    for name, original in models.items():
        weights = kind(original.attrs.get("weights", NONE))
        if weights == ABSENT:
            results[name] = {"weights": weights}
            continue
        same = name == params.floor
        table = floor if same else predictions.align(original, floor, f"predictions of {name}", "the floor's")
        results[name] = metrics.score_model(table, floor, group, params) | {"weights": weights}
        for protocol, rows in table.groupby("protocol"):
            groups = group[rows["product_id"]].to_numpy()
            classes.append(metrics.score_classes(rows, name, str(protocol), groups, params))
        cv = table[table["protocol"] == "cv"]
        fold_rows.append(metrics.fold_scores(cv).assign(model=name))
        pairs = pd.DataFrame({"actual": cv["category"], "predicted": metrics.predicted(cv)})
        counts = pairs.value_counts(sort=False).rename("products").div(cv["repeat"].nunique())
        confusions.append(counts.reset_index().assign(model=name))
    return results, pd.concat(classes), pd.concat(fold_rows), pd.concat(confusions)


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        predictions="folder of predictions files",
        folds="folds",
        metrics="output: scores",
        per_class="output: scores per category",
        fold_scores="output: scores per fold",
        confusion="output: confusion counts",
    )
    args = parser.parse_args()
    params = load_params(args.params, "evaluation", metrics.EvaluationParams)
    names = [
        *load_params(args.params, "classifiers", dict[str, Any]),
        *load_params(args.params, "fusions", dict[str, Any]),
        *load_params(args.params, "zero_shot", dict[str, Any]),
    ]
    paths = tables.exactly(args.predictions, names, ".parquet")
    models = {name: predictions.test_rows(tables.read(path)) for name, path in paths.items()}
    folds = tables.read(args.folds, ["product_id", "group"])
    results, classes, fold_rows, confusion = run(models, folds, params)
    label = folds.attrs["catalogue"]
    tables.write_metrics(results, args.metrics, label)
    tables.write_csv(classes, args.per_class, label)
    tables.write_csv(fold_rows, args.fold_scores, label)
    tables.write_csv(confusion, args.confusion, label)


if __name__ == "__main__":
    cli.run(main)
