"""Encode the products' pictures with one encoder.

Input: data/images.parquet.
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

from aisle import cli, features, tables
from aisle.cache import ItemCache
from aisle.encoders import registry
from aisle.encoders.image import decode
from aisle.params import load_params

BATCH = 64
"""Pictures in memory at a time, and the most that a killed run encodes again."""
WEIGHTS = "none"


def run(path: Path, params: registry.EncoderParams) -> tuple[list[str], np.ndarray]:
    """Return product ids and float32 vectors (n, dimension), NaN where there is no picture."""
    encoder = registry.create("image", params)
    file = pq.ParquetFile(path)
    if not getattr(encoder, "stateless", False):
        encoder.fit(decoded(file, params.encoder))
    vectors = np.full((file.metadata.num_rows, len(encoder.get_feature_names_out())), np.nan, np.float32)
    ids: list[str] = []
    bar = tqdm(total=len(vectors), desc=params.encoder, unit="picture", disable=None)
    with bar as progress, closing(ItemCache(encoder, WEIGHTS)) as cache:
        for batch in file.iter_batches(BATCH, columns=[tables.KEY, "picture"]):
            pictures = batch.column("picture").to_pylist()
            present = [i for i, picture in enumerate(pictures) if picture is not None]
            if present:
                vectors[len(ids) + np.array(present)] = cache.encode(
                    [pictures[i] for i in present],
                    lambda some: encoder.transform([decode(picture) for picture in some]),
                )
            ids += batch.column(tables.KEY).to_pylist()
            progress.update(len(pictures))
    return ids, vectors


def decoded(file: pq.ParquetFile, name: str) -> Iterator[np.ndarray]:
    """Yield the pictures there are, decoded one at a time: an encoder that learns keeps what it needs."""
    rows = (row for batch in file.iter_batches(BATCH, columns=["picture"]) for row in batch.column(0))
    for row in tqdm(rows, desc=f"{name}: fit", total=file.metadata.num_rows, unit="picture", disable=None):
        if row.is_valid:
            yield decode(row.as_py())


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(__doc__, pictures="pictures", output="output: features")
    parser.add_argument("--encoder", required=True, help="entry of params.yaml: encoders.image")
    args = parser.parse_args()
    params = load_params(args.params, f"encoders.image.{args.encoder}", registry.EncoderParams)
    ids, vectors = run(Path(args.pictures), params)
    label = tables.read(args.pictures, [tables.KEY]).attrs["catalogue"]
    metadata = {"encoder": args.encoder, "weights": WEIGHTS, "catalogue": label}
    features.write(features.Features(ids, vectors, metadata), args.output)


if __name__ == "__main__":
    cli.run(main)
