"""Refuse bad rows in words: what a row must have by itself, and what the products must be together."""

import pandas as pd
import pandera.pandas as pa
from pydantic import Field

from aisle.catalogue.columns import Mapped
from aisle.catalogue.labels import Category, Path, propose_level
from aisle.catalogue.taxonomy import MIN_GROUPS, PATH_SEPARATOR, roll_up
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section

TOLD_BY = ("title", "description", "specifications", "pictures")
"""A product must have one of these."""


class IngestParams(Section):
    """Section `ingest`."""

    max_refused_share: float = Field(ge=0, le=1)
    min_category_size: int = Field(ge=5)


def _filled(reason: str) -> pa.Check:
    return pa.Check(lambda values: values.str.len() > 0, error=reason)


_ROWS = pa.DataFrameSchema(
    {
        "_problem": pa.Column(str, pa.Check.eq("", error="malformed")),
        "product_id": pa.Column(str, _filled("its id is empty")),
        "_told": pa.Column(
            bool, pa.Check.eq(True, error="it has no title, description, specifications or picture")
        ),
    }
)
"""What a row must have by itself."""


def _table(min_category_size: int) -> pa.DataFrameSchema:
    """Return what rows that are good by themselves must be together; 0 for categories of any size."""
    first = pa.Check(lambda values: ~values.duplicated(), error="its id is on an earlier line too")
    large_enough = pa.Check(
        lambda values: values.groupby(values).transform("size") >= min_category_size,
        error=f"its category has fewer than {min_category_size} products (ingest.min_category_size); "
        "catalogue.category.level: tree takes it into its parent",
    )
    return pa.DataFrameSchema(
        {
            "product_id": pa.Column(str, first),
            "category": pa.Column(object, [large_enough] if min_category_size else None, nullable=True),
        }
    )


COLUMNS = (
    "product_id", "title", "description", "category", "category_path", "pictures", "brand", "price",
    "specifications", "date",
)  # fmt: skip
"""Columns of data/products.parquet."""


def validate(mapped: Mapped, params: IngestParams, category: Category) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split mapped products into good ones and refused rows, and give each good one its category.

    Parameters
    ----------
    mapped
        From `map_columns`.
    params
        How many may be refused, and how small a category may be.
    category
        How many segments of a path make the category. A product without a path, or with one that is too
        short, has none: it is predicted, and nothing learns from it.

    Returns
    -------
    products : pandas.DataFrame
        `COLUMNS` and `_bytes`, sorted by product_id, so that the order of the source's rows changes nothing
        downstream. category and category_path are None where there is none.
    rejects : pandas.DataFrame
        Columns line, product_id, title, reason; by line.

    Raises
    ------
    AisleError
        If nothing is left, more than `max_refused_share` of the rows are refused, or there are fewer than two
        categories.
    """
    tree = category.level == "tree"
    told = (
        mapped.table[[name for name in TOLD_BY]].map(lambda value: bool(value) and value != "[]").any(axis=1)
    )
    table = mapped.table.assign(
        _told=told,
        category_path=mapped.table["path"].map(lambda path: PATH_SEPARATOR.join(path) or None),
        category=mapped.table["path"].map(lambda path: None if tree else _first(path, category.level)),
    )
    reasons: dict[object, list[str]] = {}
    products = _refuse(table, _ROWS, reasons)
    products = _refuse(table, _table(0 if tree else params.min_category_size), reasons)
    if tree:
        products = products.assign(category=_rolled_up(products, params.min_category_size))
    lines = [line for line in table.index if line in reasons]
    rejects = pd.DataFrame(
        {
            "line": lines,
            "product_id": table.loc[lines, "product_id"].to_numpy(),
            "title": table.loc[lines, "title"].to_numpy(),
            "reason": ["; ".join(reasons[line]) for line in lines],
        }
    )
    _check(table, products, rejects, params)
    if products["category"].nunique() < 2:
        what = (
            f"only {products['category'].dropna().iloc[0]!r}"
            if products["category"].notna().any()
            else "none"
        )
        level = 0 if category.level == "tree" else category.level
        raise AisleError(
            f"there must be two categories at least; at catalogue.category.level {category.level} is {what} "
            f"({products['category'].isna().sum()} of {len(products)} products have none); "
            f"{propose_level(list(products['path']), level)}"
        )
    return products[[*COLUMNS, "_bytes"]].sort_values("product_id").reset_index(drop=True), rejects


def _first(path: Path, level: object) -> str | None:
    """Return the category that a path's first segments are, None if it has fewer."""
    assert isinstance(level, int)
    return PATH_SEPARATOR.join(path[:level]) if len(path) >= level else None


def _rolled_up(products: pd.DataFrame, min_size: int) -> pd.Series:
    """Return the category of each product in the tree, None where it has no path or one with too few."""
    labelled = products[products["path"].map(len) > 0]
    told = labelled["title"].where(labelled["title"] != "", labelled["description"])
    found = roll_up(labelled["path"].tolist(), min_size, told.tolist(), MIN_GROUPS)
    series = pd.Series(found, index=labelled.index, dtype=object).replace("", None)
    return series.reindex(products.index).astype(object).where(lambda values: values.notna(), None)


def _refuse(
    table: pd.DataFrame, schema: pa.DataFrameSchema, reasons: dict[object, list[str]]
) -> pd.DataFrame:
    """Return the rows that fit a schema; add why the others do not."""
    while True:
        kept = table.drop(index=list(reasons))
        try:
            return schema.validate(kept, lazy=True)
        except pa.errors.SchemaErrors as error:  # and again: it can leave its category too small
            for case in error.failure_cases.itertuples():
                if pd.isna(case.index):  # not about a row: a mistake of ours, never to be hidden
                    raise
                reason = case.failure_case if case.column == "_problem" else case.check
                reasons.setdefault(case.index, []).append(str(reason))


def _check(table: pd.DataFrame, products: pd.DataFrame, rejects: pd.DataFrame, params: IngestParams) -> None:
    share = len(rejects) / len(table)
    if len(products) + len(rejects) != len(table):
        raise RuntimeError(
            f"{len(products)} products and {len(rejects)} refused rows must be {len(table)} rows"
        )
    if products.empty or share > params.max_refused_share:
        common = some(f"{n} x {reason}" for reason, n in rejects["reason"].value_counts().items())
        raise AisleError(
            f"at most {params.max_refused_share:.0%} of the rows may be refused (ingest.max_refused_share); "
            f"{len(rejects)} of {len(table)} are: {common}. First: line {rejects.line[0]}, "
            f"{rejects.title[0]!r}. Check catalogue.columns and catalogue.category."
        )
