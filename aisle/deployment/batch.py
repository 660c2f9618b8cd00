"""Predict one shard of products: a part at a time, so that memory does not grow with their number.

What a row does to its neighbours is nothing: one that cannot be predicted is predicted as a product of which
nothing is known, goes to a person, and says why.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from aisle.catalogue.formats import parquet
from aisle.catalogue.formats.records import FormatParams
from aisle.deployment import predictor, product_table
from aisle.deployment.shards import Results, Shard, system
from aisle.pipeline.errors import AisleError, some

if TYPE_CHECKING:
    from aisle.deployment.predictor import Predictor

ROWS = 8 * predictor.BATCH
"""Read, predicted and written at a time, as a row group: few, since a row may hold a picture."""
BUFFER = 1 << 20
"""Bytes of a column read ahead: row groups larger than memory are streamed."""


@dataclass(frozen=True)
class Job:
    """What is the same for all shards.

    Parameters
    ----------
    package
        Folder.
    images
        Folder of pictures given by name.
    said
        Columns that the user names: field to column.
    output
        Folder or address of the predictions.
    key
        See `aisle.deployment.shards.Results`.
    """

    package: str
    images: str
    output: str
    said: dict[str, str] = field(default_factory=dict)
    key: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Counts:
    """How many products a shard has, and how many of these go to a person or have a warning."""

    products: int = 0
    waiting: int = 0
    warned: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Return the sums."""
        return Counts(
            self.products + other.products, self.waiting + other.waiting, self.warned + other.warned
        )


def predict_shard(
    model: "Predictor", job: Job, shard: Shard, tell: Callable[[int], object] = lambda _: None
) -> Counts:
    """Predict a shard and write its predictions, whole or not at all.

    Parameters
    ----------
    model
        The opened package.
    job, shard
        What to do.
    tell
        Is told how many more products were predicted.

    Raises
    ------
    AisleError
        If the shard has none of the columns, or a column that predictions have, or cannot be read to its end.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    results, total, options = Results(job.output, job.key), Counts(), FormatParams()
    files, path = system(shard.address)
    try:
        with files.open(path, "rb") as source, results.replacing(shard) as part:
            file = pq.ParquetFile(source, pre_buffer=False, buffer_size=BUFFER)
            metadata = file.schema_arrow.metadata or {}
            nothing = parquet.as_records(file.schema_arrow.empty_table(), metadata)
            columns = product_table.find_columns(nothing.table, model.package.columns, job.said)
            schema = _schema(model, nothing.table, shard, Path(job.images)).with_metadata(
                results.metadata(shard)
            )
            with pq.ParquetWriter(part, schema) as sink:
                for batch in file.iter_batches(ROWS):
                    records = parquet.as_records(pa.Table.from_batches([batch]), metadata, 1 + total.products)
                    products = product_table.raw_products(records, columns, options)
                    problems = [records.problems.get(line, "") for line in records.table.index]
                    table = predicted(model, products, problems, Path(job.images))
                    rows = pd.concat([product_table.as_cells(records.table), table], axis=1)
                    sink.write_table(pa.Table.from_pandas(rows, schema, preserve_index=False))
                    total += Counts(
                        len(rows), int(table["send_to_person"].sum()), int((table["warning"] != "").sum())
                    )
                    tell(len(rows))
    except pa.ArrowException as error:
        raise AisleError(f"{shard.address} must be a whole Parquet file: {error}") from None
    return total


def _schema(model: "Predictor", table: pd.DataFrame, shard: Shard, images: Path) -> Any:
    """Return the columns of a shard's predictions: those of the products, as text, and the predictor's."""
    import pyarrow as pa

    made = predicted(model, _blank(1), [""], images)
    if twice := sorted({*table.columns} & {*made.columns}):
        raise AisleError(f"{shard.address} must not have columns of the predictions; rename {some(twice)}")
    kept = [pa.field(str(name), pa.string()) for name in table.columns]
    return pa.schema([*kept, *pa.Schema.from_pandas(made, preserve_index=False).remove_metadata()])


def _blank(n: int) -> pd.DataFrame:
    return pd.DataFrame({"title": [""] * n}, dtype=object)


def predicted(model: "Predictor", products: pd.DataFrame, problems: list[str], images: Path) -> pd.DataFrame:
    """Return the predictions of raw products; one that cannot be predicted costs itself alone.

    Parameters
    ----------
    model
        The opened package.
    products
        n rows, columns of `packaging.RAW`.
    problems
        What is wrong with each record, "" where it is well-formed; those go to a person.
    images
        Folder of pictures given by name.

    Raises
    ------
    Exception
        What the predictor raises of a product without anything: then it is no product's fault.
    """
    products, problems, tables = products.copy(), [*problems], []
    for start in range(0, len(products), predictor.BATCH):
        rows = slice(start, start + predictor.BATCH)
        try:
            tables.append(model.predict(products.iloc[rows], images))
        except AisleError:
            raise
        except Exception:  # whatever a library raises of one row: it is looked for, and told
            for row in range(*rows.indices(len(products))):
                try:
                    model.predict(products.iloc[[row]], images)
                except Exception as error:
                    products.iloc[row] = ""
                    problems[row] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            tables.append(model.predict(products.iloc[rows], images))
    table = pd.concat(tables, ignore_index=True)
    product_table.tell_malformed(table, problems)
    return table
