"""Fit a model: out of fold, on all products, and of a neural one each seed with its history."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from tqdm import tqdm

from aisle.models import cross_fitting, model_folder, predictions_table
from aisle.models.model_input import Inputs, labelled
from aisle.pipeline import tables
from aisle.pipeline.cores import in_threads, processors
from aisle.representations import recipes

HISTORY = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]


@dataclass(frozen=True)
class Trained:
    """One trained model: of all products, its predictions out of fold and, of a neural one, its epochs."""

    model: model_folder.SavedModel
    predictions: pd.DataFrame
    epochs: pd.DataFrame


@dataclass(frozen=True)
class Task:
    """A neural model to be trained with a seed.

    Attributes
    ----------
    name, title
        Of the model.
    params
        See `model_folder.SavedModel`.
    seed
        Of weights, dropout and the order of the rows.
    estimator
        Unfitted, with that seed.
    """

    name: str
    title: str
    params: dict[str, Any]
    seed: int
    estimator: Any


def train(
    task: Task, inputs: Inputs, folds: pd.DataFrame, progress: Callable[[Iterable[Any]], Iterable[Any]]
) -> Trained:
    """Train a neural model; fits run side by side, with the same result on any number of cores."""
    folds = tables.align(folds, inputs.product_ids, "data/folds.parquet", "the features")
    table = cross_fitting.out_of_fold(
        task.estimator, inputs.X, inputs.available, folds, progress, side_by_side=in_threads
    )
    with ThreadPoolExecutor(processors()) as pool:
        epochs = pool.submit(history, clone(task.estimator), inputs, folds)
        model = pool.submit(fit_all, clone(task.estimator), inputs, folds, task.name, task.title, task.params)
        return Trained(model.result(), table, epochs.result())


def train_all(
    tasks: Sequence[Task],
    inputs: Inputs,
    folds: pd.DataFrame,
    predictions: str | Path,
    models: str | Path,
    histories: str | Path,
) -> None:
    """Train each task and write <name>-<seed>.parquet, <name>-<seed>/ and <name>-<seed>.csv into folders."""
    inputs, folds = labelled(inputs, folds, "the features")
    kinds = "+".join(sorted(recipes.modalities(inputs.recipe)))
    with tqdm(total=len(tasks) * len(cross_fitting.plan(folds)), unit="fit", disable=None) as bar:

        def counted(fits: Iterable[Any]) -> Iterable[Any]:
            for fit in fits:
                yield fit
                bar.update()

        for task in tasks:
            bar.set_description(f"{task.name}, seed {task.seed}")
            trained = train(task, inputs, folds, counted)
            stem = f"{task.name}-{task.seed}"
            attrs = {"weights": inputs.weights, "modalities": kinds, "title": task.title}
            path = Path(predictions) / f"{stem}.parquet"
            tables.write(trained.predictions, path, inputs.catalogue, **attrs)
            model_folder.write(trained.model, Path(models) / stem)
            tables.write_csv(trained.epochs, Path(histories) / f"{stem}.csv", inputs.catalogue)


def fit_all(
    estimator: Any,
    inputs: Inputs,
    folds: pd.DataFrame,
    name: str,
    title: str,
    params: dict[str, Any] | None = None,
) -> model_folder.SavedModel:
    """Return the model fitted on all products; without an estimator where nothing can be learned.

    Parameters
    ----------
    estimator
        Unfitted.
    inputs
        What it learns from.
    folds
        The table of data/folds.parquet: the categories.
    name, title, params
        See `model_folder.SavedModel`.
    """
    folds = tables.align(folds, inputs.product_ids, "data/folds.parquet", "the model's input")
    prior = predictions_table.shares(folds["category"])
    y = folds["category"].to_numpy(str)[inputs.available]
    fitted = estimator.fit(inputs.X[inputs.available], y) if len(np.unique(y)) > 1 else None
    return model_folder.SavedModel(
        name,
        title,
        list(prior),
        list(prior.values()),
        inputs.weights,
        inputs.recipe,
        params=params or {},
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
