"""Classifiers: one per file, loaded by the file's name: a scikit-learn estimator and its way to read input.

The file `aisle/models/classifiers/<name>.py` defines one class `Classifier`, a params section (its options)
with the two methods of `Model`. Whatever learns stands in the estimator, so that it is fitted inside the
fold.
"""

from pathlib import Path
from typing import Any, Protocol

from pydantic import Field
from sklearn.base import BaseEstimator

from aisle.models.model_input import Inputs, read_features
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
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


def made_by(predictions: Path) -> ClassifierParams:
    """Return the entry of the classifier that made a file of predictions.

    Raises
    ------
    AisleError
        If there is no such file, or it is none of a classifier.
    """
    entry = tables.read(predictions, [tables.KEY]).attrs.get(ENTRY) if predictions.is_file() else None
    if entry is None:
        raise AisleError(f"{predictions.stem!r} must be an entry of params.yaml: classifiers, and is none")
    return ClassifierParams.model_validate_json(entry)


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
