"""What scores would be if folds ignored near-duplicates, and whether that flatters."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.model_selection import StratifiedKFold

from aisle.catalogue.splits import FoldsParams
from aisle.evaluation import metrics
from aisle.evaluation.leakage.base import COLUMNS, Evidence, Finding, LeakageParams
from aisle.evaluation.significance import corrected_t_test
from aisle.models import cross_fitting, predictions_table
from aisle.models.predictions_table import cv_rows
from aisle.pipeline import tables

UNGROUPED_COLUMNS = ["model", "repeat", "fold", "accuracy_grouped", "accuracy_ungrouped", "weights"]
"""Of reports/ungrouped.csv."""


def ungrouped(folds: pd.DataFrame, params: FoldsParams) -> pd.DataFrame:
    """Return the folds table with cv_<repeat> by scikit-learn's StratifiedKFold: same seeds, no groups."""
    ordered = folds.sort_values(tables.KEY)  # the same folds whatever the order of the rows
    category = ordered["category"].to_numpy(str)
    columns = {}
    for repeat, name in enumerate(predictions_table.repeats(folds)):
        fold = np.full(len(folds), -1)
        splitter = StratifiedKFold(params.n_splits, shuffle=True, random_state=params.seed + repeat)
        for number, (_, test) in enumerate(splitter.split(category, category)):
            fold[test] = number
        columns[name] = pd.Series(fold, ordered.index)
    return folds.assign(**columns)


def compare(
    estimator: BaseEstimator,
    X: np.ndarray,
    available: np.ndarray,
    folds: pd.DataFrame,
    grouped: pd.DataFrame,
    params: FoldsParams,
) -> pd.DataFrame:
    """Return the accuracy of each repeat and fold, with grouped and with ungrouped folds.

    Parameters
    ----------
    estimator, X, available, folds
        As of `aisle.models.cross_fitting.out_of_fold`.
    grouped
        The model's predictions with the grouped folds.
    params
        Seed and folds of the cross-validation.

    Returns
    -------
    pandas.DataFrame
        repeat, fold, accuracy_grouped, accuracy_ungrouped; no rows where nothing had input. Fold i of one is
        not fold i of the other: they have in common the repeat's seed and the number of products.
    """
    if not available.any():
        return pd.DataFrame(columns=UNGROUPED_COLUMNS[1:-1])
    table = cross_fitting.out_of_fold(estimator, X, available, ungrouped(folds, params), inner=False)
    both = []
    for name, rows in (("grouped", cv_rows(grouped)), ("ungrouped", cv_rows(table))):
        products = rows.drop_duplicates(tables.KEY)
        tables.align(products, folds[tables.KEY], f"predictions ({name} folds)", "the classifier's input")
        right = rows.assign(right=metrics.right(rows))
        by_fold = right.groupby(["repeat", "fold"])["right"]
        both.append(by_fold.mean().rename(f"accuracy_{name}").reset_index())
    return both[0].merge(both[1], on=["repeat", "fold"], validate="one_to_one")


def optimism(evidence: Evidence, params: LeakageParams) -> Finding:
    """Return how much more accurate each model looks with folds that ignore near-duplicates.

    Returns
    -------
    Finding
        A row per model (value: mean difference, with interval and p of the Nadeau-Bengio corrected t-test;
        reference: accuracy with grouped folds), and for each model `accuracy_ungrouped_<name>`,
        `optimism_<name>` with `_low`, `_high`, `_p`; `optimism_suspected`: some model gains more than the
        limit, and not by chance. That is a leak in a study whose folds are not grouped; this one's are.
    """
    rows, figures = [], dict[str, Any]()
    for model, table in evidence.accuracies.items():
        if table.empty:
            continue
        grouped, free = (table[f"accuracy_{name}"].to_numpy(float) for name in ("grouped", "ungrouped"))
        test_share = 1 / (table["fold"].nunique() - 1)
        gain = corrected_t_test(free - grouped, test_share, params.confidence)
        value, low, high, p = (gain[name] for name in ("gain", "gain_low", "gain_high", "gain_p"))
        beyond = value > params.max_optimism and low > 0
        row = {"item": model, "value": value, "reference": grouped.mean(), "low": low, "high": high, "p": p}
        rows.append(row | {"limit": params.max_optimism, "suspected": beyond})
        figures |= {f"accuracy_ungrouped_{model}": free.mean(), f"optimism_{model}": value}
        figures |= {f"optimism_{model}_low": low, f"optimism_{model}_high": high, f"optimism_{model}_p": p}
    found = pd.DataFrame(rows, columns=["item", *COLUMNS[3:]]).assign(check="ungrouped_folds")
    return Finding(found, figures | {"optimism_suspected": any(row["suspected"] for row in rows)})
