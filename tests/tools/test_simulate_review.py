"""tools/simulate_review.py: labels are counted as they are given, a better strategy is seen to be one."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from tools import simulate_review

RIGHT = simulate_review.RIGHT


def test_errors_are_corrected_in_the_order_of_the_strategy():
    """20 of 200 are wrong, the least certain ones: 10 labels for 95 %, 16 for 98 %, 18 for 99 %."""
    first = np.linspace(0.5, 0.99, 200)
    values, right = np.column_stack([first, 1 - first]), np.arange(200) >= 20
    texts, groups = csr_matrix(np.eye(200)), np.arange(200)

    class Same:  # no bootstrap: every group once
        def choice(self, groups, n):
            return groups

    def needed(strategy, monkeypatch):
        monkeypatch.setattr(simulate_review.np.random, "default_rng", lambda seed: Same())
        return simulate_review.correcting(values, right, texts, groups, strategy, 0)

    with pytest.MonkeyPatch.context() as patch:
        for strategy in ("uncertain", "diverse"):
            assert needed(strategy, patch) == dict(zip(RIGHT, (10.0, 16.0, 18.0), strict=True))
    rows = [
        simulate_review.correcting(values, right, texts, groups, "random_share", seed) for seed in range(5)
    ]
    assert np.mean([row[0.99] for row in rows]) > 100


def test_learning_ends_at_its_goals_and_counts_the_first_labels():
    rng = np.random.default_rng(0)
    words = [["dial", "quartz", "alarm"], ["bulb", "shade", "glow"]]
    y = np.array(["clock", "lamp"])[rng.integers(2, size=200)]
    texts = np.array(
        [f"{' '.join(rng.choice(words[name == 'lamp'], 2))} item{i % 50}" for i, name in enumerate(y)], object
    )
    found = simulate_review.learning(texts, y, np.arange(200), "uncertain", 0)
    assert 4 <= found[0.9] <= found[0.95] <= found[0.98] < 140


def test_the_table_has_means_intervals_and_ratios():
    found = {"random_share": [{0.9: 100.0}, {0.9: 120.0}], "diverse": [{0.9: 50.0}, {0.9: np.nan}]}
    random, diverse = simulate_review.summary(found)
    assert (random["labels"], random["reached"]) == (110.0, 2) and "ratio_to_random" not in random
    assert random["labels_low"] < 110 < random["labels_high"]
    assert (diverse["labels"], diverse["reached"], diverse["ratio_to_random"]) == (50.0, 1, 0.5)
