"""Encode the products' pictures with one encoder.

Inputs: data/images.parquet; the encoder's folder of models/pretrained/.
Output: features/image/<encoder>.parquet, one row per product: a float32 vector, NaN without a picture.
With an encoder that learns nothing, a picture met before costs nothing: see aisle/cache.py. One that learns
(a codebook) is fitted on all pictures here: for clustering, which has no test set.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from tqdm import tqdm

from aisle import cli, features, tables, weights
from aisle.cache import ItemCache
from aisle.encoders import registry
from aisle.encoders.image import Pictures, decode
from aisle.params import load_params

BATCH = 64
"""Pictures in memory at a time, and the most that a killed run encodes again."""


def run(
    path: Path, params: registry.EncoderParams, folder: str | Path
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield product ids and float32 vectors (n, dimension) of each batch, NaN where there is no picture.

    Without weights they are NaN (n, 1).
    """
    pretrained, file = weights.read(folder), pq.ParquetFile(path)
    encoder = registry.create("image", params, folder) if pretrained.available else None
    if encoder and not getattr(encoder, "stateless", False):
        encoder.fit(decoded(file, params.encoder))
    dimension = len(encoder.get_feature_names_out()) if encoder else 1
    bar = tqdm(total=file.metadata.num_rows, desc=params.encoder, unit="picture", disable=None)
    with bar as progress, closing(ItemCache(encoder, pretrained.model)) as cache:
        for batch in file.iter_batches(BATCH, columns=[tables.KEY, "picture"]):
            pictures = batch.column("picture").to_pylist()
            vectors = np.full((len(pictures), dimension), np.nan, np.float32)
            present = [i for i, picture in enumerate(pictures) if picture is not None]
            if encoder and present:
                vectors[present] = cache.encode(
                    [pictures[i] for i in present],
                    lambda some: encoder.transform(Pictures(some)),
                )
            yield batch.column(tables.KEY).to_pylist(), vectors
            progress.update(len(pictures))


def decoded(file: pq.ParquetFile, name: str) -> Iterator[np.ndarray]:
    """Yield the pictures there are, decoded one at a time: an encoder that learns keeps what it needs."""
    rows = (row for batch in file.iter_batches(BATCH, columns=["picture"]) for row in batch.column(0))
    for row in tqdm(rows, desc=f"{name}: fit", total=file.metadata.num_rows, unit="picture", disable=None):
        if row.is_valid:
            yield decode(row.as_py())


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__, pictures="pictures", weights="folder of models/pretrained", output="output: features"
    )
    parser.add_argument("--encoder", required=True, help="entry of params.yaml: encoders.image")
    args = parser.parse_args()
    params = load_params(args.params, f"encoders.image.{args.encoder}", registry.EncoderParams)
    catalogue = tables.read(args.pictures, [tables.KEY]).attrs["catalogue"]
    label = weights.read(args.weights).label
    metadata = {"encoder": args.encoder, "weights": label, "catalogue": catalogue}
    features.write_batches(run(Path(args.pictures), params, args.weights), metadata, args.output)


if __name__ == "__main__":
    cli.run(main)
