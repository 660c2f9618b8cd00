"""aisle/metrics.py: scores, intervals and paired tests."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from aisle import metrics

PARAMS = metrics.EvaluationParams(
    floor="floor", confidence=0.95, n_bootstrap=500, seed=0, target_error=0.01, n_bins=15
)
NAMES = ["ant", "bee", "cow", "dog"]


def outcomes(right, n_folds=5):
    """Return predictions of two categories, right or wrong as told, over folds."""
    right = np.asarray(right, bool)
    n = len(right)
    category = np.where(np.arange(n) % 2, "ant", "bee")
    said_ant = (category == "ant") == right
    return pd.DataFrame(
        {
            "seed": -1,
            "repeat": 0,
            "fold": np.arange(n) % n_folds,
            "category": category,
            "available": True,
            "p_ant": np.where(said_ant, 0.8, 0.2),
            "p_bee": np.where(said_ant, 0.2, 0.8),
        }
    )


@pytest.fixture(params=range(4))
def table(request):
    """Return random predictions; in the last case one category is never predicted and one has no product."""
    rng = np.random.default_rng(request.param)
    n = 120
    probabilities = rng.dirichlet(np.ones(4), n)
    category = rng.choice(NAMES, n, p=[0.5, 0.2, 0.2, 0.1])
    if request.param == 3:
        probabilities[:, 1] = 0
        category[category == "cow"] = "dog"
    return pd.DataFrame(
        {
            "seed": -1,
            "repeat": np.repeat([0, 1], 60),
            "fold": np.tile(np.arange(3), 40),
            "category": category,
            "available": rng.random(n) < 0.9,
            **{f"p_{name}": probabilities[:, i] for i, name in enumerate(NAMES)},
        }
    )


def test_scores_are_those_of_scikit_learn(table):
    true, said = table["category"].to_numpy(str), metrics.predicted(table)
    found = metrics.scores(metrics.total(metrics.confusion_by_group(table, np.arange(len(table)))))
    assert found["accuracy"] == pytest.approx(accuracy_score(true, said))
    for average in ("macro", "micro", "weighted"):
        expected = f1_score(true, said, labels=NAMES, average=average, zero_division=0)
        assert found[f"{average}_f1"] == pytest.approx(expected), average


def test_scores_per_class_are_those_of_scikit_learn(table):
    true, said = table["category"].to_numpy(str), metrics.predicted(table)
    expected = precision_recall_fscore_support(true, said, labels=NAMES, zero_division=0)
    found = metrics.per_class(metrics.total(metrics.confusion_by_group(table, np.zeros(len(table), int))))
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(found[name], values, err_msg=name)


def test_confusion_by_group_counts_true_by_predicted():
    table = outcomes([1, 1, 0, 1, 0, 0])  # bee ant bee ant bee ant
    found = metrics.confusion_by_group(table, np.array([9, 9, 9, 4, 4, 7]))
    assert found.toarray().tolist() == [[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 1]]


def test_the_most_probable_category_is_predicted():
    table = pd.DataFrame({"p_b": [0.2, 0.9], "p_a p_x": [0.8, 0.1]})
    assert list(metrics.predicted(table)) == ["a p_x", "b"]


def test_resamples_draw_whole_groups(table):
    groups = np.arange(len(table)) // 10
    confusion = metrics.confusion_by_group(table, groups)
    drawn = metrics.resampled(confusion, PARAMS)
    assert drawn.shape == (500, 4, 4)
    assert (drawn.sum(axis=(1, 2)) == len(table)).all()  # groups of the same size: as many products each time
    np.testing.assert_array_equal(drawn, metrics.resampled(confusion, PARAMS))
    other = metrics.resampled(confusion, PARAMS.model_copy(update={"seed": 1}))
    assert not np.array_equal(drawn, other)
    uneven = metrics.confusion_by_group(table, np.minimum(np.arange(len(table)), 60))
    assert len(np.unique(metrics.resampled(uneven, PARAMS).sum(axis=(1, 2)))) > 1


def test_interval_is_of_percentiles():
    values = np.arange(101.0)[:, None] * [1, 2]
    np.testing.assert_allclose(metrics.interval(values, 0.9), [[5, 10], [95, 190]])


def test_the_interval_has_its_coverage_on_independent_products():
    rng = np.random.default_rng(5)
    share, hits = 0.8, 0
    for seed in range(200):
        table = outcomes(rng.random(150) < share)
        summary = metrics.summarise(table, np.arange(150), PARAMS.model_copy(update={"seed": seed}))
        hits += summary["accuracy_low"] <= share <= summary["accuracy_high"]
    assert 0.90 <= hits / 200 <= 0.985  # 95% nominal; the sd of 200 draws is 1.5%


def test_the_interval_is_wider_where_products_come_in_groups():
    rng = np.random.default_rng(6)
    table = outcomes(np.repeat(rng.random(40) < 0.7, 4))
    alone, together = (
        metrics.summarise(table, group, PARAMS) for group in (np.arange(160), np.arange(160) // 4)
    )
    widths = [found["accuracy_high"] - found["accuracy_low"] for found in (alone, together)]
    assert widths[1] / widths[0] == pytest.approx(2, rel=0.2)  # 4 equal outcomes are one: sqrt(4)


def test_summary_of_one_model(table):
    summary = metrics.summarise(table, np.arange(len(table)), PARAMS)
    for name in ("accuracy", "macro_f1", "micro_f1", "weighted_f1"):
        assert summary[f"{name}_low"] <= summary[name] <= summary[f"{name}_high"]
        assert summary[f"{name}_low"] < summary[f"{name}_high"]
    right = metrics.predicted(table) == table["category"].to_numpy(str)
    by_fold = pd.Series(right).groupby([table["repeat"], table["fold"]]).mean()
    assert summary["accuracy_sd"] == pytest.approx(by_fold.std())
    assert summary["input_share"] == table["available"].mean()
    assert summary["accuracy_with_input"] == pytest.approx(right[table["available"]].mean())


def test_one_fold_has_no_sd_and_no_input_no_accuracy():
    summary = metrics.summarise(outcomes([1, 0, 1, 1], 1).assign(available=False), np.arange(4), PARAMS)
    assert not [name for name in summary if name.endswith("_sd")]
    assert summary["input_share"] == 0 and np.isnan(summary["accuracy_with_input"])


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


def test_seeds_are_folds_of_their_own():
    """Three wrong of four with one seed, one of four with the other, in the same fold."""
    both = pd.concat([outcomes([0, 0, 0, 1], 1).assign(seed=0), outcomes([1, 0, 1, 1], 1).assign(seed=5)])
    found = metrics.fold_scores(both)
    assert found[["seed", "n", "accuracy"]].to_numpy().tolist() == [[0, 4, 0.25], [5, 4, 0.75]]
    summary = metrics.summarise(both, np.tile(np.arange(4), 2), PARAMS)
    assert summary["accuracy"] == 0.5 and summary["accuracy_sd"] == pytest.approx(
        np.std([0.25, 0.75], ddof=1)
    )


def test_scores_per_class_count_a_product_once_whatever_the_repeats_and_seeds(table):
    group = np.arange(len(table)) % 60
    one = metrics.score_classes(table, "m", "cv", group, PARAMS).set_index("category")
    twice = pd.concat([table, table.assign(seed=1)])
    two = metrics.score_classes(twice, "m", "cv", np.tile(group, 2), PARAMS).set_index("category")
    counted = table["category"].value_counts().reindex(NAMES).fillna(0)
    np.testing.assert_allclose(one["support"], counted / 2)
    pd.testing.assert_frame_equal(one, two)


def test_resampled_sums_are_those_of_the_resampled_confusions(table):
    """So that every score of a model has the same resamples."""
    group = np.arange(len(table)) // 7
    right = metrics.predicted(table) == table["category"].to_numpy(str)
    sums = metrics.resampled_sums(np.stack([np.ones(len(table)), right], axis=1), group, PARAMS)
    confusion = metrics.resampled(metrics.confusion_by_group(table, group), PARAMS)
    np.testing.assert_allclose(sums[:, 0], confusion.sum(axis=(1, 2)))
    np.testing.assert_allclose(sums[:, 1], np.trace(confusion, axis1=1, axis2=2))


def test_corrected_t_test_by_hand():
    """Mean 0.03, variance 0.001; error = sqrt((1/5 + 1/4) 0.001) = 0.0212132; t = sqrt(2).

    For 4 degrees of freedom P(T > t) = 1/2 - (t / sqrt(4 + t^2)) (1 + 2 / (4 + t^2)) / 2
    = 0.5 - (sqrt(2) / sqrt(6)) (1 + 1/3) / 2 = 0.1151, and the 97.5% point is 2.7764.
    """
    found = metrics.corrected_t_test(np.array([0.03, 0.07, -0.01, 0.05, 0.01]), 0.25, 0.95)
    assert found["gain"] == pytest.approx(0.03)
    assert found["gain_p"] == pytest.approx(2 * (0.5 - (2 / 6) ** 0.5 * (4 / 3) / 2), abs=1e-9)
    assert found["gain_low"] == pytest.approx(0.03 - 2.776445 * 0.45**0.5 * 0.001**0.5, abs=1e-7)
    assert found["gain_high"] == pytest.approx(0.03 + 2.776445 * 0.45**0.5 * 0.001**0.5, abs=1e-7)


def test_the_correction_makes_the_test_more_careful():
    difference = np.random.default_rng(0).normal(0.02, 0.02, 15)
    corrected = metrics.corrected_t_test(difference, 0.25, 0.95)
    assert corrected["gain_p"] > stats.ttest_1samp(difference, 0).pvalue
    plain = metrics.corrected_t_test(difference, 0, 0.95)
    assert plain["gain_p"] == pytest.approx(stats.ttest_1samp(difference, 0).pvalue)
    assert metrics.corrected_t_test(-difference, 0.25, 0.95)["gain_p"] == pytest.approx(corrected["gain_p"])


@pytest.mark.parametrize(("constant", "p"), [(0.0, 1.0), (0.125, 0.0)])
def test_differences_that_never_vary(constant, p):
    found = metrics.corrected_t_test(np.full(6, constant), 0.25, 0.95)
    assert found == {"gain": constant, "gain_low": constant, "gain_high": constant, "gain_p": p}


@pytest.mark.parametrize("counts", [(0, 0), (3, 3), (1, 9), (9, 1), (0, 5), (40, 20)])
def test_mcnemar_is_the_exact_binomial_test(counts):
    only_first, only_second = counts
    first = np.r_[np.ones(7 + only_first), np.zeros(only_second), np.zeros(4)].astype(bool)
    second = np.r_[np.ones(7), np.zeros(only_first), np.ones(only_second), np.zeros(4)].astype(bool)
    expected = stats.binomtest(only_first, sum(counts)).pvalue if sum(counts) else 1.0
    assert metrics.mcnemar_p(first, second) == pytest.approx(expected)
