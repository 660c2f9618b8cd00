"""Encode the products' pictures with one encoder.

Inputs: data/images.parquet; the encoder's folder of models/pretrained/.
Output: features/image/<encoder>.parquet, one row per product: a float32 vector, NaN without a picture.
A picture met before costs nothing: see aisle/cache.py. An encoder that learns (a codebook) is fitted on all
pictures here, for clustering, which has no test set; what it learns from is its stateless part, `local`.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from tqdm import tqdm

from aisle import cli, features, recipes, tables, weights
from aisle.cache import ItemCache
from aisle.encoders import registry
from aisle.encoders.image import Pictures
from aisle.errors import AisleError
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
    if not pretrained.available:
        for ids, _ in batches(file, "no weights"):
            yield ids, np.full((len(ids), 1), np.nan, np.float32)
        return
    encoder = registry.create("image", params, folder)
    local = encoder if getattr(encoder, "stateless", False) else getattr(encoder, "local", None)
    if local is None:
        raise AisleError(f"{params.encoder} must be stateless or have local, fit_local, transform_local")
    with closing(ItemCache(local, pretrained.model)) as cache:

        def encode(pictures: list[bytes]) -> np.ndarray:
            return cache.encode(pictures, lambda new: local.transform(Pictures(new)))

        if local is not encoder:
            learning = batches(file, f"{params.encoder}: fit")
            there = ([each for each in pictures if each is not None] for _, pictures in learning)
            encoder.fit_local(row for pictures in there if pictures for row in encode(pictures))
        dimension = len(encoder.get_feature_names_out())
        for ids, pictures in batches(file, params.encoder):
            vectors = np.full((len(ids), dimension), np.nan, np.float32)
            present = [i for i, picture in enumerate(pictures) if picture is not None]
            if present:
                rows = encode([pictures[i] for i in present])
                vectors[present] = rows if local is encoder else encoder.transform_local(rows)
            yield ids, vectors


def batches(file: pq.ParquetFile, name: str) -> Iterator[tuple[list[str], list[Any]]]:
    """Yield product ids and encoded pictures, None where there is none, a batch at a time."""
    with tqdm(total=file.metadata.num_rows, desc=name, unit="picture", disable=None) as progress:
        for batch in file.iter_batches(BATCH, columns=[tables.KEY, "picture"]):
            yield batch.column(tables.KEY).to_pylist(), batch.column("picture").to_pylist()
            progress.update(len(batch))


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
    recipe = recipes.VectorRecipe(
        modality="image", learned=registry.learns("image", params), **params.model_dump()
    )
    metadata = {"encoder": args.encoder, "weights": label, "catalogue": catalogue}
    metadata["recipe"] = recipe.model_dump_json()
    features.write_batches(run(Path(args.pictures), params, args.weights), metadata, args.output)


if __name__ == "__main__":
    cli.run(main)
