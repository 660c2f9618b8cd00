"""Write the store's tables as Parquet, for the pipeline: the same rows give the same bytes.

  python -m aisle.service.export --output exported

writes predictions.parquet, feedback.parquet, reviews.parquet and judgements.parquet. Rows stand in the order
of their time and id, whatever the database; times are UTC in microseconds; lists and objects are JSON with
sorted keys. The service may run meanwhile: each table is read as it is at one moment.
"""

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Boolean, Engine, Float, Integer, select
from sqlalchemy.exc import SQLAlchemyError

from aisle.pipeline import atomic, cli
from aisle.pipeline.errors import AisleError
from aisle.service.settings import DATABASE, Settings
from aisle.service.store.database import open_store
from aisle.service.store.tables import TABLES, Base, Utc

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 20_000
"""Of a row group, and in memory at a time."""
EXPORTED = ("predictions", "feedback", "reviews", "judgements")


def schema(table: type[Base]) -> "pa.Schema":
    """Return a table's columns as Parquet has them."""
    import pyarrow as pa

    def kind(column: Any) -> Any:
        if isinstance(column, Utc):
            return pa.timestamp("us", "UTC")
        kinds = {Boolean: pa.bool_(), Float: pa.float64(), Integer: pa.int32()}
        return next((arrow for sql, arrow in kinds.items() if isinstance(column, sql)), pa.string())

    return pa.schema(
        [(column.name, kind(column.type), bool(column.nullable)) for column in table.__table__.columns]
    )


def _batches(engine: Engine, table: type[Base]) -> Iterator[dict[str, list[Any]]]:
    """Yield a table's rows, some columns at a time, in an order that is theirs."""
    columns = list(table.__table__.columns)
    query = select(*columns).order_by(table.at, table.id)  # type: ignore[attr-defined]
    with engine.connect().execution_options(yield_per=ROWS) as connection:
        for rows in connection.execute(query).partitions():
            found = {}
            for i, column in enumerate(columns):
                values = [row[i] for row in rows]
                if isinstance(column.type, JSON):
                    values = [json.dumps(value, sort_keys=True, ensure_ascii=False) for value in values]
                found[column.name] = values
            yield found


def export(engine: Engine, name: str, path: Path) -> int:
    """Write one table; return its number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table, n = TABLES[name], 0
    columns = schema(table)
    with atomic.replacing(path) as part, pq.ParquetWriter(part, columns, compression="zstd") as writer:
        for batch in _batches(engine, table):
            writer.write_table(pa.table(batch, columns), row_group_size=ROWS)
            n += len(batch["id"])
    return n


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(
        prog="python -m aisle.service.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = os.environ.get(DATABASE, Settings().database)
    parser.add_argument("--database", metavar="URL", default=default, help=f"the store; or {DATABASE}")
    parser.add_argument("--output", metavar="FOLDER", required=True, help="where the tables go")
    args = parser.parse_args()
    engine, output = open_store(args.database), Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    try:
        for name in EXPORTED:
            print(f"{export(engine, name, output / f'{name}.parquet')} rows of {name}")
    except SQLAlchemyError as error:
        raise AisleError(f"the store must be readable to the end; it is not: {error}") from None


if __name__ == "__main__":
    cli.run(main)
