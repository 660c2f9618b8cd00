"""evaluation/leakage/optimism.py: folds that ignore near-duplicates, and what they flatter."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from aisle.catalogue import splits
from aisle.evaluation.leakage import optimism
from aisle.models import cross_fitting, predictions_table
from tests.aisle.evaluation.examples import NAMES, N

PARAMS = splits.FoldsParams(
    seed=20, n_splits=5, n_repeats=2, text_similarity=0.8, shared_text=0.4, picture_distance=24
)


@pytest.fixture(scope="module")
def pairs():
    """Return the folds of 60 products of three categories, in pairs."""
    ids = [f"p{i:02d}" for i in range(60)]
    products = pd.DataFrame({"product_id": ids, "category": np.repeat(["a", "b", "c"], 20)})
    return splits.make(products, np.arange(60) // 2, PARAMS)


def test_ungrouped_folds_split_groups_and_keep_the_shares_of_the_categories(pairs):
    free = optimism.ungrouped(pairs, PARAMS)
    columns = predictions_table.repeats(pairs)
    assert len(columns) == 2 and list(free["product_id"]) == list(pairs["product_id"])
    assert all((pairs.groupby("group")[column].nunique() == 1).all() for column in columns)
    assert all((free.groupby("group")[column].nunique() > 1).any() for column in columns)
    assert all((pd.crosstab(free[column], free["category"]) == 4).all(axis=None) for column in columns)
    assert (free["cv_0"] != free["cv_1"]).any()
    pd.testing.assert_frame_equal(free, optimism.ungrouped(pairs, PARAMS))
    shuffled = optimism.ungrouped(pairs.sample(frac=1, random_state=0), PARAMS)
    pd.testing.assert_frame_equal(free, shuffled.sort_index())


def test_ungrouped_folds_flatter_a_model_of_duplicates(pairs):
    """Each product has a twin with the same random vector: only ungrouped folds let it be looked up."""
    vectors = np.repeat(np.random.default_rng(0).normal(size=(30, 8)), 2, axis=0)
    available, model = np.ones(60, bool), KNeighborsClassifier(1)
    grouped = cross_fitting.out_of_fold(model, vectors, available, pairs, inner=False)
    found = optimism.compare(model, vectors, available, pairs, grouped, PARAMS)
    assert len(found) == 10 and list(found["fold"]) == [*range(5)] * 2
    assert found["accuracy_grouped"].mean() < 0.6 < 0.8 < found["accuracy_ungrouped"].mean()


def test_test_rows_alone_are_the_same_as_with_inner_rows(folds):
    """`inner=False`, by which the ungrouped ones are made, leaves fits out; it changes none."""
    rng = np.random.default_rng(3)
    X = (folds["category"].to_numpy()[:, None] == NAMES) + rng.normal(0, 1, (N, 4))
    alone, both = (
        cross_fitting.out_of_fold(LogisticRegression(), X, np.ones(N, bool), folds, inner=inner)
        for inner in (False, True)
    )
    pd.testing.assert_frame_equal(alone, predictions_table.test_rows(both).reset_index(drop=True))
