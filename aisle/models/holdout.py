"""The hold-out protocol for models that are too dear to be cross-validated."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aisle.models.predictions_table import KEYS, PREFIX, TEST, repeats


@dataclass(frozen=True)
class Split:
    """Boolean masks (n,) of the products that are learned from, tuned on and tested."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(folds: pd.DataFrame) -> Split:
    """Return the hold-out of data/folds.parquet."""
    names = folds["split"].to_numpy(str)
    return Split(*(names == name for name in ("train", "validation", "test")))


def can_learn(folds: pd.DataFrame) -> bool:
    """Return whether the training part of these products has two categories, and validation some of these."""
    parts, category = split(folds), folds["category"].to_numpy(str)
    known = np.unique(category[parts.train])
    return len(known) > 1 and bool(np.isin(category[parts.validation], known).any())


def prior(folds: pd.DataFrame) -> pd.Series:
    """Return the categories' shares in the training part, of all categories, sorted by name."""
    train = folds.loc[split(folds).train, "category"].astype(str)
    return train.value_counts(normalize=True).reindex(
        np.unique(folds["category"].to_numpy(str)), fill_value=0.0
    )


def table(folds: pd.DataFrame, available: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """Return a predictions table of this protocol alone, with the columns of `cross_fitting.out_of_fold`.

    Parameters
    ----------
    folds
        n products.
    available
        Boolean (n,). Products without input are predicted as the categories' shares in the training part.
    probabilities
        (n, k) in the order of the sorted categories; read where a product is available and not trained on.

    Returns
    -------
    pandas.DataFrame
        Test rows: the test part. Inner rows: the validation part, with the folds of the last repeat (the
        first shares its seed with the hold-out).
    """
    parts, shares = split(folds), prior(folds)
    values = np.where(available[:, None], probabilities, shares.to_numpy())
    inner = np.full(len(folds), TEST)
    if columns := repeats(folds):
        inner = np.where(parts.validation, folds[columns[-1]].to_numpy(), TEST)
    made = folds[["product_id", "category"]].assign(
        protocol="holdout", repeat=0, fold=0, inner_fold=inner, available=available
    )
    names = [PREFIX + name for name in shares.index]
    made = pd.concat([made, pd.DataFrame(values, columns=names, index=made.index)], axis=1)
    kept = made[parts.test | (inner != TEST)].sort_values(KEYS, ignore_index=True)
    return kept[[*KEYS, "category", "available", *names]]
