"""Parquet, also nested, as Hugging Face's datasets are: only the columns that are wanted are read."""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.catalogue.formats.opening import PACKED, opened
from aisle.catalogue.formats.records import FormatParams, Records, plain
from aisle.pipeline.errors import AisleError


def read(path: Path, params: FormatParams, wanted: Iterable[str] | None = None) -> Records:
    """Read Parquet; the index is the row, from 1.

    Parameters
    ----------
    path
        The file.
    params
        Nothing of it concerns Parquet.
    wanted
        Columns to read, all if None; one that is not there is left out.

    Raises
    ------
    AisleError
        If it is no Parquet file, or it is cut.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.suffix.lower() in (*PACKED, ".zip"):
            with opened(path) as packed:
                file = pq.ParquetFile(io.BytesIO(packed.read()))
        else:
            file = pq.ParquetFile(path)
        schema = file.schema_arrow
        names = [name for name in schema.names if wanted is None or name in {*wanted}]
        table = file.read(columns=names)
    except (OSError, pa.ArrowException) as error:
        raise AisleError(f"{path} must be a whole Parquet file: {error}") from None
    records = as_records(table, schema.metadata or {})
    records.table.attrs["left out"] = [name for name in schema.names if name not in names]
    return records


def as_records(table: Any, metadata: dict[bytes, bytes], first: int = 1) -> Records:
    """Return rows of a Parquet file as records.

    Parameters
    ----------
    table
        A `pyarrow.Table`.
    metadata
        Of the file's schema.
    first
        Number of the first row.

    Returns
    -------
    Records
        A value that is none of its column's type, such as a text in another encoding or a date beyond the
        calendar, costs its row.
    """
    import pyarrow as pa

    classes = _class_names(metadata)
    columns: dict[str, list[Any]] = {}
    problems: dict[Any, str] = {}
    for name in table.column_names:
        try:
            values = table.column(name).to_pylist()
        except (ValueError, OverflowError, pa.ArrowException):
            values = []
            for row, value in enumerate(table.column(name), first):
                try:
                    values.append(value.as_py())
                except (ValueError, OverflowError, pa.ArrowException) as error:
                    values.append(None)
                    problems[row] = f"{name} is no {value.type}: {error}"
        labels = classes.get(name)
        columns[name] = [
            labels[value] if labels and isinstance(value, int) and 0 <= value < len(labels) else plain(value)
            for value in values
        ]
    index = pd.RangeIndex(first, first + table.num_rows, name="line")
    return Records(pd.DataFrame(columns, index=index, dtype=object), problems, {"format": "Parquet"})


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return the names that a Hugging Face dataset gives the numbers of its ClassLabel columns."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {
            name: [str(each) for each in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError):  # not of Hugging Face, or of another version
        return {}
