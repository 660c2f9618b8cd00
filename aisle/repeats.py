"""One prediction per product out of those of several cross-validation repeats."""

import numpy as np
import pandas as pd
from scipy.special import softmax

from aisle import tables
from aisle.predictions import PREFIX, categories, probabilities, test_rows

LEAST = 1e-12
"""Probabilities below it count as this in a logarithm."""


def mean_over_repeats(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of the log-probabilities over the repeats, renormalised.

    Parameters
    ----------
    table
        Predictions; their test rows of the protocol `cv` are used.

    Returns
    -------
    pandas.DataFrame
        One row per product, by product_id: category (true), available, one probability column per category.
    """
    rows = test_rows(table)
    rows = rows[rows["protocol"] == "cv"].sort_values([tables.KEY, "repeat"])
    names = [PREFIX + name for name in categories(table)]
    logs = np.log(np.clip(probabilities(rows), LEAST, None))
    product = rows.groupby(tables.KEY)
    result = product[["category", "available"]].first().reset_index()
    mean = pd.DataFrame(logs).groupby(rows[tables.KEY].to_numpy()).mean().to_numpy()
    result[names] = softmax(mean, axis=1)
    return result
