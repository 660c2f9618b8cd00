"""Predictions of four small models of 80 products, and predictions that are right or wrong as told."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from aisle.evaluation import metrics, model_scores
from aisle.models import cross_fitting

PARAMS = metrics.EvaluationParams(
    baseline="baseline", confidence=0.95, n_bootstrap=200, seed=0, target_error=0.25, n_bins=5
)
MANY = PARAMS.model_copy(update={"n_bootstrap": 500})
"""More resamples."""
NAMES = ["ant", "bee", "cow", "dog"]
P = [f"p_{name}" for name in NAMES]
N, K, REPEATS = 80, 4, 2


def made(folds, seed, noise=1.0, available=None):
    """Return the predictions of logistic regression on noisy marks of the categories."""
    rng = np.random.default_rng(seed)
    X = (folds["category"].to_numpy()[:, None] == NAMES) + rng.normal(0, noise, (len(folds), 4))
    available = np.ones(len(folds), bool) if available is None else available
    return cross_fitting.out_of_fold(LogisticRegression(), X, available, folds)


def groups(table):
    """Return groups by product_id in which each product is alone."""
    ids = table["product_id"].unique()
    return pd.Series(range(len(ids)), ids)


def prepared(seeds, modalities=("text",), weights="none"):
    """Return the model of each seed's predictions; no product has a near-duplicate."""
    group = groups(pd.concat(seeds.values()))
    return model_scores.prepare("Title", modalities, weights, seeds, group, PARAMS)


def model(table, modalities=("text",), weights="none"):
    return prepared({model_scores.NO_SEED: table}, modalities, weights)


def outcomes(right, n_folds=5):
    """Return predictions of two categories, right or wrong as told, over folds."""
    right = np.asarray(right, bool)
    n = len(right)
    category = np.where(np.arange(n) % 2, "ant", "bee")
    said_ant = (category == "ant") == right
    return pd.DataFrame(
        {
            "seed": -1,
            "repeat": 0,
            "fold": np.arange(n) % n_folds,
            "category": category,
            "available": True,
            "p_ant": np.where(said_ant, 0.8, 0.2),
            "p_bee": np.where(said_ant, 0.2, 0.8),
        }
    )
