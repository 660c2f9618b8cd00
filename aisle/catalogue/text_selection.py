"""Choose the text that a model reads: fields and a form of data/text.parquet."""

from collections.abc import Iterable

import pandas as pd

from aisle.pipeline.errors import AisleError

FIELDS = ("title", "description", "specifications")
FORMS = ("raw", "clean", "tokens", "lemmas", "stems")


def compose(table: pd.DataFrame, fields: Iterable[str], form: str) -> list[str]:
    """Return one text per row of data/text.parquet: the named fields in the named form, joined."""
    names = [f"{field}_{form}" for field in fields]
    if unknown := [name for name in names if name not in table]:
        raise AisleError(
            f"fields must be among {', '.join(FIELDS)} and form among {', '.join(FORMS)}; "
            f"data/text.parquet has no {', '.join(unknown)}"
        )
    columns = [table[name] for name in names]
    return [" ".join(filter(None, row)) for row in zip(*columns, strict=True)]
