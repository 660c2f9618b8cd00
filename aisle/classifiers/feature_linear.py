"""Standardised features, principal components and logistic regression."""

from pathlib import Path

from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aisle import features
from aisle.classifiers import Inputs
from aisle.params import Section


class Classifier(Section):
    """Scaling and PCA fitted inside the fold, then logistic regression.

    Parameters
    ----------
    n_components
        Principal components kept; at most what the training fold can give.
    C
        Inverse strength of the L2 penalty.
    """

    n_components: int
    C: float = 1.0

    def read(self, path: str | Path) -> Inputs:
        """Read a feature file."""
        data = features.read(path)
        return Inputs(data.product_ids, data.vectors, data.available, data.metadata["catalogue"])

    def estimator(self) -> BaseEstimator:
        """Return the unfitted pipeline."""
        return make_pipeline(
            StandardScaler(),
            PCA(self.n_components, svd_solver="full"),
            LogisticRegression(C=self.C, max_iter=1000),
        )
