"""evaluation/path_scores.py: hierarchical scores by hand."""

import numpy as np
import pandas as pd
import pytest

from aisle.evaluation import path_scores
from tests.aisle.evaluation.examples import PARAMS


def path_table(said):
    """Return rows of 6 products that are said to be of categories, their paths and true categories."""
    truth = list("aabccd")
    paths = ["X >> a >> m", "X >> a >> n", "X >> b", "Y >> c", "Y >> c >> m", "Y >> d"]
    ids = [f"p{i}" for i in range(6)]
    table = pd.DataFrame({"product_id": ids, "category": truth})
    for name in "abcd":
        table[f"p_{name}"] = np.where(np.array(list(said)) == name, 0.7, 0.1)
    return table, pd.Series(paths, ids), pd.Series(truth, ids)


@pytest.mark.parametrize(
    ("said", "first", "second"),
    [
        ("aabccd", 1, 1),
        ("bbbccd", 1, 3 / 4),  # wrong, but below the right first segment; a has recall 0
        ("cabccd", 5 / 6, (1 / 2 + 3) / 4),  # one of two of a is told below Y
        ("ccccca", 2 / 6, 1 / 4),
        ("dddddd", 3 / 6, 1 / 4),
    ],
)
def test_path_scores_by_hand(said, first, second):
    table, paths, category = path_table(said)
    found = path_scores.path_scores(table, path_scores.path_levels(paths, category), np.arange(6), PARAMS)
    assert found["accuracy_level_1"] == pytest.approx(first)
    assert found["recall_level_2"] == pytest.approx(second)
    for name in ("accuracy_level_1", "recall_level_2"):
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]


def test_a_rare_kind_counts_as_much_as_a_frequent_one():
    """Category a has five products of one kind, which are found, and one of another, which is not."""
    ids = [f"p{i}" for i in range(7)]
    paths = pd.Series(["X >> often"] * 5 + ["X >> rare", "Y >> b"], ids)
    table = pd.DataFrame({"product_id": ids, "category": ["a"] * 6 + ["b"]})
    table["p_a"], table["p_b"] = [0.9] * 5 + [0.1, 0.1], [0.1] * 5 + [0.9, 0.9]
    category = table.set_index("product_id")["category"]
    found = path_scores.path_scores(table, path_scores.path_levels(paths, category), np.arange(7), PARAMS)
    assert found["recall_level_2"] == pytest.approx(2 / 3)


def test_a_category_that_no_tested_product_has_can_be_predicted():
    """The hold-out's test part may lack a small category."""
    table, paths, category = path_table("dddddd")
    tested, levels = table[table["category"] != "d"], path_scores.path_levels(paths, category)
    found = path_scores.path_scores(tested, levels, np.arange(5), PARAMS)
    assert found["recall_level_2"] == 0 and found["accuracy_level_1"] == pytest.approx(2 / 5)  # d is below Y
