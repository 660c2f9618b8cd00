"""evaluation/calibration.py: temperatures, reliability, and that the test part is never looked at."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from aisle.evaluation import calibration
from aisle.models import predictions_table

NAMES = ["ant", "bee", "cow"]
P = [f"p_{name}" for name in NAMES]


def drawn(temperature, n=4000, seed=0):
    """Return probabilities whose logits are `temperature` times too sharp, and true categories."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 3))
    true = softmax(logits, axis=1)
    y = (true.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return softmax(logits * temperature, axis=1), y


def nll(probability, y, temperature):
    return -np.log(calibration.scale(probability, temperature)[np.arange(len(y)), y]).mean()


@pytest.mark.parametrize("seed", range(3))
def test_the_temperature_is_the_best_of_a_grid(seed):
    probability, y = drawn(1.7, n=200, seed=seed)
    grid = np.exp(np.linspace(np.log(0.05), np.log(20), 4001))
    best = grid[np.argmin([nll(probability, y, each) for each in grid])]
    assert calibration.fit_temperature(probability, y) == pytest.approx(best, rel=2e-3)


@pytest.mark.parametrize("truth", [0.4, 1, 2.5])
def test_the_temperature_undoes_what_made_the_probabilities_too_sharp(truth):
    """Overconfident predictions get a temperature above 1, timid ones below."""
    found = calibration.fit_temperature(*drawn(truth))
    assert found == pytest.approx(truth, rel=0.08)
    assert (found > 1.2) == (truth > 1) and (found < 0.8) == (truth < 1)


@pytest.mark.parametrize(("right", "bound"), [(True, 0.05), (False, 20)])
def test_the_temperature_is_bounded(right, bound):
    """Where every prediction is right sharper is always better, where every one is wrong flatter."""
    probability = np.tile([0.6, 0.3, 0.1], (20, 1))
    y = np.zeros(20, int) if right else np.full(20, 2)
    assert calibration.fit_temperature(probability, y) == pytest.approx(bound, rel=1e-2)


def test_scaling_and_scaling_back_is_the_identity():
    probability, _ = drawn(1, n=50)
    np.testing.assert_array_equal(calibration.scale(probability, 1).argmax(1), probability.argmax(1))
    for temperature in (0.5, 1, 3):
        scaled = calibration.scale(probability, temperature)
        np.testing.assert_allclose(scaled.sum(axis=1), 1)
        np.testing.assert_array_equal(scaled.argmax(1), probability.argmax(1))
        np.testing.assert_allclose(calibration.scale(scaled, 1 / temperature), probability, atol=1e-9)


def test_scaling_by_hand():
    """To the power 1 / 2 and renormalised: roots 0.8 and 0.6; a probability of 0 stays finite."""
    found = calibration.scale(np.array([[0.64, 0.36], [1.0, 0.0]]), 2)
    np.testing.assert_allclose(found[0], [0.8 / 1.4, 0.6 / 1.4])
    np.testing.assert_allclose(found[1], [1, 1e-6], rtol=1e-5)


@pytest.mark.parametrize(
    ("confidence", "expected"), [(0, 0), (0.2, 0), (0.2000001, 1), (0.4, 1), (0.5, 2), (1, 4), (1 + 1e-12, 4)]
)
def test_bins_have_equal_widths_and_hold_their_upper_edge(confidence, expected):
    assert calibration.bins(np.array([confidence]), 5)[0] == expected


def predicted(values, categories):
    return pd.DataFrame(values, columns=P).assign(category=categories)


def test_reliability_by_hand():
    """Bins of 0.2: (0.4, 0.6] has 0.5 right and 0.6 wrong, (0.8, 1] has 0.9 right, 0.9 right, 1.0 wrong."""
    table = predicted(
        [[0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.9, 0.1, 0], [0.05, 0.05, 0.9], [1, 0, 0]],
        ["ant", "cow", "ant", "cow", "bee"],
    )
    found = calibration.reliability(table, 5)
    assert list(found["bin"]) == [2, 4]
    np.testing.assert_allclose(found["confidence"], [0.55, 2.8 / 3])
    np.testing.assert_allclose(found["accuracy"], [0.5, 2 / 3])
    np.testing.assert_allclose(found["share"], [0.4, 0.6])
    error = (found["share"] * (found["confidence"] - found["accuracy"]).abs()).sum()
    assert error == pytest.approx(0.4 * 0.05 + 0.6 * (2.8 / 3 - 2 / 3))


def test_true_index():
    table = predicted(np.full((3, 3), 1 / 3), ["cow", "ant", "bee"])
    assert calibration.true_index(table).tolist() == [2, 0, 1]


@pytest.fixture
def table():
    """Return predictions of 2 seeds and 3 folds, each too sharp in its own way, with inner rows."""
    parts = []
    for seed in (0, 1):
        for fold in range(3):
            for inner in (predictions_table.TEST, *({0, 1, 2} - {fold})):
                probability, y = drawn(1 + fold + 0.5 * seed, n=40, seed=20 * seed + 5 * fold + inner + 1)
                keys = {"seed": seed, "protocol": "cv", "repeat": 0, "fold": fold, "inner_fold": inner}
                parts.append(predicted(probability, np.array(NAMES)[y]).assign(**keys))
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0, ignore_index=True)


def test_each_seed_and_fold_has_the_temperature_of_its_inner_rows(table):
    found = calibration.calibrated(table)
    others = [name for name in table.columns if name not in P]
    pd.testing.assert_frame_equal(found[others], table[others])
    seen = set()
    for _, rows in found.groupby(["seed", "fold"]):
        inner = rows["inner_fold"] != predictions_table.TEST
        raw = table.loc[rows.index]
        expected = calibration.fit_temperature(
            raw.loc[inner, P].to_numpy(), calibration.true_index(raw[inner])
        )
        assert set(rows["temperature"]) == {expected}
        np.testing.assert_array_equal(rows[P], calibration.scale(raw[P].to_numpy(), expected))
        seen.add(expected)
    assert len(seen) == 6


def test_test_rows_are_not_looked_at(table):
    """Neither their labels nor their probabilities move a temperature; inner rows do."""
    before = calibration.calibrated(table)["temperature"]
    test = table["inner_fold"] == predictions_table.TEST
    other = table.copy()
    other.loc[test, "category"] = "cow"
    other.loc[test, P] = [0.98, 0.01, 0.01]
    pd.testing.assert_series_equal(calibration.calibrated(other)["temperature"], before)
    other = table.copy()
    other.loc[~test, "category"] = "cow"
    assert (calibration.calibrated(other)["temperature"] != before).all()


def test_overconfident_predictions_are_better_calibrated(table):
    def error(rows):
        found = calibration.reliability(rows[rows["inner_fold"] == predictions_table.TEST], 10)
        return (found["share"] * (found["confidence"] - found["accuracy"]).abs()).sum()

    sharp = table[table["fold"] == 2]
    found = calibration.calibrated(sharp)
    assert (found["temperature"] > 1.5).all()
    assert error(found) < 0.7 * error(sharp)
