"""Feature files: one fixed-size float32 vector per product, NaN where the product has no such input."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aisle.errors import AisleError
from aisle.tables import KEY

UNTRAINED = "untrained"
"""`weights` of vectors that random weights made."""
NOT_AVAILABLE = "not available"
"""`weights` where there are none on this machine: every vector is NaN."""


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
        `encoder`, `dimension`, `weights`, `catalogue`; all strings. `weights`: `none` (the encoder has
        none), `untrained` (random), `not available` (all vectors are NaN), or the digest, of fused features
        the digests joined by `+`.
    """

    product_ids: list[str]
    vectors: np.ndarray
    metadata: dict[str, str]

    @property
    def available(self) -> np.ndarray:
        """Boolean array (n,): whether the product has a vector."""
        return ~np.isnan(self.vectors[:, 0])


def weights_kind(features: Features) -> str:
    """Return `none`, `untrained`, `not available`, or `pretrained` where `weights` is a digest."""
    weights = features.metadata["weights"]
    return weights if weights in ("none", UNTRAINED, NOT_AVAILABLE) else "pretrained"


def write(features: Features, path: str | Path) -> None:
    """Write a feature file (DESIGN section 3)."""
    count, dimension = features.vectors.shape
    if count != len(features.product_ids):
        raise AisleError(f"{path}: {len(features.product_ids)} products but {count} vectors")
    vectors = pa.FixedSizeListArray.from_arrays(features.vectors.astype(np.float32).ravel(), dimension)
    schema = pa.schema(
        [(KEY, pa.string()), ("vector", pa.list_(pa.float32(), dimension))],
        metadata={**features.metadata, "dimension": str(dimension)},
    )
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_arrays([pa.array(features.product_ids), vectors], schema=schema), path)


def read(path: str | Path) -> Features:
    """Read a feature file."""
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise AisleError(f"{path} must be there; it is not. `dvc repro` makes it.") from None
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    values = table.column("vector").combine_chunks().flatten().to_numpy()
    vectors = values.reshape(table.num_rows, int(metadata["dimension"]))
    return Features(table.column(KEY).to_pylist(), vectors, metadata)
