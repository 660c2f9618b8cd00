"""Score every model from its predictions file alone, with intervals and paired tests against the floor.

Inputs: the folder predictions/; data/folds.parquet (near-duplicate groups).
Outputs: metrics/models.json, one flat dict per model (cv_*: repeated stratified group k-fold, holdout_*:
one 60/20/20 split); reports/evaluation/per_class.csv, one row per model, protocol and category;
reports/evaluation/folds.csv, one row per model, repeat and fold; reports/evaluation/confusion.csv, one row
per model, true and predicted category: products, mean over the repeats.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aisle import cli, metrics, predictions, tables
from aisle.errors import AisleError, some
from aisle.params import load_params


def evaluate(
    table: pd.DataFrame, floor: pd.DataFrame, group: pd.Series, params: metrics.EvaluationParams
) -> dict[str, Any]:
    """Return the flat dict of one model; `group` is indexed by product_id.

    `cv_gain` (accuracy over the floor's, mean of the folds) comes with its interval and p value from the
    Nadeau-Bengio corrected test, `holdout_mcnemar_p` from McNemar's. The floor itself has neither.
    """
    result: dict[str, Any] = {}
    for protocol in ("cv", "holdout"):
        rows = table[table["protocol"] == protocol]
        summary = metrics.summarise(rows, group[rows["product_id"]].to_numpy(), params)
        result |= {f"{protocol}_{name}": value for name, value in summary.items()}
    if table is floor:
        return result
    mine, theirs = (metrics.fold_scores(part[part["protocol"] == "cv"]) for part in (table, floor))
    n_splits = mine["fold"].nunique()
    gain = metrics.corrected_t_test(
        (mine["accuracy"] - theirs["accuracy"]).to_numpy(), 1 / (n_splits - 1), params.confidence
    )
    right = [
        metrics.predicted(rows) == rows["category"].to_numpy(str)
        for rows in (part[part["protocol"] == "holdout"] for part in (table, floor))
    ]
    result |= {f"cv_{name}": value for name, value in gain.items()}
    return result | {"holdout_mcnemar_p": metrics.mcnemar_p(*right)}


def per_class(table: pd.DataFrame, model: str, protocol: str, group: np.ndarray, params: Any) -> pd.DataFrame:
    """Return precision, recall and F1 (with its interval) of each category."""
    confusion = metrics.confusion_by_group(table, group)
    low, high = metrics.interval(
        metrics.per_class(metrics.resampled(confusion, params))["f1"], params.confidence
    )
    columns = metrics.per_class(confusion.sum(axis=0))
    columns["support"] = columns["support"] / table["repeat"].nunique()
    return pd.DataFrame(
        {
            "model": model,
            "protocol": protocol,
            "category": predictions.categories(table),
            **columns,
            "f1_low": low,
            "f1_high": high,
        }
    )


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
        same = name == params.floor
        table = floor if same else predictions.align(original, floor, f"predictions of {name}", "the floor's")
        results[name] = evaluate(table, floor, group, params)
        for protocol, rows in table.groupby("protocol"):
            groups = group[rows["product_id"]].to_numpy()
            classes.append(per_class(rows, name, str(protocol), groups, params))
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
    ]
    models = {name: tables.read(Path(args.predictions) / f"{name}.parquet") for name in names}
    folds = tables.read(args.folds, ["product_id", "group"])
    results, classes, fold_rows, confusion = run(models, folds, params)
    tables.write_metrics(results, args.metrics, folds.attrs["catalogue"])
    tables.write_csv(classes, args.per_class)
    tables.write_csv(fold_rows, args.fold_scores)
    tables.write_csv(confusion, args.confusion)


if __name__ == "__main__":
    cli.run(main)
