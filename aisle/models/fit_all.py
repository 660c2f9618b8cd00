"""Fit a model: out of fold, on all products, and of a neural one each seed with its history."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from tqdm import tqdm

from aisle.models import cross_fitting, model_folder, predictions_table
from aisle.models.model_input import Inputs, labelled
from aisle.pipeline import tables
from aisle.pipeline.cores import in_processes, in_threads
from aisle.representations import recipes

HISTORY = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]


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


HISTORY_OF, MODEL_OF = "history", "model"
"""Beside its fits out of fold, by their numbers: what is to be done for a task."""


def train_all(
    tasks: Sequence[Task],
    inputs: Inputs,
    folds: pd.DataFrame,
    predictions: str | Path,
    models: str | Path,
    histories: str | Path,
) -> None:
    """Train each task and write <name>-<seed>.parquet, <name>-<seed>/ and <name>-<seed>.csv into folders.

    All fits of all tasks run side by side, with the same result on any number of cores.
    """
    inputs, folds = labelled(inputs, folds, "the features")
    kinds = "+".join(sorted(recipes.modalities(inputs.recipe)))
    folds = tables.align(folds, inputs.product_ids, "data/folds.parquet", "the features")
    fits = cross_fitting.plan(folds)
    fitting = [
        cross_fitting.fitting(task.estimator, inputs.X, inputs.available, folds, fits) for task in tasks
    ]

    def work(job: tuple[int, int | str]) -> Any:
        number, part = job
        if isinstance(part, int):
            return fitting[number](part)
        task = tasks[number]
        if part == HISTORY_OF:
            return history(clone(task.estimator), inputs, folds)
        return fit_all(clone(task.estimator), inputs, folds, task.name, task.title, task.params)

    jobs = list(product(range(len(tasks)), [*range(len(fits)), HISTORY_OF, MODEL_OF]))
    results = iter(_side_by_side()(work, jobs))
    with tqdm(total=len(tasks) * len(fits), unit="fit", disable=None) as bar:

        def counted(fits: Iterable[Any]) -> Iterable[Any]:
            for fit in fits:
                yield fit
                bar.update()

        for task in tasks:
            bar.set_description(f"{task.name}, seed {task.seed}")
            own = islice(results, len(fits))
            table = cross_fitting.gathered(fits, folds, inputs.available, counted, own)
            epochs, model = next(results), next(results)
            stem = f"{task.name}-{task.seed}"
            attrs = {"weights": inputs.weights, "modalities": kinds, "title": task.title}
            tables.write(table, Path(predictions) / f"{stem}.parquet", inputs.catalogue, **attrs)
            model_folder.write(model, Path(models) / stem)
            tables.write_csv(epochs, Path(histories) / f"{stem}.csv", inputs.catalogue)


def _side_by_side() -> cross_fitting.SideBySide:
    """Return how networks are trained at a time: in processes, for in threads they wait for Python.

    Each process imports TensorFlow for itself. Where this one has done so already there are threads, since
    TensorFlow does not survive a fork.
    """
    return in_threads if "tensorflow" in sys.modules else in_processes


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
