"""Classifiers: one per file, loaded by the file's name: a scikit-learn estimator and its way to read input.

The file `aisle/models/classifiers/<name>.py` defines one class `Classifier`, a params section (its options)
with the two methods of `Model`. Whatever learns stands in the estimator, so that it is fitted inside the
fold.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from pydantic import Field
from sklearn.base import BaseEstimator

from aisle.models.model_input import Inputs, read_features
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section, check
from aisle.pipeline.plugins import load_by_name

ENTRY = "classifier"
"""Of a file of predictions: the entry of params.yaml that made them."""
__all__ = ["ClassifierParams", "Inputs", "Model", "create", "read_features"]


class ClassifierParams(Section):
    """Section `classifiers.<name>`."""

    title: str
    classifier: str
    input: str
    options: dict[str, Any] = Field(default_factory=dict)


def predictions(folder: Path, names: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Return the predictions of some classifiers.

    Raises
    ------
    AisleError
        If a name is none of a classifier.
    """
    found = {name: tables.read(path) for name in names if (path := folder / f"{name}.parquet").is_file()}
    if unknown := [name for name in names if name not in found or ENTRY not in found[name].attrs]:
        raise AisleError(f"classifiers must be entries of params.yaml: classifiers; not so: {some(unknown)}")
    return found


def made_by(table: pd.DataFrame) -> ClassifierParams:
    """Return the entry of the classifier that made some predictions."""
    return ClassifierParams.model_validate_json(table.attrs[ENTRY])


class Model(Protocol):
    """What `Classifier` of each file must have."""

    def read(self, path: str | Path) -> Inputs:
        """Read the stage's input file."""

    def estimator(self) -> BaseEstimator:
        """Return an unfitted estimator with `fit`, `predict_proba` and `classes_`."""


def create(params: ClassifierParams) -> Model:
    """Return `aisle/models/classifiers/<params.classifier>.py` with its options.

    Raises
    ------
    AisleError
        If there is no such file, or an option is unknown or wrong.
    """
    factory = load_by_name(
        "aisle.models.classifiers", params.classifier, "Classifier", "classifier", __name__
    )
    return check(params.options, factory, f"options of the classifier {params.classifier!r}")
