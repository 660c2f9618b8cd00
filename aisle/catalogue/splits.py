"""The hold-out split and the repeated cross-validation folds; no group of near-duplicates is torn apart."""

from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from aisle.catalogue.group_folds import fold_numbers
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section


class FoldsParams(Section):
    """Section `folds`."""

    seed: int
    n_splits: int = Field(ge=3)  # the training part of each fold is itself split, for inner predictions
    n_repeats: int = Field(ge=1)
    half_width: float = Field(0.02, gt=0, lt=0.5)
    text_similarity: float = Field(gt=0, le=1)
    shared_text: float = Field(gt=0, le=1)
    picture_distance: int = Field(ge=0, lt=128)


def repeats(groups: int, params: FoldsParams) -> int:
    """Return how often a catalogue of so many near-duplicate groups is cross-validated, 1 to `n_repeats`.

    Repeats average what a model owes to how the products fell into folds. That, like the interval of an
    accuracy, is wide where products are few. From the size on at which half of the 95 % interval (of an
    accuracy of one half, the widest) is `half_width`, repeats fall as products grow: the fits times their
    products, which is what they cost, stay the same until one repeat is left.
    """
    enough = (1.96 * 0.5 / params.half_width) ** 2
    return max(1, min(params.n_repeats, int(params.n_repeats * enough / groups)))


def make(products: pd.DataFrame, group: np.ndarray, params: FoldsParams) -> pd.DataFrame:
    """Return the table of data/folds.parquet.

    Parameters
    ----------
    products
        Columns product_id and category.
    group
        From `aisle.catalogue.near_duplicates.groups`.
    params
        Seed, folds and repeats.

    Returns
    -------
    pandas.DataFrame
        product_id, category, group, split (train, validation, test: 60/20/20) and cv_0, cv_1, ...: the fold
        in which the product is tested, for each of the `repeats`.

    Raises
    ------
    AisleError
        If a category has fewer groups than folds: it would be missing from a test fold.
    """
    category = products["category"].to_numpy(str)
    per_category = pd.Series(group).groupby(category).nunique()
    needed = max(params.n_splits, 5)
    if (short := per_category[per_category < needed]).size:
        raise AisleError(
            f"each category must have at least {needed} groups of near-duplicates to be in every fold; "
            f"{short.index[0]!r} has {short.iloc[0]}. Where many products share a text or a picture, such as "
            "'no picture', remove it from them, or make folds.text_similarity or picture_distance stricter."
        )
    fifths = fold_numbers(category, group, 5, params.seed)
    table = pd.DataFrame(
        {
            "product_id": products["product_id"],
            "category": category,
            "group": group,
            "split": np.select([fifths == 0, fifths == 1], ["test", "validation"], "train"),
        }
    )
    for repeat in range(repeats(len(np.unique(group)), params)):
        table[f"cv_{repeat}"] = fold_numbers(category, group, params.n_splits, params.seed + repeat)
    return table


def counts(table: pd.DataFrame, text: pd.DataFrame, picture: pd.DataFrame) -> dict[str, Any]:
    """Return the figures of metrics/folds.json."""
    size = table["group"].value_counts()
    mixed = table.groupby("group")["category"].nunique()
    return {
        "groups": len(size),
        "groups_of_several": int((size > 1).sum()),
        "products_in_groups_of_several": int(size[size > 1].sum()),
        "largest_group": int(size.max()),
        "groups_across_categories": int((mixed > 1).sum()),
        "text_pairs": len(text),
        "picture_pairs": len(picture),
        **{f"{name}_share": share for name, share in table["split"].value_counts(normalize=True).items()},
    }
