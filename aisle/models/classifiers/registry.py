"""Classifiers: one per file, loaded by the file's name: a scikit-learn estimator and its way to read input.

The file `aisle/models/classifiers/<name>.py` defines one class `Classifier`, a params section (its options)
with the two methods of `Model`. Whatever learns stands in the estimator, so that it is fitted inside the
fold.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import Field
from sklearn.base import BaseEstimator

from aisle.models.model_input import Inputs, read_features
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section, check
from aisle.pipeline.plugins import load_by_name

__all__ = ["ClassifierParams", "Inputs", "Model", "create", "read_features"]


class ClassifierParams(Section):
    """Section `classifiers.<name>`."""

    title: str
    classifier: str
    input: str
    options: dict[str, Any] = Field(default_factory=dict)


def entry(classifiers: Mapping[str, ClassifierParams], name: str) -> ClassifierParams:
    """Return a classifier's entry.

    Raises
    ------
    AisleError
        If there is none of that name.
    """
    if name not in classifiers:
        raise AisleError(f"a classifier must be one of {some(classifiers, 99)}, not {name!r}")
    return classifiers[name]


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
