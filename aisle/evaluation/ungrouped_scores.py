"""Scores of several classifiers with folds that ignore near-duplicates, beside those with grouped folds."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.catalogue.splits import FoldsParams
from aisle.evaluation.leakage.optimism import UNGROUPED_COLUMNS, compare
from aisle.models.classifiers.registry import ClassifierParams, create
from aisle.models.model_input import labelled
from aisle.pipeline import tables
from aisle.pretrained.status import ABSENT, kind


def compare_all(
    classifiers: Mapping[str, ClassifierParams],
    texts: Path,
    features: Path,
    predictions: Path,
    folds: pd.DataFrame,
    params: FoldsParams,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> pd.DataFrame:
    """Return the table of reports/ungrouped.csv; no rows of a model whose weights are not available.

    Parameters
    ----------
    classifiers
        By name.
    texts, features
        data/text.parquet and the folder features/, one of which a classifier reads.
    predictions
        Folder of the classifiers' predictions with the grouped folds.
    folds
        The table of data/folds.parquet.
    params
        Seed and folds of the cross-validation.
    progress
        Wraps the classifiers, to show progress.
    """
    parts = []
    for name, entry in progress(classifiers.items()):
        model = create(entry)
        inputs = model.read(texts if entry.input.endswith(texts.name) else features.parent / entry.input)
        if inputs.weights != ABSENT:
            grouped = tables.read(predictions / f"{name}.parquet")
            inputs, own = labelled(inputs, folds, entry.input)
            rows = compare(model.estimator(), inputs.X, inputs.available, own, grouped, params)
            parts += [rows.assign(model=name, weights=kind(inputs.weights))] if len(rows) else []
    table = pd.concat(parts) if parts else pd.DataFrame(columns=UNGROUPED_COLUMNS)
    return table[UNGROUPED_COLUMNS]
