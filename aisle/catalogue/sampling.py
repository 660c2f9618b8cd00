"""Some of many products, so that each category keeps its share."""

import numpy as np
import pandas as pd


def choose(products: pd.DataFrame, count: int, seed: int) -> list[str]:
    """Return the ids of `count` products, or of all if they are fewer; each category keeps its share.

    Parameters
    ----------
    products
        Columns product_id and category.
    count
        How many at most.
    seed
        Seed of the choice within a category.

    Returns
    -------
    list of str
        Sorted.
    """
    table = products[["product_id", "category"]].sort_values("product_id", ignore_index=True)
    table = table.iloc[np.random.default_rng(seed).permutation(len(table))]
    by_category = table.groupby("category")["product_id"]
    # the k-th of n stands at (k + 0.5) / n: the lowest `count` of all take the same share of each category
    place = (by_category.cumcount() + 0.5) / by_category.transform("size")
    kept = table.assign(place=place).nsmallest(count, "place", keep="first")
    return sorted(kept["product_id"])
