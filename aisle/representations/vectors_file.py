"""Feature files: one fixed-size float32 vector per product, NaN where the product has no such input."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aisle.pipeline import atomic
from aisle.pipeline.errors import AisleError
from aisle.pipeline.tables import KEY, damaged


@dataclass(frozen=True)
class Features:
    """What a feature file holds.

    Attributes
    ----------
    product_ids
        n ids, in the file's order.
    vectors
        float32 array (n, dimension); rows of NaN where the product has no input of this modality
        (Parquet cannot hold nulls of a fixed-size list).
    metadata
        `encoder`, `dimension`, `recipe` (JSON, see aisle/representations/recipes.py), `weights`, `catalogue`;
        all strings. `weights`: `none` (the encoder has none), `untrained` (random), `not available` (all
        vectors are NaN), or the digest, of fused features the digests joined by `+`.
    """

    product_ids: list[str]
    vectors: np.ndarray
    metadata: dict[str, str]

    @property
    def available(self) -> np.ndarray:
        """Boolean array (n,): whether the product has a vector."""
        return ~np.isnan(self.vectors[:, 0])


def write(features: Features, path: str | Path) -> None:
    """Write a feature file (docs/data_dictionary.md)."""
    write_batches([(features.product_ids, features.vectors)], features.metadata, path)


def write_batches(
    batches: Iterable[tuple[list[str], np.ndarray]], metadata: dict[str, str], path: str | Path
) -> None:
    """Write a feature file batch by batch, each (ids, float32 vectors), so that only one is in memory.

    The file gets its name when it is whole.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with atomic.replacing(path) as part, ExitStack() as stack:
        writer: Any = None
        for ids, vectors in batches:
            count, dimension = vectors.shape
            if count != len(ids):
                raise AisleError(f"{path}: {len(ids)} products but {count} vectors")
            if writer is None:
                schema = pa.schema(
                    [(KEY, pa.string()), ("vector", pa.list_(pa.float32(), dimension))],
                    metadata={**metadata, "dimension": str(dimension)},
                )
                writer = stack.enter_context(pq.ParquetWriter(part, schema, write_page_checksum=True))
            values = vectors.astype(np.float32, copy=False).ravel()
            column = pa.FixedSizeListArray.from_arrays(values, dimension)
            writer.write_table(pa.Table.from_arrays([pa.array(ids), column], schema=schema))


ROWS = 4096
"""Vectors that `batches` has in memory at a time."""


def read(path: str | Path) -> Features:
    """Read a feature file."""
    with _reading(path) as file:
        return _features(file.read())


def product_ids(path: str | Path) -> list[str]:
    """Return the ids of a feature file, in its order."""
    with _reading(path) as file:
        return list(file.read([KEY]).column(KEY).to_pylist())


def batches(path: str | Path) -> Iterator[Features]:
    """Yield the rows of a feature file, `ROWS` at a time."""
    import pyarrow as pa

    with _reading(path) as file:
        for batch in file.iter_batches(ROWS):
            yield _features(pa.Table.from_batches([batch], file.schema_arrow))


@contextmanager
def _reading(path: str | Path) -> Iterator[Any]:
    import pyarrow.parquet as pq  # a predictor puts vectors side by side and reads no file of them

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError:
        raise AisleError(f"{path} must be there; it is not. `dvc repro` makes it.") from None
    except (ValueError, OSError) as error:
        raise damaged(path, "a feature file", error) from None


def _features(table: Any) -> Features:
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    values = table.column("vector").combine_chunks().flatten().to_numpy()
    vectors = values.reshape(table.num_rows, int(metadata["dimension"]))
    return Features(table.column(KEY).to_pylist(), vectors, metadata)
