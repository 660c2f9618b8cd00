"""Local classifiers, one per parent node of a tree of categories (Silla and Freitas 2011)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from aisle.catalogue.taxonomy import Tree


@dataclass(frozen=True)
class Local:
    """The classifier of one parent.

    Attributes
    ----------
    parent
        Place of the node in `Tree.nodes`, -1 for the root.
    children
        Places of the nodes that it chooses from, in the order of its probabilities; the parent itself stands
        for stopping there.
    columns
        Features that its products have: no other can tell them apart.
    estimator
        Fitted; None where there is one child alone, which then has all of the parent's probability.
    """

    parent: int
    children: np.ndarray
    columns: np.ndarray
    estimator: Any


class LocalPerParent(ClassifierMixin, BaseEstimator):
    """Chooses a child at each node, from the root down; a label's probability is the product on its way.

    A category whose name is a path (segments joined by `taxonomy.PATH_SEPARATOR`) is a node; one above
    others is a choice too, to stop there. Each parent's classifier learns from the products below it alone,
    so that all of them together take about as long as one that knows a few categories.

    Parameters
    ----------
    estimator
        Unfitted, with `predict_proba`: cloned for each parent with more than one child.
    """

    def __init__(self, estimator: BaseEstimator) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: np.ndarray) -> "LocalPerParent":
        """Fit a classifier for each parent."""
        X, y = validate_data(self, X, y, accept_sparse="csr")
        check_classification_targets(y)
        self.classes_, label = np.unique(y, return_inverse=True)
        self.nodes_ = Tree(tuple(str(each) for each in self.classes_))
        way = self.nodes_.above[label]
        self.locals_ = [
            self._local(X, way, parent, level)
            for level in range(self.nodes_.height)
            for parent in ([-1] if level == 0 else np.flatnonzero(self.nodes_.depths == level).tolist())
        ]
        return self

    def _local(self, X: Any, way: np.ndarray, parent: int, level: int) -> Local:
        """Return the classifier of a parent, whose children are at the depth `level` + 1."""
        rows = np.arange(len(way)) if parent < 0 else np.flatnonzero(way[:, level - 1] == parent)
        child = np.where(way[rows, level] < 0, parent, way[rows, level])
        children, local = np.unique(child, return_inverse=True)
        if len(children) == 1:
            return Local(int(parent), children, np.empty(0, int), None)
        here = X[rows]
        columns = _used(here)
        fitted: Any = clone(self.estimator).fit(here[:, columns], local)
        return Local(int(parent), children, columns, fitted)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities (n, categories), in the order of `classes_`."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", reset=False)
        tree, n = self.nodes_, X.shape[0]
        reached = np.ones((n, len(tree.nodes) + 1))  # the last, -1, is the root
        for local in self.locals_:  # parents before their children
            parent, shares = reached[:, local.parent].copy(), np.ones((n, 1))
            if local.estimator is not None:
                shares = local.estimator.predict_proba(X[:, local.columns])
            reached[:, local.children] = parent[:, None] * shares  # of the parent, what stops there
        place = {node: number for number, node in enumerate(tree.nodes)}
        return reached[:, [place[str(label)] for label in self.classes_]]

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable category of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: it reads what its estimators read."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = get_tags(self.estimator).input_tags.sparse
        return tags


def _used(X: Any) -> np.ndarray:
    """Return the columns that are not 0 in every row."""
    return np.unique(X.indices) if issparse(X) else np.flatnonzero((X != 0).any(axis=0))
