"""evaluation/metrics.py: scores of confusion matrices."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from aisle.evaluation import metrics
from tests.aisle.evaluation.examples import NAMES, outcomes


def test_scores_are_those_of_scikit_learn(table):
    true, said = table["category"].to_numpy(str), metrics.predicted(table)
    found = metrics.scores(metrics.total(metrics.counts_by_group(table, np.arange(len(table)))))
    assert found["accuracy"] == pytest.approx(accuracy_score(true, said))
    for average in ("macro", "micro", "weighted"):
        expected = f1_score(true, said, labels=NAMES, average=average, zero_division=0)
        assert found[f"{average}_f1"] == pytest.approx(expected), average


def test_scores_per_class_are_those_of_scikit_learn(table):
    true, said = table["category"].to_numpy(str), metrics.predicted(table)
    expected = precision_recall_fscore_support(true, said, labels=NAMES, zero_division=0)
    found = metrics.per_class(metrics.total(metrics.counts_by_group(table, np.zeros(len(table), int))))
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(found[name], values, err_msg=name)


def test_counts_by_group_counts_right_true_and_predicted():
    table = outcomes([1, 1, 0, 1, 0, 0])  # bee ant bee ant bee ant
    found = metrics.counts_by_group(table, np.array([9, 9, 9, 4, 4, 7]))
    expected = [
        [1, 0, 1, 1, 2, 0],
        [0, 0, 1, 0, 0, 1],
        [1, 1, 1, 2, 2, 1],
    ]  # right, true and said, of ant, bee
    assert found.toarray().tolist() == expected


def test_the_most_probable_category_is_predicted():
    table = pd.DataFrame({"p_b": [0.2, 0.9], "p_a p_x": [0.8, 0.1]})
    assert list(metrics.predicted(table)) == ["a p_x", "b"]


def test_fold_scores(table):
    found = metrics.fold_scores(table).set_index(["seed", "repeat", "fold"])
    assert list(found.index) == [(-1, repeat, fold) for repeat in (0, 1) for fold in (0, 1, 2)]
    part = table[(table["repeat"] == 1) & (table["fold"] == 2)]
    assert found.loc[(-1, 1, 2), "n"] == len(part)
    assert found.loc[(-1, 1, 2), "accuracy"] == pytest.approx(
        accuracy_score(part["category"], metrics.predicted(part))
    )
    expected = f1_score(
        part["category"], metrics.predicted(part), labels=NAMES, average="macro", zero_division=0
    )
    assert found.loc[(-1, 1, 2), "macro_f1"] == pytest.approx(expected)
