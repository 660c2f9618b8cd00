"""Encode the pictures of a catalogue in batches; what was encoded before comes from the item cache."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from tqdm import tqdm

from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pretrained import description
from aisle.representations import recipes, vectors_file
from aisle.representations.encoders import engine, registry
from aisle.representations.encoders.cache import item_cache
from aisle.representations.encoders.pictures import Pictures
from aisle.representations.picture_means import by_product

BATCH = 64
"""Pictures in memory at a time, and the most that a killed run encodes again."""


def encode_pictures(
    path: Path, params: registry.EncoderParams, folder: str | Path
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield product ids and float32 vectors (n, dimension) of each batch, NaN where there is no picture.

    A product's vector is the mean of its pictures'. Without weights they are NaN (n, 1).
    """
    pretrained, file = description.read(folder), pq.ParquetFile(path)
    if not pretrained.available:
        for ids, _ in batches(file, "no weights"):
            yield ids, np.full((len(ids), 1), np.nan, np.float32)
        return
    encoder = registry.create("image", params, folder)
    stateless = getattr(encoder, "stateless", False)
    if not stateless and not hasattr(encoder, "local"):
        raise AisleError(f"{params.encoder} must be stateless or have local, fit_local, transform_local")
    if params.engine == "ray" and not stateless:
        raise AisleError(
            f"engine: ray is for encoders that learn nothing; {params.encoder} learns. Leave it out"
        )
    with (
        closing(item_cache(encoder if stateless else encoder.local, pretrained.model)) as cache,
        engine.running("image", params, folder, encoder, BATCH) as running,
    ):

        def local(pictures: list[bytes]) -> list[bytes]:
            return cache.get(pictures, lambda new: encoder.local.transform(Pictures(new)))

        def encode(pictures: list[bytes]) -> np.ndarray:
            if stateless:
                return cache.vectors(pictures, running.transform)
            return encoder.transform_local(local(pictures))

        if not stateless:
            learning = batches(file, f"{params.encoder}: fit")
            there = ([picture for own in batch for picture in own] for _, batch in learning)
            encoder.fit_local(row for pictures in there if pictures for row in local(pictures))
        dimension = len(encoder.get_feature_names_out())
        for some in _several(batches(file, params.encoder), running.batches):
            every = [picture for _, pictures in some for own in pictures for picture in own]
            vectors, done = encode(every) if every else np.empty((0, dimension), np.float32), 0
            for ids, pictures in some:
                owners = np.repeat(np.arange(len(ids)), [len(own) for own in pictures])
                here, done = vectors[done : done + len(owners)], done + len(owners)
                yield ids, by_product(here, owners, len(ids))


Batch = tuple[list[str], list[list[bytes]]]
"""Product ids and the pictures of each."""


def _several(every: Iterator[Batch], at_once: int) -> Iterator[list[Batch]]:
    """Yield so many batches together."""
    while some := [*islice(every, at_once)]:
        yield some


def batches(file: pq.ParquetFile, name: str) -> Iterator[Batch]:
    """Yield product ids and the readable pictures of each, whole products of about BATCH rows at a time."""
    products: dict[str, list[bytes]] = {}
    with tqdm(total=file.metadata.num_rows, desc=name, unit="picture", disable=None) as progress:
        for batch in file.iter_batches(BATCH, columns=[tables.KEY, "picture"]):
            keys, pictures = batch.column(tables.KEY).to_pylist(), batch.column("picture").to_pylist()
            for key, picture in zip(keys, pictures, strict=True):
                if key not in products and len(products) >= BATCH:  # the rows of a product are together
                    yield list(products), list(products.values())
                    products = {}
                products.setdefault(key, []).extend([] if picture is None else [picture])
            progress.update(len(batch))
    yield list(products), list(products.values())


def write(
    pictures: str | Path, name: str, params: registry.EncoderParams, folder: str | Path, output: str | Path
) -> None:
    """Write the feature file of an encoder.

    Parameters
    ----------
    pictures
        data/images.parquet.
    name, params
        The encoder's name and section, of encoders.image.
    folder
        The folder of its weights, in models/pretrained/.
    output
        The feature file.
    """
    catalogue = tables.read(pictures, [tables.KEY]).attrs["catalogue"]
    recipe = recipes.VectorRecipe(
        modality="image", learned=registry.learns("image", params), **params.of_vectors()
    )
    metadata = {"encoder": name, "weights": description.read(folder).label, "catalogue": catalogue}
    metadata["recipe"] = recipe.model_dump_json()
    vectors_file.write_batches(encode_pictures(Path(pictures), params, folder), metadata, output)
