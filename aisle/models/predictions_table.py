"""Predictions files: class probabilities out of fold, the contract between those who make and who read them.

A file has two kinds of rows. Test rows (`inner_fold` TEST) are what models are scored by. Inner rows are
predictions for the products of a fold's *training* part, each by a model that did not see it nor the test
part: what temperatures, fusion weights and thresholds are fitted on, so that they never see the test part
either.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from aisle.pipeline import table_batches, tables
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
    """Return `table` with the rows of `reference`, in its order; itself, renumbered, where it has them so.

    Raises
    ------
    AisleError
        See `places`.
    """
    order = places(table, reference, name, reference_name)
    if np.array_equal(order, np.arange(len(table))):
        return renumbered(table)
    return renumbered(table.take(order))


def renumbered(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with rows 0 to n - 1, and its values, of which no copy is made."""
    return table.set_axis(pd.RangeIndex(len(table)), copy=False)  # type: ignore[call-arg]


def places(table: pd.DataFrame, reference: pd.DataFrame, name: str, reference_name: str) -> np.ndarray:
    """Return which row of `table`, from 0, each row of `reference` is.

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
        return np.arange(len(found))  # as a rule; what follows takes ten times as long
    named = found.assign(**{tables.KEY: keys(found)}, row=np.arange(len(found)))
    aligned = tables.align(named, keys(wanted), name, reference_name)
    for column in ("fold", "category"):
        differ = aligned[column].to_numpy() != wanted[column].to_numpy()
        if differ.any():
            raise AisleError(
                f"{name} must have the {column}s of {reference_name}; they differ for "
                f"{some(aligned.loc[differ, tables.KEY])}. Run `dvc repro`."
            )
    return aligned["row"].to_numpy()


def read(path: str | Path) -> pd.DataFrame:
    """Read a predictions file: products x categories x 5 figures, which `tables.read` would hold twice."""
    return table_batches.read_wide(path)


def read_cv(path: str | Path) -> pd.DataFrame:
    """Read the rows of a predictions file that `cv_rows` returns; inner ones, four of five, are not held."""
    return table_batches.read_wide(path, {"protocol": "cv", "inner_fold": TEST})


def cv_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the test rows of the protocol `cv`, by product_id and repeat.

    Raises
    ------
    AisleError
        If a product is missing from a repeat, or twice in one: names it.
    """
    keys = table[[tables.KEY, "repeat"]].reset_index(drop=True)
    keys = keys[((table["inner_fold"] == TEST) & (table["protocol"] == "cv")).to_numpy()]
    rows = table.take(keys.sort_values([tables.KEY, "repeat"]).index.to_numpy())
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
    logs = np.clip(probabilities(rows), MIN_PROBABILITY, None)
    np.log(logs, out=logs)
    product = rows.groupby(tables.KEY)
    result = product[["category", "available"]].first().reset_index()
    mean = pd.DataFrame(logs).groupby(rows[tables.KEY].to_numpy()).mean().to_numpy()
    del rows, product, logs
    columns = pd.DataFrame(softmax(mean, axis=1), columns=names)
    return pd.concat([result, columns], axis=1, copy=False)  # type: ignore[call-overload]
