"""models/local_classifiers.py: a classifier per parent node, multiplied on the way down."""

import joblib
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from aisle.models.local_classifiers import LocalPerParent
from aisle.models.one_vs_rest import OneVsRestLogistic

LABELS = np.array(["A", "A >> x", "A >> y", "B >> only >> child", "C"])


def drawn(n=400, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(LABELS), n)
    return np.eye(len(LABELS))[truth] + rng.normal(0, noise, (n, len(LABELS))), LABELS[truth]


def test_a_labels_probability_is_the_product_on_its_way():
    X, y = drawn()
    model = LocalPerParent(LogisticRegression()).fit(X, y)
    found = model.predict_proba(X)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    top = np.array([label.split(" >> ")[0] for label in y])
    root = LogisticRegression().fit(X, top).predict_proba(X)
    inside = top == "A"
    below = LogisticRegression().fit(X[inside], y[inside]).predict_proba(X)
    np.testing.assert_allclose(found[:, :3], root[:, :1] * below, atol=1e-4)
    np.testing.assert_allclose(found[:, 3:], root[:, 1:], atol=1e-4)  # one child alone: nothing to learn
    assert (model.predict(X) == y).mean() > 0.9


def test_of_a_flat_list_it_is_the_estimator_itself():
    X, y = drawn()
    flat = np.array([label.replace(" >> ", "/") for label in y])
    found = LocalPerParent(LogisticRegression()).fit(X, flat)
    expected = LogisticRegression().fit(X, flat)
    assert list(found.classes_) == list(expected.classes_)
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix])
def test_sparse_and_dense_and_an_unused_column(kind, tmp_path):
    X, y = drawn()
    X = np.hstack([np.where(X < 0.3, 0, X), np.zeros((len(X), 2))])
    X[y == "C", -1] = 1  # below A no product has it
    model = clone(LocalPerParent(LogisticRegression())).fit(kind(X), y)
    assert [len(local.columns) for local in model.locals_ if local.estimator] == [6, 5]
    joblib.dump(model, tmp_path / "model")
    again = joblib.load(tmp_path / "model").predict_proba(kind(X))
    np.testing.assert_array_equal(again, model.predict_proba(kind(X)))
    np.testing.assert_allclose(again.sum(axis=1), 1)


def test_one_category_needs_no_fit():
    X, _ = drawn(20)
    model = LocalPerParent(LogisticRegression()).fit(X, np.full(20, "A >> x"))
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((20, 1)))


def test_one_against_the_rest_has_the_coefficients_of_its_scores():
    X, y = drawn()
    model = clone(OneVsRestLogistic(C=2.0)).fit(X, y)
    odds = X @ model.coef_.T + model.intercept_
    each = 1 / (1 + np.exp(-odds))
    found = model.predict_proba(X)
    np.testing.assert_allclose(found, each / each.sum(axis=1, keepdims=True))
    assert model.coef_.shape == (5, 5) and list(model.classes_) == list(LABELS)
    assert (model.predict(X) == y).mean() > 0.9
