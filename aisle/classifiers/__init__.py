"""Classifiers: one per file, loaded by the file's name: a scikit-learn estimator and its way to read input.

The file `aisle/classifiers/<name>.py` defines one class `Classifier`, a params section (its options) with the
two methods of `Model`. Whatever learns stands in the estimator, so that it is fitted inside the fold.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import Field
from sklearn.base import BaseEstimator

from aisle.errors import AisleError, some
from aisle.params import Section, check
from aisle.weights import NONE


class ClassifierParams(Section):
    """Section `classifiers.<name>`."""

    title: str
    classifier: str
    input: str
    options: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Inputs:
    """What a classifier learns from.

    Attributes
    ----------
    product_ids
        n ids.
    X
        n rows: texts (object array) or vectors.
    available
        Boolean (n,): False where the product has no input of this kind (no picture, no text).
    catalogue
        Label of the catalogue.
    weights
        Of the features, as in their metadata.
    """

    product_ids: list[str]
    X: np.ndarray
    available: np.ndarray
    catalogue: str
    weights: str = NONE


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
