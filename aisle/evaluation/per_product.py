"""What a model says of each product: one row per product, over the repeats and seeds."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from aisle.models.predictions_table import WEIGHT, categories, probabilities
from aisle.pipeline import tables

PLACES = ("predicted", "second", "third")
"""The most probable categories, and `<place>_probability` of each."""


def summary(decided: pd.DataFrame) -> pd.DataFrame:
    """Return what a model predicts for each product out of fold.

    Parameters
    ----------
    decided
        Cross-validated rows of `aisle.evaluation.selective.decide`: calibrated probabilities, `wrong`.

    Returns
    -------
    pandas.DataFrame
        A row per product, by product_id: category (true), the categories with the highest mean probability
        over repeats and seeds (`predicted`, `second`, `third`; null where there are fewer) with their
        `_probability`, `right_share` (share of the repeats and seeds whose prediction is right), `outcomes`
        (a character for each seed and repeat, in this order: 1 right, 0 wrong), `available` (the model had
        input), and mean `weight_<modality>` of a model that weighs its inputs. 4 decimals.
    """
    names = np.array(categories(decided))
    ids, first, row = np.unique(decided[tables.KEY].to_numpy(str), return_index=True, return_inverse=True)
    mean = csr_array((np.ones(len(row)), (row, np.arange(len(row)))))
    mean = mean / mean.sum(axis=1)[:, None]
    probability, facts = mean @ probabilities(decided), decided.iloc[first]
    order = np.argsort(-probability, axis=1, kind="stable")
    table = pd.DataFrame({tables.KEY: ids, "category": facts["category"].to_numpy(str)})
    for place, name in enumerate(PLACES):
        known = place < len(names)
        column = order[:, min(place, len(names) - 1)]
        table[name] = pd.Categorical(names[column] if known else [None] * len(ids), names)
        table[f"{name}_probability"] = probability[np.arange(len(ids)), column] if known else np.nan
    table["right_share"] = mean @ (~decided["wrong"].to_numpy(bool)).astype(float)
    table["outcomes"] = _outcomes(decided)[ids].to_numpy()
    table["available"] = facts["available"].to_numpy(bool)
    for name in (column for column in decided.columns if column.startswith(WEIGHT)):
        table[name] = decided.groupby(tables.KEY)[name].mean()[ids].to_numpy()  # skips products without input
    figures = [name for name in table if pd.api.types.is_float_dtype(table[name])]
    return table.astype(dict.fromkeys(figures, "float32")).round(dict.fromkeys(figures, 4))


def _outcomes(decided: pd.DataFrame) -> pd.Series:
    """Return `outcomes` by product_id."""
    rows = decided.sort_values([tables.KEY, "seed", "repeat"])
    characters = pd.Series(np.where(rows["wrong"], "0", "1"), rows.index, object)
    return characters.groupby(rows[tables.KEY].to_numpy()).agg("".join)


def all_models(summaries: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of `summary` of every model below each other; what repeats is stored once.

    Parameters
    ----------
    summaries
        Model to its table.
    """
    table = pd.concat([table.assign(model=name) for name, table in summaries.items()], ignore_index=True)
    table.insert(0, "model", table.pop("model"))
    names = sorted(table["category"].unique())
    kinds: dict[str, Any] = {"model": pd.CategoricalDtype(list(summaries))}
    kinds |= {tables.KEY: "category", "outcomes": "category"}
    return table.astype(kinds | dict.fromkeys(("category", *PLACES), pd.CategoricalDtype(names)))
