"""evaluation/bootstrap.py: resamples of whole groups, the same for every score."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from aisle.evaluation import bootstrap, metrics
from tests.aisle.evaluation.examples import MANY as PARAMS


def test_resamples_draw_whole_groups(table):
    groups = np.arange(len(table)) // 10
    counts = metrics.counts_by_group(table, groups)
    drawn = bootstrap.resampled(counts, PARAMS)
    assert drawn.shape == (500, 3, 4)
    assert (
        drawn[:, 1:].sum(axis=2) == len(table)
    ).all()  # groups of the same size: as many products each time
    np.testing.assert_array_equal(drawn, bootstrap.resampled(counts, PARAMS))
    other = bootstrap.resampled(counts, PARAMS.model_copy(update={"seed": 1}))
    assert not np.array_equal(drawn, other)
    uneven = metrics.counts_by_group(table, np.minimum(np.arange(len(table)), 60))
    assert len(np.unique(bootstrap.resampled(uneven, PARAMS)[:, 1].sum(axis=1))) > 1


def test_interval_is_of_percentiles():
    values = np.arange(101.0)[:, None] * [1, 2]
    np.testing.assert_allclose(bootstrap.interval(values, 0.9), [[5, 10], [95, 190]])


def test_resampled_sums_are_those_of_the_resampled_counts(table):
    """So that every score of a model has the same resamples."""
    group = np.arange(len(table)) // 7
    right = metrics.predicted(table) == table["category"].to_numpy(str)
    sums = bootstrap.resampled_sums(np.stack([np.ones(len(table)), right], axis=1), group, PARAMS)
    counts = bootstrap.resampled(metrics.counts_by_group(table, group), PARAMS)
    np.testing.assert_allclose(sums[:, 0], counts[:, 1].sum(axis=1))
    np.testing.assert_allclose(sums[:, 1], counts[:, 0].sum(axis=1))


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_scores_of_sums_by_hand(kind):
    """A mean and a sum of two parts of 4 rows in 2 groups; each resample is of 2 groups."""
    parts = np.array([[1, 0], [1, 0], [0, 2], [0, 2]])
    columns = {"rows": np.ones(4), "value": np.array([1, 1, 3, 3]), "parts": kind(parts)}
    shapes = []

    def scores(sums):
        shapes.append({name: values.shape for name, values in sums.items()})
        return {"mean": sums["value"] / sums["rows"], "parts": sums["parts"].sum(axis=-1)}

    found = bootstrap.scores_of_sums(columns, scores, np.array([7, 7, 2, 2]), PARAMS)
    assert found == {
        **{"mean": 2, "mean_low": 1, "mean_high": 3},
        **{"parts": 6, "parts_low": 4, "parts_high": 8},
    }
    assert sorted(shapes, key=str) == [
        {"rows": (), "value": (), "parts": (2,)},
        {"rows": (500,), "value": (500,), "parts": (500, 2)},
    ]


def test_a_ratio_of_nothing_is_0():
    np.testing.assert_array_equal(bootstrap.ratio(np.array([0, 1.0, 3]), np.array([0, 2, 0])), [0, 0.5, 0])


def test_resamples_are_the_same_however_many_are_in_memory(monkeypatch):
    params = metrics.EvaluationParams(
        baseline="b", confidence=0.95, n_bootstrap=100, seed=3, target_error=0.01, n_bins=5
    )
    group = np.repeat(np.arange(40), 3)
    values = np.random.default_rng(0).integers(0, 9, (120, 4)).astype(float)
    whole = bootstrap.resampled_sums(values, group, params)
    drawn = np.random.default_rng(3).multinomial(40, np.full(40, 1 / 40), 100)
    by_group = values.reshape(40, 3, 4).sum(axis=1)
    np.testing.assert_array_equal(whole, drawn @ by_group)
    bootstrap.draws.cache_clear()
    monkeypatch.setattr(bootstrap, "CELLS", 7 * 40)  # seven resamples at a time
    np.testing.assert_array_equal(bootstrap.resampled_sums(values, group, params), whole)
    bootstrap.draws.cache_clear()
