"""One prediction per product out of those of several cross-validation repeats."""

import numpy as np
import pandas as pd
from scipy.special import softmax

from aisle import tables
from aisle.errors import AisleError, some
from aisle.predictions import PREFIX, categories, probabilities, test_rows

LEAST = 1e-12
"""Probabilities below it count as this in a logarithm."""


def cv_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the test rows of the protocol `cv`, by product_id and repeat.

    Raises
    ------
    AisleError
        If a product is missing from a repeat, or twice in one: names it.
    """
    rows = test_rows(table)
    rows = rows[rows["protocol"] == "cv"].sort_values([tables.KEY, "repeat"])
    times = pd.crosstab(rows[tables.KEY], rows["repeat"])
    if len(wrong := times.index[(times != 1).any(axis=1)]):
        raise AisleError(
            f"predictions must have each product once in each repeat; not so {some(wrong)}. Run `dvc repro`."
        )
    return rows


def mean_over_repeats(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of the log-probabilities over the repeats, renormalised.

    Parameters
    ----------
    table
        Predictions; see `cv_rows`.

    Returns
    -------
    pandas.DataFrame
        One row per product, by product_id: category (true), available, one probability column per category.
    """
    rows = cv_rows(table)
    names = [PREFIX + name for name in categories(table)]
    logs = np.log(np.clip(probabilities(rows), LEAST, None))
    product = rows.groupby(tables.KEY)
    result = product[["category", "available"]].first().reset_index()
    mean = pd.DataFrame(logs).groupby(rows[tables.KEY].to_numpy()).mean().to_numpy()
    result[names] = softmax(mean, axis=1)
    return result
