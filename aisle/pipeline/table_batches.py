"""Large tables between stages, a part at a time: what `tables` reads and writes whole, in row groups.

A table of at most `ROWS` rows has the very bytes that `tables.write` gives it.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from aisle.pipeline import atomic, tables
from aisle.pipeline.errors import AisleError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

ROWS = 4096
"""Rows of a part: some megabytes of texts, and enough work to be worth a process's while."""
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
