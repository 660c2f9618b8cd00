"""aisle/catalogue/group_folds.py: the folds of scikit-learn's StratifiedGroupKFold, to the last product."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from aisle.catalogue import group_folds


@pytest.mark.parametrize(
    ("products", "n_categories", "n_splits", "seed"),
    [(200, 3, 5, 0), (300, 7, 5, 20), (600, 60, 5, 2), (500, 130, 8, 3), (400, 40, 10, 3), (300, 2, 3, 4)],
)
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_folds_are_those_of_scikit_learn(products, n_categories, n_splits, seed, monkeypatch):
    monkeypatch.setattr(group_folds, "ROWS", 100)  # several blocks of groups
    rng = np.random.default_rng(seed)
    tail = 1 / np.arange(1, n_categories + 1)
    categories = np.array([f"c{i}" for i in rng.choice(n_categories, products, p=tail / tail.sum())])
    group = np.where(
        rng.random(products) < 0.8, np.arange(products), rng.integers(0, products // 4, products)
    )
    expected = np.full(products, -1)
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    for number, (_, test) in enumerate(splitter.split(categories, categories, group)):
        expected[test] = number
    found = group_folds.fold_numbers(categories, group, n_splits, seed)
    assert found.tolist() == expected.tolist()
