"""Paired shadow: champion and challenger predict the same products, and people judge their disagreements.

Where both say the same, both are right or both wrong: nothing is learned of which is better, and nobody need
look. Of the judged disagreements in which one of them is right, each is the challenger's with probability 1/2
if both are right equally often: a sign test, valid at every look by a beta-binomial mixture.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aisle.monitoring.experiments import e_process


@dataclass(frozen=True)
class Paired:
    """What is known of two models after each of n products.

    Attributes
    ----------
    differences
        (n,): 1 where only the challenger is right, -1 where only the champion is, else 0.
    log_e
        (n,): logarithm of the e-process against "right equally often".
    p
        (n,): p value that holds at every look.
    low, high
        (n,): confidence sequence of the challenger's accuracy minus the champion's.
    """

    differences: np.ndarray
    log_e: np.ndarray
    p: np.ndarray
    low: np.ndarray
    high: np.ndarray


def log_evidence(differences: np.ndarray) -> np.ndarray:
    """Return the logarithm of the e-process after each product, along the last axis of `differences`."""
    wins, losses = (differences == 1).cumsum(-1), (differences == -1).cumsum(-1)
    return e_process.log_mixture(np.stack([losses, wins], -1), np.array([0.5, 0.5]))


def compare(differences: np.ndarray, confidence: float) -> Paired:
    """Return what n products say of two models, look by look.

    Parameters
    ----------
    differences
        (n,) in the order of the products' arrival: see `Paired`.
    confidence
        Of the confidence sequence.
    """
    log_e = log_evidence(differences)
    low, high = e_process.confidence_sequence(differences, -1.0, 1.0, confidence)
    return Paired(differences, log_e, e_process.p_values(log_e), low, high)


def judged(products: pd.DataFrame) -> pd.DataFrame:
    """Return the products that say something, by date and product_id, with their `difference`.

    Parameters
    ----------
    products
        date, product_id, predicted (the champion's category), challenger (the other's), label (of a person;
        missing where nobody looked).

    Returns
    -------
    pandas.DataFrame
        The products on which both agree, whose difference is 0, and the judged disagreements. A disagreement
        that nobody has judged yet is left out: people judge all in turn, whatever is in them.
    """
    agree = products["predicted"] == products["challenger"]
    rows = products[agree | products["label"].notna()].sort_values(["date", "product_id"], ignore_index=True)
    label, same = rows["label"], rows["predicted"] == rows["challenger"]
    right = [(rows[side] == label).to_numpy(int) for side in ("challenger", "predicted")]
    return rows.assign(difference=np.where(same, 0, right[0] - right[1]))
