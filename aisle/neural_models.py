"""What the stages of neural models write: predictions out of fold, the model of all products, the history."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from aisle import keras_training, predictions, recipes, saved_models, tables
from aisle.inputs import Inputs

HISTORY = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]


def out_of_fold(
    estimator: Any, inputs: Inputs, folds: pd.DataFrame, progress: Callable[[Iterable[Any]], Iterable[Any]]
) -> pd.DataFrame:
    """Return the predictions table; fits run side by side, with the same result on any number of cores."""
    folds = tables.align(folds, inputs.product_ids, "data/folds.parquet", "the features")
    return predictions.out_of_fold(
        estimator, inputs.X, inputs.available, folds, progress, workers=keras_training.cores()
    )


def finish(
    estimator: Any, inputs: Inputs, folds: pd.DataFrame, name: str, title: str
) -> tuple[saved_models.SavedModel, pd.DataFrame]:
    """Return the model fitted on all products, and the history of the hold-out's fit; both at a time."""
    with ThreadPoolExecutor(keras_training.cores()) as pool:
        epochs = pool.submit(history, clone(estimator), inputs, folds)
        model = pool.submit(fit_all, clone(estimator), inputs, folds, name, title)
        return model.result(), epochs.result()


def fit_all(
    estimator: Any, inputs: Inputs, folds: pd.DataFrame, name: str, title: str
) -> saved_models.SavedModel:
    """Return the model fitted on all products; without an estimator where nothing can be learned."""
    folds = tables.align(folds, inputs.product_ids, "data/folds.parquet", "the features")
    prior = folds["category"].value_counts(normalize=True).sort_index()
    y = folds["category"].to_numpy(str)[inputs.available]
    fitted = estimator.fit(inputs.X[inputs.available], y) if len(np.unique(y)) > 1 else None
    return saved_models.SavedModel(
        name,
        title,
        [str(each) for each in prior.index],
        [float(each) for each in prior],
        inputs.weights,
        inputs.recipe,
        estimator=fitted,
    )


def history(estimator: Any, inputs: Inputs, folds: pd.DataFrame) -> pd.DataFrame:
    """Return epoch by epoch how the hold-out's fit goes, scored on the validation part.

    `loss` and `accuracy` are means over the epoch's steps, with dropout, as Keras reports them; `val_loss`
    and `val_accuracy` are of the validation part after the epoch. No rows where there is nothing to learn.
    """
    folds = tables.align(folds, inputs.product_ids, "data/folds.parquet", "the features")
    split, y = folds["split"].to_numpy(str), folds["category"].to_numpy(str)
    train, validation = ((split == part) & inputs.available for part in ("train", "validation"))
    if len(np.unique(y[train])) < 2 or not validation.any():
        return pd.DataFrame(columns=HISTORY)
    estimator.fit(inputs.X[train], y[train], (inputs.X[validation], y[validation]))
    table = pd.DataFrame(estimator.history_)
    return table.assign(epoch=np.arange(1, len(table) + 1))[HISTORY]


def write(
    model: saved_models.SavedModel,
    table: pd.DataFrame,
    epochs: pd.DataFrame,
    inputs: Inputs,
    output: str | Path,
    folder: str | Path,
    history: str | Path,
) -> None:
    """Write predictions, model folder and history."""
    kinds = "+".join(sorted(recipes.modalities(inputs.recipe)))
    attrs = {"weights": inputs.weights, "modalities": kinds, "title": model.title}
    tables.write(table, output, inputs.catalogue, **attrs)
    saved_models.write(model, folder)
    tables.write_csv(epochs, history, inputs.catalogue)
