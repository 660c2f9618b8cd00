"""models/predictions_table.py: one prediction per product out of several repeats."""

import numpy as np
import pandas as pd
import pytest

from aisle.models import predictions_table
from aisle.models.predictions_table import mean_over_repeats
from aisle.pipeline.errors import AisleError


@pytest.fixture
def table():
    """Return cross-validated rows of three products in two repeats, and of the hold-out."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "protocol": ["cv"] * 6 + ["holdout"],
            "repeat": [0, 0, 0, 1, 1, 1, 0],
            "fold": 0,
            "inner_fold": predictions_table.TEST,
            "product_id": [*"cabbca", "a"],
            "category": ["y", "x", "x", "x", "y", "x", "x"],
            "available": True,
        }
    )
    values = rng.dirichlet(np.ones(2), len(rows))
    return rows.assign(p_x=values[:, 0], p_y=values[:, 1])


def test_the_mean_of_the_repeats_is_geometric(table):
    mean = mean_over_repeats(table).set_index("product_id")
    assert list(mean.index) == list("abc") and list(mean["category"]) == ["x", "x", "y"]
    for product in "abc":
        rows = table[(table["protocol"] == "cv") & (table["product_id"] == product)]
        product_of = predictions_table.probabilities(rows).prod(axis=0) ** 0.5
        found = predictions_table.probabilities(mean.loc[[product]])[0]
        np.testing.assert_allclose(found, product_of / product_of.sum())


def test_a_probability_of_0_does_not_decide_alone(table):
    table[["p_x", "p_y"]] = np.where(table[["repeat"]] == 0, [0.0, 1.0], [1.0, 0.0])
    np.testing.assert_allclose(predictions_table.probabilities(mean_over_repeats(table)), 0.5)


@pytest.mark.parametrize("damage", [slice(1, None), [0, 1, 1, 2, 3, 4, 5, 6]])
def test_a_product_that_is_not_once_in_each_repeat_is_named(table, damage):
    broken = table.iloc[damage]
    with pytest.raises(AisleError, match="c" if isinstance(damage, slice) else "a"):
        mean_over_repeats(broken)
