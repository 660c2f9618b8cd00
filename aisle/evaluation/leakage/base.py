"""What every check for leaks is given and returns.

A sign is no proof. What is natural (`watches` in the text of some watches) is below the limits; what is above
them in most categories at once was most likely written from the label.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import Field

from aisle.catalogue import picture_rows
from aisle.pipeline import tables
from aisle.pipeline.params import Section

FIELDS = ("title", "description", "specifications")
COLUMNS = ["check", "item", "word", "value", "reference", "low", "high", "p", "limit", "suspected"]
"""Of reports/leakage.csv."""


class LeakageParams(Section):
    """Section `leakage`.

    Parameters
    ----------
    models
        Classifiers that are compared with grouped and with ungrouped folds.
    confidence
        Of the interval of a difference.
    max_optimism
        Accuracy that ungrouped folds may give too much.
    max_pairs
        Pairs of duplicates that may be in different folds.
    name_excess
        A category counts as named in a field if its name stands in this share more of its own products than
        of others.
    max_path_share
        Share of products whose text may hold their whole category path.
    word_f1
        A category counts as told by one word at this F1.
    max_categories
        Share of the categories that may be named, or told by one word.
    """

    models: list[str] = Field(min_length=1)
    confidence: float = Field(gt=0.5, lt=1)
    max_optimism: float = Field(ge=0, lt=1)
    max_pairs: int = Field(ge=0)
    name_excess: float = Field(gt=0, le=1)
    max_path_share: float = Field(ge=0, lt=1)
    word_f1: float = Field(gt=0, le=1)
    max_categories: float = Field(ge=0, lt=1)


@dataclass(frozen=True)
class Evidence:
    """What the checks look at.

    Attributes
    ----------
    products
        product_id, category, category_path of n products.
    texts
        Columns <field>_clean, the same products in the same order.
    images
        product_id, sha256, phash (null where there is no picture, or a blank one), of all their pictures.
    folds
        The table of data/folds.parquet, likewise.
    pairs
        Near-duplicates: product_id_left, product_id_right, kind (text or picture).
    accuracies
        Model to its accuracy in each repeat and fold, with grouped and with ungrouped folds
        (`aisle.evaluation.leakage.optimism.compare`); no rows where it has no weights here.
    shared_text
        Share of the descriptions from which on what they have in common is no duplicate (folds.shared_text).
    """

    products: pd.DataFrame
    texts: pd.DataFrame
    images: pd.DataFrame
    folds: pd.DataFrame
    pairs: pd.DataFrame
    accuracies: dict[str, pd.DataFrame]
    shared_text: float = 1.0

    def aligned(self) -> "Evidence":
        """Return the evidence of the products that have a category, its tables in the order of `products`.

        Raises
        ------
        AisleError
            If a table does not have the same products: names them.
        """
        ids, reference = self.products[tables.KEY], "data/products.parquet"
        known = self.products["category"].notna().to_numpy()
        folds = tables.align(self.folds, ids, "data/folds.parquet", reference)
        both = [self.pairs[f"product_id_{side}"].isin(ids[known]) for side in ("left", "right")]
        picture_rows.check(self.images, ids, reference)

        def of_known(table: pd.DataFrame) -> pd.DataFrame:
            return table[known].reset_index(drop=True)

        return Evidence(
            of_known(self.products),
            of_known(tables.align(self.texts, ids, "data/text.parquet", reference)),
            self.images[self.images[tables.KEY].isin(ids[known])].reset_index(drop=True),
            of_known(folds),
            self.pairs[both[0] & both[1]].reset_index(drop=True),
            self.accuracies,
            self.shared_text,
        )


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    rows
        Of reports/leakage.csv, some of COLUMNS; `suspected` is missing or empty where there is no limit.
    figures
        Entries of metrics/leakage.json, one of them a verdict named `<check>_suspected`.
    """

    rows: pd.DataFrame
    figures: dict[str, Any]


Check = Callable[[Evidence, LeakageParams], Finding]
"""The one signature of every check."""
