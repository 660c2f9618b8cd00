"""Parquet, also nested, as Hugging Face's datasets are: only the columns that are wanted are read."""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.catalogue.formats.opening import PACKED, most_bytes, opened, too_much
from aisle.catalogue.formats.records import FormatParams, Records, check_names, plain
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
        Columns to read, all if None; one that is not there is left out. Upper and lower case are the same,
        and so is outer space.

    Raises
    ------
    AisleError
        If it is no Parquet file, is cut, or unpacks to more than it may.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    source: Any = path
    if path.suffix.lower() in (*PACKED, ".zip"):
        with opened(path) as packed:
            source = io.BytesIO(packed.read())
    alike = None if wanted is None else {name.strip().casefold() for name in wanted}
    try:
        file = pq.ParquetFile(source)
        schema = file.schema_arrow
        check_names(schema.names, str(path))
        names = [name for name in schema.names if alike is None or name.strip().casefold() in alike]
        if unpacks_to_more(source, file, names, most_bytes(path.stat().st_size)):
            raise too_much(path)
        table = file.read(columns=names)
    except (OSError, pa.ArrowException) as error:
        raise AisleError(f"{path} must be a whole Parquet file: {error}") from None
    records = as_records(table, schema.metadata or {})
    records.table.attrs["left out"] = [name for name in schema.names if name not in names]
    return records


def unpacks_to_more(source: Any, file: Any, names: list[str], most: int) -> bool:
    """Whether columns unpack to more bytes than they may, without unpacking them.

    A file of a few kilobytes can stand for gigabytes: a value in a dictionary, and a million rows that point
    at it.

    Parameters
    ----------
    source, file
        The file, and the `pyarrow.parquet.ParquetFile` of it.
    names
        Of the columns.
    most
        Bytes.
    """
    import pyarrow.parquet as pq

    facts, schema = file.metadata, file.schema_arrow
    chunks = [
        facts.row_group(i).column(j) for i in range(facts.num_row_groups) for j in range(facts.num_columns)
    ]
    chunks = [chunk for chunk in chunks if chunk.path_in_schema.split(".")[0] in {*names}]
    if sum(chunk.total_uncompressed_size for chunk in chunks) > most:
        return True
    if sum(chunk.num_values * chunk.total_uncompressed_size for chunk in chunks) <= most:
        return False  # not even if each value were all of them
    kinds = [schema.field(name).type for name in names]
    lean = pq.ParquetFile(
        source, read_dictionary=[n for n, kind in zip(names, kinds, strict=True) if _is_text(kind)]
    )
    total, rows = 0, 8192 if all(kind.num_fields == 0 for kind in kinds) else 64
    for batch in lean.iter_batches(batch_size=rows, columns=names):
        total += sum(map(_bytes, batch.columns))
        if total > most:
            return True
    return False


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _bytes(column: Any) -> int:
    """Return how many bytes an array's values have, each counted where a dictionary has it once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column, pa.DictionaryArray) and _is_text(column.dictionary.type):
        lengths = pc.binary_length(column.dictionary).take(column.indices)
        return int(pc.sum(pc.cast(lengths, "int64")).as_py() or 0)
    return int(column.nbytes)


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
