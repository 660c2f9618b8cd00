"""Large tables between stages, a part at a time: what `tables` reads and writes whole, in row groups.

A table of at most `ROWS` rows has the very bytes that `tables.write` gives it.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aisle.pipeline import atomic, tables
from aisle.pipeline.errors import AisleError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROWS = 4096
"""Rows of a part: some megabytes of texts, and enough work to be worth a process's while."""
CELLS = 1 << 19
"""Figures that `read_wide` holds beside those that it returns."""
_ATTRS = b"PANDAS_ATTRS"
"""Where pandas keeps a frame's `attrs`."""


def parts(path: str | Path) -> int:
    """Return how many parts a table has."""
    return int(_opened(path).num_row_groups)


def columns(path: str | Path) -> list[str]:
    """Return the names of a table's columns."""
    return list(_opened(path).schema_arrow.names)


def attrs(path: str | Path) -> dict[str, str]:
    """Return what `tables.read` gives back in `.attrs`."""
    return dict(json.loads(_opened(path).schema_arrow.metadata.get(_ATTRS, b"{}")))


def read(path: str | Path, number: int, columns: list[str]) -> pd.DataFrame:
    """Return a part of a table, the first is 0."""
    try:
        return _opened(path).read_row_group(number, columns, use_threads=False).to_pandas()
    except (ValueError, OSError) as error:  # pyarrow's errors are of these kinds
        raise tables.damaged(path, "a table in Parquet", error) from None


def read_wide(path: str | Path, values: Mapping[str, str | int] | None = None) -> pd.DataFrame:
    """Return a table of many figures in a row as `tables.read` does, or its rows that have some values.

    Nothing is held twice: figures in double precision go some columns at a time to where they stay, and rows
    that are not wanted are dropped from each.

    Parameters
    ----------
    path
        Written by `tables.write`.
    values
        Column to the value that a row must have there.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    file, kept = _opened(path), None
    try:
        if values:
            asked = file.read([*values], use_threads=False)
            kept = reduce(pc.and_, [pc.equal(asked[name], value) for name, value in values.items()])
        figures = [each.name for each in file.schema_arrow if each.type == pa.float64()]
        rest = _wanted(file, [name for name in file.schema_arrow.names if name not in {*figures}], kept)
        block = np.empty((len(figures), rest.num_rows))
        step = max(1, CELLS // max(file.metadata.num_rows, 1))
        for start in range(0, len(figures), step):
            some = _wanted(file, figures[start : start + step], kept)
            for place, column in enumerate(some.columns, start):
                block[place] = column.to_numpy()
        parts = [rest.to_pandas(), pd.DataFrame(block.T, columns=figures, copy=False)]
    except (ValueError, OSError) as error:
        raise tables.damaged(path, "a table in Parquet", error) from None
    table: pd.DataFrame = pd.concat(parts, axis=1, copy=False)  # type: ignore[call-overload]
    if [*table.columns] != (names := file.schema_arrow.names):
        table = table[names]
    table.attrs.update(attrs(path))
    return table


def _wanted(file: "pq.ParquetFile", columns: list[str], kept: Any) -> "pa.Table":
    """Return columns of a file, of which the rows `kept`, all if None."""
    table = file.read(columns, use_threads=False)
    return table if kept is None else table.filter(kept)


def _opened(path: str | Path) -> "pq.ParquetFile":
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except FileNotFoundError:
        raise AisleError(f"{path} must be there; it is not. `dvc repro` makes it.") from None
    except (ValueError, OSError) as error:
        raise tables.damaged(path, "a table in Parquet", error) from None


@contextmanager
def writing(path: str | Path, catalogue: str, **attrs: str) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Write a Parquet table as its parts come; it gets its name when it is whole.

    Parameters
    ----------
    path, catalogue, **attrs
        As of `tables.write`.

    Yields
    ------
    callable
        Writes a part, at least one; its index is not stored. The columns of all have the types of those of
        the first, so that a column of texts must have one there.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with atomic.replacing(path) as part:
        writer: Any = None

        def add(table: pd.DataFrame) -> None:
            nonlocal writer
            table = table.reset_index(drop=True)
            table.attrs.clear()
            table.attrs.update(attrs, catalogue=catalogue)
            schema = writer and writer.schema
            rows = pa.Table.from_pandas(table, schema=schema, preserve_index=False)
            if writer is None:
                label = {_ATTRS: json.dumps(table.attrs)}
                rows = rows.replace_schema_metadata({**rows.schema.metadata, **label})
                writer = pq.ParquetWriter(part, rows.schema, write_page_checksum=True)
            writer.write_table(rows.replace_schema_metadata(writer.schema.metadata))

        try:
            yield add
        finally:
            if writer is not None:
                writer.close()


@contextmanager
def writing_csv(path: str | Path, catalogue: str) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Write a CSV table as its parts come: what `tables.write_csv` writes of all together.

    Yields
    ------
    callable
        Writes a part, at least one.
    """
    with (
        atomic.replacing(path) as whole,
        whole.open("wb") as file,
        tempfile.TemporaryDirectory(dir=whole.parent) as folder,
    ):

        def add(table: pd.DataFrame) -> None:
            part = Path(folder, "part.csv")
            tables.write_csv(table, part, catalogue)
            with part.open("rb") as rows:
                if file.tell():
                    rows.readline()  # the header
                file.writelines(rows)

        yield add
