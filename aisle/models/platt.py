"""Probabilities of a support vector machine, also where few products can be learned from."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

FOLDS = 5


class Platt(ClassifierMixin, BaseEstimator):
    """Platt's sigmoids on the cross-fitted decisions of a machine, itself fitted on all (Platt 1999).

    scikit-learn's `CalibratedClassifierCV` alone fails where no category has as many products as it has
    folds, as in a catalogue with few pictures. So there are at most as many folds as the rarest category has
    products; where that is a single one, the sigmoids are fitted on the machine's decisions on what it has
    learned from.

    Parameters
    ----------
    machine
        Unfitted, with `decision_function`.
    """

    def __init__(self, machine: BaseEstimator) -> None:
        self.machine = machine

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> "Platt":
        """Fit the machine and the sigmoids.

        Parameters
        ----------
        X, y
            n rows and their categories.
        groups
            Of rows that must not be apart, such as copies of a product, (n,).
        """
        X, y = validate_data(self, X, y, accept_sparse=True)
        check_classification_targets(y)
        own = np.arange(len(y)) if groups is None else np.unique(groups, return_index=True)[1]
        folds: Any = min(FOLDS, int(np.unique(y[own], return_counts=True)[1].min()))
        machine = self.machine
        if folds == 1:
            every = np.arange(len(y))
            machine, folds = FrozenEstimator(clone(machine).fit(X, y)), [(every, every)]
        elif groups is not None:
            folds = list(StratifiedGroupKFold(folds).split(X, y, groups))
        self.calibrated_ = CalibratedClassifierCV(machine, cv=folds, ensemble=False).fit(X, y)
        self.classes_ = self.calibrated_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (n, categories)."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=True, reset=False)
        probabilities: np.ndarray = self.calibrated_.predict_proba(X)
        return probabilities

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable category of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: it reads what its machine reads."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = get_tags(self.machine).input_tags.sparse
        return tags
