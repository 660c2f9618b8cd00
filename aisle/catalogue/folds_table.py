"""data/folds.parquet: the groups of near-duplicates of a catalogue, and its splits."""

from typing import Any

import pandas as pd

from aisle.catalogue import chained_groups, near_duplicates, picture_rows, splits
from aisle.catalogue.labelled import UNLABELLED
from aisle.catalogue.markup import strip_html
from aisle.catalogue.scripts import apart
from aisle.catalogue.shared_text import without_shared
from aisle.catalogue.taxonomy import MIN_GROUPS, PATH_SEPARATOR, roll_up
from aisle.pipeline import tables


def make_folds(
    products: pd.DataFrame, images: pd.DataFrame, params: splits.FoldsParams, tree: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return the tables of data/folds.parquet and data/near_duplicates.csv, and the group statistics.

    Parameters
    ----------
    products
        product_id, category, title, description.
    images
        product_id, place and phash (null where there is no picture, or a blank one) of each picture.
    params
        Section `folds`.
    tree
        Whether categories are nodes of a tree: one with fewer groups than there are folds is then rolled up
        into its parent, and otherwise an error. Those that are too few even at the root are left out.

    Returns
    -------
    folds : pandas.DataFrame
        What `aisle.catalogue.splits.make` returns; a product without a category is in a group and in no part
        or fold (`UNLABELLED`, -1).
    pairs : pandas.DataFrame
        product_id_left, product_id_right, kind (text or picture), value (cosine; bits).
    statistics : dict
        The figures of metrics/folds.json.

    Raises
    ------
    AisleError
        If the products of the tables differ, or a category has too few groups for the folds.
    """
    products = products.sort_values(tables.KEY, ignore_index=True)
    ids = products[tables.KEY]
    picture_rows.check(images, ids, "data/products.parquet")
    texts, shared = compared(products, params.shared_text)
    text = near_duplicates.text_pairs(texts, params.text_similarity)
    picture = near_duplicates.picture_pairs(images["phash"], params.picture_distance)
    unlisted = sum(each.attrs.get(near_duplicates.UNLISTED, 0) for each in (text, picture))
    picture = near_duplicates.of_products(picture, pd.Index(ids).get_indexer(images[tables.KEY]))
    group = near_duplicates.groups(len(products), text, picture)
    if tree:
        needed = max(params.n_splits, MIN_GROUPS)
        known = products["category"].notna()
        paths = products.loc[known, "category"].str.split(PATH_SEPARATOR, regex=False).tolist()
        rolled = pd.Series(roll_up(paths, 1, group[known].tolist(), needed), index=products.index[known])
        products = products.assign(category=rolled.replace("", None).astype(object))
    judged = products["category"].notna().to_numpy()
    made = splits.make(products[judged].reset_index(drop=True), group[judged], params)
    without = pd.DataFrame({tables.KEY: ids[~judged], "category": None, "group": group[~judged]})
    without = without.assign(split=UNLABELLED, **dict.fromkeys(made.columns[4:], -1))
    folds = pd.concat([made, without.astype(made.dtypes)]) if len(without) else made
    folds = folds.sort_values(tables.KEY, ignore_index=True)
    named = [
        _named(text, ids, "text", "similarity"),
        _named(picture, ids, "picture", "distance"),
    ]
    listed = pd.concat(named, ignore_index=True)
    listed.attrs[near_duplicates.UNLISTED] = unlisted
    return folds, listed, splits.counts(folds, text, picture) | shared


def compared(products: pd.DataFrame, share: float) -> tuple[pd.Series, dict[str, int]]:
    """Return the texts by which near-duplicates are found, and what many share.

    A product's description without markup and without what `share` of the descriptions have in common; its
    title where that leaves no word.

    Returns
    -------
    texts : pandas.Series
        One per product.
    counts : dict
        shared_text_products: of which a part was left out; shared_text_only: of which nothing was left.
    """
    whole = products["description"].map(strip_html)
    own = pd.Series(without_shared(whole, share), index=whole.index)
    shortened = own.str.count(r"\S+") < whole.map(apart).str.count(r"\S+")
    described = own.str.contains(r"\w")
    texts = whole.where(~shortened, own).where(described, products["title"].map(strip_html))
    only = shortened & ~described
    return texts, {"shared_text_products": int(shortened.sum()), "shared_text_only": int(only.sum())}


def warning(statistics: dict[str, Any]) -> str | None:
    """Return in words that many products share a text, if they do."""
    if not statistics["shared_text_products"]:
        return None
    return (
        f"{statistics['shared_text_products']:,} products share parts of their descriptions, such as a "
        f"template ({statistics['shared_text_only']:,} have no other): near-duplicates are looked for "
        "without them (folds.shared_text)"
    )


def warnings(
    folds: pd.DataFrame, pairs: pd.DataFrame, statistics: dict[str, Any], params: splits.FoldsParams
) -> list[str]:
    """Return in words what people should know of the near-duplicates that `make_folds` has found."""
    found = [told] if (told := warning(statistics)) else []
    if unlisted := pairs.attrs.get(near_duplicates.UNLISTED):
        found.append(
            f"{unlisted:,} pairs of products with the very same text or picture are not listed: each such "
            "product is paired with the first of them"
        )
    return found + chained_groups.told(folds, pairs, params)


def _named(pairs: pd.DataFrame, ids: pd.Series, kind: str, value: str) -> pd.DataFrame:
    """Return pairs of positions as pairs of product ids."""
    sides = {f"product_id_{side}": ids.to_numpy()[pairs[side].to_numpy(int)] for side in ("left", "right")}
    return pd.DataFrame({**sides, "kind": kind, "value": pairs[value].to_numpy(float)})
