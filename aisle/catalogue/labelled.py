"""Products with a category and without: those are encoded and predicted, and nothing learns from them."""

import pandas as pd

UNLABELLED = "none"
"""`split` of a product without a category in data/folds.parquet."""
NO_CATEGORY = "(no category)"
"""What people see in its place."""


def labelled(folds: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of data/folds.parquet that have a category: what is learned from and judged by."""
    return folds[folds["category"].notna()].reset_index(drop=True)
