"""What can be decided without a person: the share of products above a threshold, at a stated error rate."""

import numpy as np
import pandas as pd

from aisle.calibration import true_index
from aisle.predictions import TEST, probabilities


def threshold(confidence: np.ndarray, wrong: np.ndarray, target_error: float) -> float:
    """Return the lowest confidence at which the share of errors at or above it is at most the target.

    Products are decided automatically if their confidence is at least the threshold; infinity if none may be.

    Parameters
    ----------
    confidence
        Probability of the predicted category, (n,).
    wrong
        Whether it is wrong, boolean (n,).
    target_error
        Share of the automatic decisions that may be wrong, such as 0.01.
    """
    order = np.argsort(-confidence, kind="stable")
    risk = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    last = np.r_[np.diff(confidence[order]) != 0, True]  # equal confidences are decided together
    allowed = np.flatnonzero((risk <= target_error) & last)
    return float(confidence[order][allowed[-1]]) if len(allowed) else float("inf")


def decide(table: pd.DataFrame, target_error: float) -> pd.DataFrame:
    """Return the test rows of calibrated predictions with `predicted`, `confidence`, `wrong`, `automatic`.

    Each test fold's threshold is chosen on its inner rows and stands in the column `threshold`.
    """
    values = probabilities(table)
    confidence, predicted = values.max(axis=1), values.argmax(axis=1)
    wrong, inner = predicted != true_index(table), table["inner_fold"].to_numpy() != TEST
    chosen = np.empty(len(table))
    for where in table.groupby(["seed", "protocol", "repeat", "fold"]).indices.values():
        learn = where[inner[where]]
        chosen[where] = threshold(confidence[learn], wrong[learn], target_error)
    found = table.assign(
        predicted=predicted,
        confidence=confidence,
        wrong=wrong,
        threshold=chosen,
        automatic=confidence >= chosen,
    )
    return found[~inner]


def risk_coverage(confidence: np.ndarray, wrong: np.ndarray, points: int = 100) -> pd.DataFrame:
    """Return the risk-coverage curve: coverage, and the error among the most confident that make it up.

    El-Yaniv and Wiener 2010, On the foundations of noise-free selective classification. Of equal confidences
    the wrong ones come first, so that the curve does not depend on the order of the rows.
    """
    order = np.lexsort((~wrong, -confidence))
    errors = np.cumsum(wrong[order])
    kept = np.unique(np.linspace(1, len(order), min(points, len(order))).round().astype(int))
    return pd.DataFrame({"coverage": kept / len(order), "error": errors[kept - 1] / kept})


def review(decided: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the products to send to a person, the least certain first.

    Parameters
    ----------
    decided
        Of `decide`, cross-validated rows of one model.
    names
        Categories, in the order of the probabilities.

    Returns
    -------
    pandas.DataFrame
        product_id, predicted (most often, over repeats and seeds), confidence (mean), automatic_share (of the
        repeats in which the product would be decided automatically): those where it is below one half.
    """
    by_product = decided.groupby("product_id")
    table = pd.DataFrame(
        {
            "predicted": by_product["predicted"].agg(lambda each: names[int(each.mode().iloc[0])]),
            "confidence": by_product["confidence"].mean(),
            "automatic_share": by_product["automatic"].mean(),
        }
    ).reset_index()
    waiting = table[table["automatic_share"] < 0.5]
    return waiting.sort_values(["confidence", "product_id"], ignore_index=True)
