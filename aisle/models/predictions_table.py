"""Predictions files: class probabilities out of fold, the contract between those who make and who read them.

A file has two kinds of rows. Test rows (`inner_fold` TEST) are what models are scored by. Inner rows are
predictions for the products of a fold's *training* part, each by a model that did not see it nor the test
part: what temperatures, fusion weights and thresholds are fitted on, so that they never see the test part
either.
"""

import numpy as np
import pandas as pd
from scipy.special import softmax

from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError, some

PREFIX = "p_"
"""Probability columns are named PREFIX + category."""
TEST = -1
"""`inner_fold` of the rows that models are scored by."""
KEYS = ["protocol", "repeat", "fold", "inner_fold", "product_id"]
NO_SEED = -1
"""Stands for the seed of a model that has none."""
MIN_PROBABILITY = 1e-12
"""Probabilities below it count as this in a logarithm: one zero would decide a mean of them."""
WEIGHT = "weight_"
"""Columns of a model that weighs its inputs product by product: WEIGHT + modality."""


def shares(categories: pd.Series) -> dict[str, float]:
    """Return the share of each category, by name: what is predicted for a product without input."""
    counts = categories.value_counts(normalize=True).sort_index()
    return {str(name): float(share) for name, share in counts.items()}


def repeats(table: pd.DataFrame) -> list[str]:
    """Return the names of the cross-validation columns of data/folds.parquet."""
    return [column for column in table.columns if column.startswith("cv_")]


def test_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that models are scored by."""
    return table[table["inner_fold"] == TEST]


def inner_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions inside the training parts, to fit temperatures, weights and thresholds on."""
    return table[table["inner_fold"] != TEST]


def categories(table: pd.DataFrame) -> list[str]:
    """Return the categories that a predictions table has probabilities for."""
    return [column.removeprefix(PREFIX) for column in table.columns if column.startswith(PREFIX)]


def probabilities(table: pd.DataFrame) -> np.ndarray:
    """Return the probabilities (rows, categories) of a predictions table."""
    return table[[PREFIX + name for name in categories(table)]].to_numpy(float)


def align(table: pd.DataFrame, reference: pd.DataFrame, name: str, reference_name: str) -> pd.DataFrame:
    """Return `table` with the rows of `reference`, in its order.

    Raises
    ------
    AisleError
        If the products of a protocol and repeat differ (names them), or their folds or categories do.
    """
    if categories(table) != categories(reference):
        differing = sorted({*categories(table)} ^ {*categories(reference)})
        raise AisleError(f"{name} must have the categories of {reference_name}, not other: {some(differing)}")

    def keys(rows: pd.DataFrame) -> pd.Series:
        test = " (" + rows["protocol"] + ", repeat " + rows["repeat"].astype(str)
        inner = ", fold " + rows["fold"].astype(str) + ", inner fold " + rows["inner_fold"].astype(str)
        return rows[tables.KEY] + test + inner.where(rows["inner_fold"] != TEST, "") + ")"

    columns = [*KEYS, "category"]
    found, wanted = (rows[columns].reset_index(drop=True) for rows in (table, reference))
    if found.equals(wanted) and not found.duplicated(KEYS).any():
        return table.reset_index(drop=True)  # as a rule; what follows takes ten times as long
    aligned = tables.align(table.assign(**{tables.KEY: keys(table)}), keys(reference), name, reference_name)
    for column in ("fold", "category"):
        differ = aligned[column].to_numpy() != reference[column].to_numpy()
        if differ.any():
            raise AisleError(
                f"{name} must have the {column}s of {reference_name}; they differ for "
                f"{some(aligned.loc[differ, tables.KEY])}. Run `dvc repro`."
            )
    return aligned.assign(**{tables.KEY: reference[tables.KEY].to_numpy()})


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
    logs = np.log(np.clip(probabilities(rows), MIN_PROBABILITY, None))
    product = rows.groupby(tables.KEY)
    result = product[["category", "available"]].first().reset_index()
    mean = pd.DataFrame(logs).groupby(rows[tables.KEY].to_numpy()).mean().to_numpy()
    return pd.concat([result, pd.DataFrame(softmax(mean, axis=1), columns=names)], axis=1)
