"""The rows of data/images.parquet by product: one for each of its pictures, at places 0, 1, ..."""

from collections.abc import Iterable, Sequence

import pandas as pd

from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError, some

SHARED = "shared by "
"""Begins the problem of a picture that is no product's own."""


def check(images: pd.DataFrame, ids: Iterable[str], reference: str) -> None:
    """Raise an AisleError unless the products of the pictures are `ids`, and no place has two pictures.

    Parameters
    ----------
    images
        product_id, and place unless a picture's place is of no matter.
    ids
        Product ids.
    reference
        What these come from, in an error.
    """
    if "place" in images:
        twice = images[tables.KEY][images.duplicated([tables.KEY, "place"])].unique()
        if len(twice):
            raise AisleError(
                "data/images.parquet must have one row per product and place; it has several for "
                f"{some(twice)}"
            )
    tables.align(images[[tables.KEY]].drop_duplicates(), ids, "data/images.parquet", reference)


def first(images: pd.DataFrame) -> pd.DataFrame:
    """Return one row per product: that of its first readable picture, or of its first if none is.

    Parameters
    ----------
    images
        product_id, in the order of places, and `problem` or `picture` (null: not readable).
    """
    unreadable = images["problem"].notna() if "problem" in images else images["picture"].isna()
    ordered = images.assign(_unreadable=unreadable).sort_values([tables.KEY, "_unreadable"], kind="stable")
    return ordered.drop_duplicates(tables.KEY).drop(columns="_unreadable").reset_index(drop=True)


def shared(images: pd.DataFrame) -> list[str]:
    """Return the digests of the pictures that are no product's own; `images`: sha256 and problem."""
    rows = images["problem"].fillna("").str.startswith(SHARED)
    return sorted(images.loc[rows, "sha256"].dropna().unique())


def readable(images: pd.DataFrame, ids: Sequence[str]) -> list[list[bytes]]:
    """Return the readable pictures of each of the products, in the order of places; none of one without.

    Parameters
    ----------
    images
        product_id and picture, in the order of places.
    ids
        Products, which must be those of the table.
    """
    check(images, ids, "the other tables")
    found: dict[str, list[bytes]] = {each: [] for each in ids}
    for key, picture in zip(images[tables.KEY], images["picture"], strict=True):
        if picture is not None and picture == picture:
            found[key].append(picture)
    return list(found.values())
