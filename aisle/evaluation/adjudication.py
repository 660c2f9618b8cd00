"""Labels that a person has read again: the accuracy on what is right, beside that on what is given.

Where the best models all contradict a label, the label may be wrong, or two categories may do. A person who
reads title, description and picture says which (data/adjudicated.csv). No model learns from it, and no choice
is made by it.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from aisle.catalogue.labelled import labelled
from aisle.catalogue.source import read_source
from aisle.evaluation import bootstrap, metrics
from aisle.evaluation.metrics import EvaluationParams
from aisle.pipeline.errors import AisleError, some

COLUMNS = ["id", "given", "right", "reason"]
"""Of the table: product, its label in the catalogue, what is right, and why, in words."""
OR = " | "
"""Between categories in `right` of which each would do."""


def read(file: str | Path, folds: pd.DataFrame) -> dict[str, frozenset[str]]:
    """Return the categories that are right, by product.

    Parameters
    ----------
    file
        A table with the columns of `COLUMNS`; it may have no row.
    folds
        The catalogue's products and categories: product_id, category.

    Raises
    ------
    AisleError
        If it is no such table, has a product twice or one that is not in the catalogue or has another label
        there by now, if what is right is no category of it, or if no reason is given.
    """
    table = read_source(file).table
    if {*table.columns} != {*COLUMNS}:
        raise AisleError(f"{file} must have the columns {some(COLUMNS)}; it has {some(table.columns)}")
    given = labelled(folds).set_index("product_id")["category"]
    names, found = {*given}, dict[str, frozenset[str]]()
    for number, row in table.iterrows():
        product, label, reason = row["id"], row["given"], row["reason"]
        right = frozenset(row["right"].split(OR))
        for wrong, must in (
            (product in found, f"name a product once; {product!r} is there before"),
            (product not in given, f"name a product of the catalogue that has a category, not {product!r}"),
            (label != given.get(product), f"give {product}'s label, {given.get(product)!r}, not {label!r}"),
            (right - names, f"have right ones of {some(sorted(names), 99)}; see {row['right']!r}"),
            (not reason.strip(), f"say in words why, of {product}"),
        ):
            if wrong:
                raise AisleError(f"{file}, line {number}, must {must}")
        found[product] = right
    return found


def scores(
    rows: pd.DataFrame, right: Mapping[str, frozenset[str]], group: np.ndarray, params: EvaluationParams
) -> dict[str, float]:
    """Return `adjudicated_accuracy` with `_low` and `_high` (bootstrap by group); nothing without labels.

    Parameters
    ----------
    rows
        Test rows of one protocol, n of them.
    right
        Of `read`; other products' labels are those given.
    group
        Near-duplicate group of each row, (n,).
    params
        Confidence and resamples.
    """
    if not right:
        return {}
    accepted = metrics.right(rows)
    for place, (product, said) in enumerate(zip(rows["product_id"], metrics.predicted(rows), strict=True)):
        if product in right:
            accepted[place] = said in right[product]
    columns = {"rows": np.ones(len(rows)), "accepted": accepted}
    return bootstrap.scores_of_sums(
        columns, lambda sums: {"adjudicated_accuracy": sums["accepted"] / sums["rows"]}, group, params
    )
