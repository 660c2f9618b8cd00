"""Support vector machine on the square roots of features, for a backbone's activations."""

from pathlib import Path

import numpy as np
from pydantic import Field
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer
from sklearn.svm import SVC

from aisle.models.classifiers.registry import Inputs, read_features
from aisle.models.platt import Platt
from aisle.pipeline.params import Section


def signed_root(X: np.ndarray) -> np.ndarray:
    """Return the square root of each value's size, with its sign (Perronnin et al. 2010)."""
    return np.sign(X) * np.sqrt(np.abs(X))


class Classifier(Section):
    """Roots at length 1, a support vector machine with an RBF kernel, Platt's sigmoids inside the fold.

    Parameters
    ----------
    C
        Inverse strength of the penalty.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(20, 5)) + np.repeat([[0.0], [3.0]], 10, axis=0)
    >>> model = Classifier().estimator()
    >>> model.fit(X, np.repeat(["Cups", "Lamps"], 10)).predict([[3.0] * 5]).tolist()
    ['Lamps']
    """

    C: float = Field(3.0, gt=0)

    def read(self, path: str | Path) -> Inputs:
        """Read a feature file."""
        return read_features(path)

    def estimator(self) -> BaseEstimator:
        """Return the unfitted pipeline."""
        return make_pipeline(FunctionTransformer(signed_root), Normalizer(), Platt(SVC(C=self.C)))
