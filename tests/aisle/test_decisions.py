"""aisle/decisions.py: what a shop can decide without a person, at a stated error rate."""

import itertools

import numpy as np
import pandas as pd
import pytest

from aisle import decisions, predictions

NAMES = ["ant", "bee"]


@pytest.mark.parametrize(
    ("confidence", "wrong", "target", "expected"),
    [
        ([0.9, 0.8, 0.7, 0.6], [0, 0, 1, 0], 0.0, 0.8),
        ([0.9, 0.8, 0.7, 0.6], [0, 0, 1, 0], 0.25, 0.6),  # 1 of 4; at 0.7 it is 1 of 3
        ([0.6, 0.9, 0.7, 0.8], [0, 0, 1, 0], 0.25, 0.6),  # in whatever order they come
        ([0.9, 0.8, 0.7, 0.6], [0, 0, 0, 0], 0.0, 0.6),  # all allowed
        ([0.9, 0.8, 0.7, 0.6], [1, 0, 0, 0], 0.1, np.inf),  # none: the most confident is wrong
        ([0.9, 0.8, 0.7, 0.6], [1, 0, 0, 0], 0.25, 0.6),  # but 1 of 4 is allowed
        ([0.9, 0.8, 0.8, 0.6], [0, 0, 1, 1], 0.0, 0.9),  # equal ones are decided together
        ([0.9, 0.8, 0.8, 0.6], [0, 1, 0, 1], 0.34, 0.8),
        ([0.8, 0.8, 0.8], [0, 0, 1], 0.1, np.inf),
        ([0.5], [0], 0.01, 0.5),
        ([0.5], [1], 0.01, np.inf),
    ],
)
def test_the_threshold(confidence, wrong, target, expected):
    found = decisions.threshold(np.array(confidence), np.array(wrong, bool), target)
    assert found == expected


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_is_the_lowest_of_all_that_keep_the_target(seed):
    rng = np.random.default_rng(seed)
    confidence = rng.integers(1, 20, 60) / 20  # many ties
    wrong = rng.random(60) > confidence
    for target in (0.0, 0.05, 0.2, 0.5):
        kept = [level for level in np.unique(confidence) if wrong[confidence >= level].mean() <= target]
        expected = min(kept, default=np.inf)
        assert decisions.threshold(confidence, wrong, target) == expected


def calibrated(n, seed):
    """Return confidences that are the chance to be right, and whether each is wrong."""
    rng = np.random.default_rng(seed)
    confidence = 1 - rng.beta(0.5, 4, n)
    return confidence, rng.random(n) > confidence


@pytest.mark.parametrize("target", [0.01, 0.03, 0.05])
def test_the_error_obtained_is_near_the_target(target):
    """A threshold learned on one half, on calibrated predictions, holds on the other."""
    obtained, share = [], []
    for seed in range(20):
        level = decisions.threshold(*calibrated(4000, seed), target)
        confidence, wrong = calibrated(4000, 100 + seed)
        obtained.append(wrong[confidence >= level].mean())
        share.append((confidence >= level).mean())
    assert np.mean(obtained) == pytest.approx(target, rel=0.15)
    assert 0.1 < np.mean(share) < 1


def test_the_curve_is_that_of_brute_force():
    rng = np.random.default_rng(0)
    confidence, wrong = rng.permutation(250) / 250, rng.random(250) < 0.3
    curve = decisions.risk_coverage(confidence, wrong, points=25)
    assert len(curve) == 25 and curve["coverage"].iloc[-1] == 1
    assert curve["coverage"].is_monotonic_increasing
    for coverage, error in curve.itertuples(index=False):
        kept = np.sort(confidence)[::-1][: round(coverage * 250)]
        assert error == pytest.approx(wrong[confidence >= kept.min()].mean())
    assert curve["error"].iloc[-1] == pytest.approx(wrong.mean())


def test_the_curve_of_few_products_has_a_point_for_each():
    curve = decisions.risk_coverage(np.array([0.2, 0.9, 0.5]), np.array([True, False, True]))
    np.testing.assert_allclose(curve["coverage"], [1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(curve["error"], [0, 1 / 2, 2 / 3])


def rows(fold, inner, confidence, right, seed=0, first=0):
    """Return predictions that say ant with a confidence, right or wrong as told."""
    confidence = np.array(confidence)
    return pd.DataFrame(
        {
            "seed": seed,
            "protocol": "cv",
            "repeat": 0,
            "fold": fold,
            "inner_fold": inner,
            "product_id": [f"p{first + i}" for i in range(len(confidence))],
            "category": np.where(right, "ant", "bee"),
            "p_ant": confidence,
            "p_bee": 1 - confidence,
        }
    )


@pytest.fixture
def table():
    return pd.concat(
        [
            rows(0, predictions.TEST, [0.95, 0.85, 0.75], [1, 0, 1]),
            rows(0, 1, [0.9, 0.8], [1, 1], first=3),
            rows(0, 2, [0.7, 0.6], [0, 1], first=5),
            rows(1, predictions.TEST, [0.99, 0.9], [0, 0], first=3),
            rows(1, 0, [0.95, 0.7], [0, 1]),
        ],
        ignore_index=True,
    )


def test_each_fold_decides_by_the_threshold_of_its_inner_rows(table):
    found = decisions.decide(table, target_error=0.1)
    assert list(found["product_id"]) == ["p0", "p1", "p2", "p3", "p4"]
    assert list(found["threshold"]) == [0.8, 0.8, 0.8, np.inf, np.inf]
    assert list(found["automatic"]) == [True, True, False, False, False]
    assert list(found["wrong"]) == [False, True, False, True, True]
    assert list(found["predicted"]) == [0] * 5
    np.testing.assert_allclose(found["confidence"], [0.95, 0.85, 0.75, 0.99, 0.9])


def test_test_rows_move_no_threshold(table):
    before = decisions.decide(table, 0.1)["threshold"]
    test = table["inner_fold"] == predictions.TEST
    other = table.copy()
    other.loc[test, "category"] = ["ant", "bee", "bee", "ant", "ant"]
    other.loc[test, ["p_ant", "p_bee"]] = [0.55, 0.45]
    pd.testing.assert_series_equal(decisions.decide(other, 0.1)["threshold"], before)
    other.loc[~test, "category"] = "ant"
    assert list(decisions.decide(other, 0.1)["threshold"]) == [0.6] * 3 + [0.7] * 2


def test_seeds_have_thresholds_of_their_own(table):
    strict = table.assign(seed=1, category="bee")
    found = decisions.decide(pd.concat([table, strict], ignore_index=True), 0.1)
    assert found.groupby("seed")["automatic"].sum().to_dict() == {0: 2, 1: 0}


def decided(product, predicted, confidence, automatic):
    return pd.DataFrame(
        {"product_id": product, "predicted": predicted, "confidence": confidence, "automatic": automatic}
    )


def test_the_review_list_holds_who_waits_in_most_repeats_the_least_certain_first():
    table = pd.concat(
        [
            decided("sure", [0, 0, 0], [0.9, 0.9, 0.9], [True, True, True]),
            decided("mostly", [0, 0, 0], [0.9, 0.9, 0.6], [True, True, False]),
            decided("half", [1, 1], [0.8, 0.7], [True, False]),
            decided("waits", [0, 1, 1], [0.6, 0.7, 0.8], [False, False, True]),
            decided("never", [1, 0, 1], [0.5, 0.6, 0.4], [False, False, False]),
            decided("also", [1, 1, 1], [0.4, 0.5, 0.6], [False, False, False]),
        ]
    )
    found = decisions.review(table.sample(frac=1, random_state=0), NAMES)
    assert list(found["product_id"]) == ["also", "never", "waits"]  # equal confidence: by id
    assert list(found["predicted"]) == ["bee", "bee", "bee"]
    np.testing.assert_allclose(found["confidence"], [0.5, 0.5, 0.7])
    np.testing.assert_allclose(found["automatic_share"], [0, 0, 1 / 3])


def test_nobody_waits():
    found = decisions.review(decided("sure", [0], [0.9], [True]), NAMES)
    assert found.empty and list(found) == ["product_id", "predicted", "confidence", "automatic_share"]


def test_more_errors_allowed_is_never_less_decided():
    confidence, wrong = calibrated(300, 0)
    levels = [decisions.threshold(confidence, wrong, target) for target in (0.001, 0.01, 0.05, 0.2)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(levels))
    assert levels[0] > levels[-1]
