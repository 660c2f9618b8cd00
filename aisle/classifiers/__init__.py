"""Classifiers: one per file, loaded by the file's name: a scikit-learn estimator and its way to read input.

The file `aisle/classifiers/<name>.py` defines one class `Classifier`, a params section (its options) with the
two methods of `Model`. Whatever learns stands in the estimator, so that it is fitted inside the fold.
"""

import importlib
from pathlib import Path
from typing import Any, Protocol

from pydantic import Field
from sklearn.base import BaseEstimator

from aisle.errors import AisleError, some
from aisle.inputs import Inputs, read_features
from aisle.params import Section, check

__all__ = ["ClassifierParams", "Inputs", "Model", "create", "read_features"]


class ClassifierParams(Section):
    """Section `classifiers.<name>`."""

    title: str
    classifier: str
    input: str
    options: dict[str, Any] = Field(default_factory=dict)


class Model(Protocol):
    """What `Classifier` of each file must have."""

    def read(self, path: str | Path) -> Inputs:
        """Read the stage's input file."""

    def estimator(self) -> BaseEstimator:
        """Return an unfitted estimator with `fit`, `predict_proba` and `classes_`."""


def create(params: ClassifierParams) -> Model:
    """Return `aisle/classifiers/<params.classifier>.py` with its options.

    Raises
    ------
    AisleError
        If there is no such file, or an option is unknown or wrong.
    """
    known = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    if params.classifier not in known:
        raise AisleError(f"classifier must be one of {some(known, 99)}, not {params.classifier!r}")
    factory = importlib.import_module(f"aisle.classifiers.{params.classifier}").Classifier
    return check(params.options, factory, f"options of the classifier {params.classifier!r}")
