"""Probabilities that mean what they say: temperature scaling, and how far confidence is from accuracy."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from aisle.models.predictions_table import MIN_PROBABILITY, PREFIX, categories, probabilities


def true_index(table: pd.DataFrame) -> np.ndarray:
    """Return the true category of each row, as a number from 0 in the order of the probabilities."""
    return pd.Categorical(table["category"], categories(table)).codes.astype(int)


def scale(probability: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities (n, k) to the power 1 / temperature, renormalised (Guo et al. 2017)."""
    return softmax(np.log(np.clip(probability, MIN_PROBABILITY, None)) / temperature, axis=1)


def fit_temperature(probability: np.ndarray, y: np.ndarray) -> float:
    """Return the temperature, 0.05 to 20, that minimises the negative log-likelihood.

    Parameters
    ----------
    probability
        (n, k), out of fold.
    y
        True categories, 0 to k - 1.
    """
    logits, rows = np.log(np.clip(probability, MIN_PROBABILITY, None)), np.arange(len(y))

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[rows, y].mean())

    bounds = float(np.log(0.05)), float(np.log(20))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4}).x))


def calibrated(table: pd.DataFrame) -> pd.DataFrame:
    """Return a predictions table, inner rows too, scaled by a temperature for each test fold.

    The temperature of a fold is fitted on its inner rows, which never see its test part, and is the column
    `temperature` of the result.
    """
    columns = [PREFIX + name for name in categories(table)]
    values, temperature = probabilities(table), np.ones(len(table))
    y, inner = true_index(table), table["inner_fold"].to_numpy() >= 0
    for where in table.groupby(["seed", "protocol", "repeat", "fold"]).indices.values():
        learn = where[inner[where]]
        fitted = fit_temperature(values[learn], y[learn])
        values[where], temperature[where] = scale(values[where], fitted), fitted
    scaled = pd.DataFrame(values, columns=columns, index=table.index)
    rest = table.drop(columns=columns)
    result: pd.DataFrame = pd.concat([rest, scaled], axis=1, copy=False)  # type: ignore[call-overload]
    result.insert(len(rest.columns), "temperature", temperature)  # afterwards: concat would put it among them
    return result


def bins(confidence: np.ndarray, n_bins: int) -> np.ndarray:
    """Return the bin, 0 to n_bins - 1, of each confidence: bins of equal width."""
    return np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)


def reliability(table: pd.DataFrame, n_bins: int) -> pd.DataFrame:
    """Return for each bin with predictions: bin, confidence (mean), accuracy and share of the rows."""
    values = probabilities(table)
    confidence, right = values.max(axis=1), values.argmax(axis=1) == true_index(table)
    rows = pd.DataFrame({"bin": bins(confidence, n_bins), "confidence": confidence, "accuracy": right})
    result = rows.groupby("bin").agg(confidence=("confidence", "mean"), accuracy=("accuracy", "mean"))
    return result.assign(share=rows["bin"].value_counts(normalize=True).sort_index()).reset_index()
