"""Choose the text that a model reads: fields and a form of data/text.parquet."""

from collections.abc import Container, Iterable
from pathlib import Path

import pandas as pd

from aisle.pipeline import table_batches, tables
from aisle.pipeline.errors import AisleError

FIELDS = ("title", "description", "specifications")
FORMS = ("raw", "clean", "tokens", "lemmas", "stems")
SEPARATOR = "\x1f"
"""Between the fields of `apart`. No form of a text has it, and to a bag of words it is a space."""


def read(path: str | Path, fields: Iterable[str], form: str) -> pd.DataFrame:
    """Return of data/text.parquet product_id and the named fields in the named form: a fifth of it, or less.

    Raises
    ------
    AisleError
        If it has no such field or form.
    """
    names = [f"{field}_{form}" for field in fields]
    _check(names, table_batches.columns(path))
    return tables.read(path, [tables.KEY, *dict.fromkeys(names)])


def compose(table: pd.DataFrame, fields: Iterable[str], form: str) -> list[str]:
    """Return one text per row of data/text.parquet: the named fields in the named form, joined."""
    return together(apart(table, fields, form))


def together(texts: Iterable[str]) -> list[str]:
    """Return texts of `apart` with a space between the fields that are there."""
    return [" ".join(filter(None, text.split(SEPARATOR))) for text in texts]


def apart(table: pd.DataFrame, fields: Iterable[str], form: str) -> list[str]:
    """Return the same texts with every field in its place between separators; "" where all are empty."""
    names = [f"{field}_{form}" for field in fields]
    _check(names, table)
    return side_by_side([table[name] for name in names])


def side_by_side(columns: Iterable[Iterable[str]]) -> list[str]:
    """Return the fields of each product, field by field, in one text with separators; "" of none."""
    return [SEPARATOR.join(row) if any(row) else "" for row in zip(*columns, strict=True)]


def _check(names: Iterable[str], there: Container[str]) -> None:
    if unknown := [name for name in names if name not in there]:
        raise AisleError(
            f"fields must be among {', '.join(FIELDS)} and form among {', '.join(FORMS)}; "
            f"data/text.parquet has no {', '.join(unknown)}"
        )
