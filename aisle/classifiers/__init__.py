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

from aisle import features, recipes
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
    recipe
        How X is made of the products.
    weights
        Of the features, as in their metadata.
    parts
        Of fused features: how many columns each modality has.
    """

    product_ids: list[str]
    X: np.ndarray
    available: np.ndarray
    catalogue: str
    recipe: recipes.Recipe
    weights: str = NONE
    parts: tuple[int, ...] = ()


def read_features(path: str | Path) -> Inputs:
    """Read a feature file.

    Raises
    ------
    AisleError
        If its encoder was fitted on all products: it has seen the test part of every fold.
    """
    data = features.read(path)
    recipe = recipes.loads(data.metadata["recipe"])
    if any(each.learned for each in recipes.vectors(recipe)):
        raise AisleError(
            f"{path} must be of an encoder that learns nothing; {data.metadata['encoder']!r} was fitted "
            "on all products, those of each test fold too. It is for clustering; text_linear fits its own."
        )
    parts = tuple(int(each) for each in data.metadata.get("parts", "").split(",") if each)
    labels = data.metadata["catalogue"], recipe, data.metadata["weights"], parts
    return Inputs(data.product_ids, data.vectors, data.available, *labels)


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
