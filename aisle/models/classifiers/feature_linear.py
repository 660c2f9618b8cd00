"""Standardised features, principal components and logistic regression."""

from pathlib import Path

import numpy as np
from pydantic import Field
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from aisle.models.classifiers.registry import Inputs, read_features
from aisle.pipeline.params import Section

FLOATS = (np.float64, np.float32)
"""What features are calculated with, as they come."""


class Components(TransformerMixin, BaseEstimator):
    """The first `n_components` principal components, or all where there are fewer."""

    def __init__(self, n_components: int) -> None:
        self.n_components = n_components

    def fit(self, X: np.ndarray, y: object = None) -> "Components":
        """Fit scikit-learn's PCA."""
        X = validate_data(self, X, ensure_min_samples=2, dtype=FLOATS)
        self.pca_ = PCA(min(self.n_components, *X.shape), svd_solver="full").fit(X)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the components (n, at most n_components)."""
        check_is_fitted(self)
        return self.pca_.transform(validate_data(self, X, reset=False, dtype=FLOATS))


class Classifier(Section):
    """Scaling and PCA fitted inside the fold, then logistic regression.

    Parameters
    ----------
    n_components
        Principal components kept; at most what the training fold can give.
    C
        Inverse strength of the L2 penalty.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(20, 5)) + np.repeat([[0.0], [3.0]], 10, axis=0)
    >>> model = Classifier(n_components=3).estimator()
    >>> model.fit(X, np.repeat(["Cups", "Lamps"], 10)).predict([[3.0] * 5]).tolist()
    ['Lamps']
    """

    n_components: int = Field(ge=1)
    C: float = Field(1.0, gt=0)

    def read(self, path: str | Path) -> Inputs:
        """Read a feature file."""
        return read_features(path)

    def estimator(self) -> BaseEstimator:
        """Return the unfitted pipeline."""
        return make_pipeline(
            StandardScaler(),
            Components(self.n_components),
            LogisticRegression(C=self.C, max_iter=1000),
        )
