"""Logistic regression of hundreds of categories: each against the rest."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier


class OneVsRestLogistic(OneVsRestClassifier):
    """A logistic regression of each category against the rest, their probabilities brought to a sum of 1.

    One fit of all categories together has words x categories coefficients in each of its steps, and keeps
    the last ten of them; one by one they are found by LIBLINEAR in a small part of that time and memory
    (docs/decisions/0022-the-tree.md).

    Parameters
    ----------
    C
        Inverse strength of the L2 penalty.
    """

    def __init__(self, C: float = 1.0) -> None:
        super().__init__(LogisticRegression(C=C, solver="liblinear", tol=1e-2))
        self.C = C

    @property
    def coef_(self) -> np.ndarray:
        """Coefficients (categories, features): what `explain_text` reads."""
        return np.vstack([each.coef_ for each in self.estimators_])

    @property
    def intercept_(self) -> np.ndarray:
        """Intercepts (categories,)."""
        return np.concatenate([each.intercept_ for each in self.estimators_])
