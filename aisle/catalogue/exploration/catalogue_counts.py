"""Counts of a catalogue's specifications, category tree, brands and gaps."""

import pandas as pd

from aisle.catalogue import specifications
from aisle.catalogue.taxonomy import PATH_SEPARATOR


def _shares(counts: pd.DataFrame, total: int | pd.Series) -> pd.DataFrame:
    """Add share and total to a table with a column count, the most frequent first; ties by name."""
    table = counts.assign(share=counts["count"] / total, total=total)
    names = [str(name) for name in counts if name != "count"]
    return table.sort_values(["count", *names], ascending=[False, *[True] * len(names)], ignore_index=True)


def specification_pairs(products: pd.DataFrame) -> pd.DataFrame:
    """Return one row per specification of a product: key ("" where there is none) and value."""
    pairs = [pair for text in products["specifications"] for pair in specifications.loads(text)]
    return pd.DataFrame(pairs, columns=["key", "value"], dtype=str)


def specification_keys(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return key, count (specifications with it), share of all specifications, total (all of them)."""
    return _shares(pairs.groupby("key").size().reset_index(name="count"), len(pairs))


def specification_values(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return key, value, count, share of the key's specifications, total (the key's specifications).

    On the published study's catalogue `Type: Analog` is 123 of 728, 16.90 %.
    """
    counts = pairs.groupby(["key", "value"]).size().reset_index(name="count")
    return _shares(counts, counts.groupby("key")["count"].transform("sum"))


def category_tree(products: pd.DataFrame) -> pd.DataFrame:
    """Return one row per node of the category paths, to any depth.

    Parameters
    ----------
    products
        Columns category and category_path.

    Returns
    -------
    pandas.DataFrame
        path (segments joined by " >> "), parent ("" of the first level), segment, level (from 1), category
        (that of the products below it, "" where they have several), count (products at it or below).
    """
    paths = products["category_path"].map(lambda path: path.split(PATH_SEPARATOR))
    depths = paths.map(len)
    depth = int(depths.max()) if len(products) else 0
    levels = []
    for level in range(1, depth + 1):
        reached = paths[depths >= level]
        found = pd.DataFrame(
            {
                "path": reached.map(lambda path, level=level: PATH_SEPARATOR.join(path[:level])),
                "parent": reached.map(lambda path, level=level: PATH_SEPARATOR.join(path[: level - 1])),
                "segment": reached.str[level - 1],
                "category": products.loc[reached.index, "category"],
            }
        )
        nodes = found.groupby("path").agg(
            parent=("parent", "first"),
            segment=("segment", "first"),
            category=("category", lambda names: names.iloc[0] if names.nunique() == 1 else ""),
            count=("category", "size"),
        )
        levels.append(nodes.reset_index().assign(level=level))
    columns = ["path", "parent", "segment", "level", "category", "count"]
    if not levels:
        return pd.DataFrame(columns=columns)
    return pd.concat(levels, ignore_index=True)[columns]


def brands(products: pd.DataFrame) -> pd.DataFrame:
    """Return brand, count, share of the products that name one, total (these products)."""
    named = products["brand"].dropna()
    return _shares(named.groupby(named).size().rename_axis("brand").reset_index(name="count"), len(named))


def missing(products: pd.DataFrame, readable: pd.Series) -> pd.DataFrame:
    """Return column, missing (products that lack it), share, total (products).

    Parameters
    ----------
    products
        The table of data/products.parquet.
    readable
        For each product, whether its picture can be used.
    """
    lacks = {
        "description": products["description"].eq(""),
        "brand": products["brand"].isna(),
        "price": products["price"].isna(),
        "specifications": products["specifications"].eq("[]"),
        "picture named": products["pictures"].map(len) == 0,
        "readable picture": ~readable.astype(bool),
    }
    rows = [(name, int(flags.sum()), float(flags.mean()), len(products)) for name, flags in lacks.items()]
    return pd.DataFrame(rows, columns=["column", "missing", "share", "total"])
