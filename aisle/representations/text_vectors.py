"""Encode the texts of a catalogue; with an encoder that learns nothing, a text met before costs nothing."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import issparse
from tqdm import tqdm

from aisle.catalogue import text_selection
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pretrained import description
from aisle.representations import recipes, vectors_file
from aisle.representations.encoders import engine, registry
from aisle.representations.encoders.cache import item_cache

BATCH = 256
"""Texts encoded at a time by an encoder that learns nothing, and the most that a killed run encodes again."""

ROWS = 4096
"""Vectors in memory at a time, and in a row group of the file."""


class TextEncoderParams(registry.EncoderParams):
    """Section `encoders.text.<name>`."""

    fields: list[str]
    form: str


def encode_texts(
    texts: list[str], params: TextEncoderParams, folder: str | Path
) -> tuple[Iterator[np.ndarray], dict[str, int | None]]:
    """Return float32 vectors of the texts in parts, (at most `ROWS`, dimension) each, and counts of texts.

    Without weights the vectors are NaN (n, 1). `cut` is None where the encoder counts no tokens.
    """
    pretrained = description.read(folder)
    counts: dict[str, int | None] = {"texts": sum(map(bool, texts)), "cut": None}
    if not pretrained.available:
        return (np.full((len(part), 1), np.nan, np.float32) for part in _parts(texts)), counts
    encoder = registry.create("text", params, folder)
    if getattr(encoder, "stateless", False):
        if hasattr(encoder, "count_cut"):
            counts["cut"] = encoder.count_cut(texts)
        return encode(encoder, texts, params, folder), counts
    if params.engine == "ray":
        raise AisleError(
            f"engine: ray is for encoders that learn nothing; {params.encoder} learns. Leave it out"
        )
    return learn(encoder, texts, params.encoder), counts


def _parts(texts: list[str], times: int = 1) -> Iterator[list[str]]:
    rows = ROWS * times
    return (texts[start : start + rows] for start in range(0, len(texts), rows))


def learn(encoder: Any, texts: Sequence[str], name: str) -> Iterator[np.ndarray]:
    """Return float32 vectors of an encoder fitted on all texts in parts, NaN for an empty text."""
    try:
        vectors = encoder.fit_transform(texts)
    except ValueError as error:  # scikit-learn's word for a vocabulary that is empty
        raise AisleError(f"{name}: the texts must share words; {error}") from None
    vectors = vectors.tocsr() if issparse(vectors) else np.asarray(vectors)
    return _dense(vectors, texts)


def _dense(vectors: Any, texts: Sequence[str]) -> Iterator[np.ndarray]:
    for start in range(0, len(texts), ROWS):
        part = vectors[start : start + ROWS]
        dense = (part.toarray() if issparse(part) else part).astype(np.float32)
        dense[[not item for item in texts[start : start + ROWS]]] = np.nan
        yield dense


def encode(
    encoder: Any, texts: list[str], params: TextEncoderParams, folder: str | Path
) -> Iterator[np.ndarray]:
    """Yield float32 vectors of an encoder that learns nothing in parts, NaN for an empty text."""
    dimension, model = len(encoder.get_feature_names_out()), description.read(folder).model
    with (
        closing(item_cache(encoder, model)) as cache,
        engine.running("text", params, folder, encoder, BATCH) as running,
        tqdm(total=sum(map(bool, texts)), desc=params.encoder, unit="text", disable=None) as progress,
    ):
        step = BATCH * running.batches
        for some in _parts(texts, -(-step // ROWS)):
            vectors = np.full((len(some), dimension), np.nan, np.float32)
            present = [i for i, item in enumerate(some) if item]
            for start in range(0, len(present), step):
                batch = present[start : start + step]
                vectors[batch] = cache.vectors([some[i] for i in batch], running.transform)
                progress.update(len(batch))
            yield from (vectors[start : start + ROWS] for start in range(0, len(some), ROWS))


def write(
    path: str | Path, name: str, params: TextEncoderParams, folder: str | Path, output: str | Path
) -> tuple[dict[str, int | str | None], str]:
    """Write the feature file of an encoder; return the figures of metrics/embed_text/<name>.json, the label.

    Parameters
    ----------
    path
        data/text.parquet.
    name, params
        The encoder's name and section, of encoders.text.
    folder
        The folder of its weights, in models/pretrained/.
    output
        The feature file.
    """
    table = text_selection.read(path, params.fields, params.form)
    ids, catalogue = table[tables.KEY].tolist(), table.attrs["catalogue"]
    texts = text_selection.compose(table, params.fields, params.form)
    del table
    vectors, counts = encode_texts(texts, params, folder)
    label = description.read(folder).label
    recipe = recipes.VectorRecipe(
        modality="text", learned=registry.learns("text", params), **params.of_vectors()
    )
    metadata = {"encoder": name, "weights": label, "catalogue": catalogue, "recipe": recipe.model_dump_json()}
    vectors_file.write_batches(zip(_parts(ids), vectors, strict=True), metadata, output)
    return {**counts, "weights": label}, catalogue
