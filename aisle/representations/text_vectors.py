"""Encode the texts of a catalogue; with an encoder that learns nothing, a text met before costs nothing."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from tqdm import tqdm

from aisle.catalogue import text_selection
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pretrained import description
from aisle.representations import recipes
from aisle.representations.encoders import registry
from aisle.representations.encoders.cache import item_cache
from aisle.representations.vectors_file import Features

BATCH = 256
"""Texts encoded at a time by an encoder that learns nothing, and the most that a killed run encodes again."""


class TextEncoderParams(registry.EncoderParams):
    """Section `encoders.text.<name>`."""

    fields: list[str]
    form: str


def encode_texts(
    table: pd.DataFrame, params: TextEncoderParams, folder: str | Path
) -> tuple[np.ndarray, dict[str, int | None]]:
    """Return float32 vectors (n, dimension), row i for row i of the table, and counts of texts.

    Without weights the vectors are NaN (n, 1). `cut` is None where the encoder counts no tokens.
    """
    pretrained = description.read(folder)
    texts = text_selection.compose(table, params.fields, params.form)
    counts: dict[str, int | None] = {"texts": sum(map(bool, texts)), "cut": None}
    if not pretrained.available:
        return np.full((len(texts), 1), np.nan, np.float32), counts
    encoder = registry.create("text", params, folder)
    if getattr(encoder, "stateless", False):
        if hasattr(encoder, "count_cut"):
            counts["cut"] = encoder.count_cut(texts)
        return encode(encoder, texts, params.encoder, pretrained.model), counts
    return learn(encoder, texts, params.encoder), counts


def learn(encoder: Any, texts: Sequence[str], name: str) -> np.ndarray:
    """Return float32 vectors (n, dimension) of an encoder fitted on all texts, NaN for an empty text."""
    try:
        vectors = encoder.fit_transform(texts)
    except ValueError as error:  # scikit-learn's word for a vocabulary that is empty
        raise AisleError(f"{name}: the texts must share words; {error}") from None
    dense = (vectors.toarray() if issparse(vectors) else np.asarray(vectors)).astype(np.float32)
    dense[[not item for item in texts]] = np.nan
    return dense


def encode(encoder: Any, texts: Sequence[str], name: str, model: str) -> np.ndarray:
    """Return float32 vectors (n, dimension) of an encoder that learns nothing, NaN for an empty text."""
    vectors = np.full((len(texts), len(encoder.get_feature_names_out())), np.nan, np.float32)
    present = [i for i, item in enumerate(texts) if item]
    with closing(item_cache(encoder, model)) as cache:
        for start in tqdm(range(0, len(present), BATCH), desc=name, unit="batch", disable=None):
            batch = present[start : start + BATCH]
            vectors[batch] = cache.vectors([texts[i] for i in batch], encoder.transform)
    return vectors


def features(
    table: pd.DataFrame, name: str, params: TextEncoderParams, folder: str | Path
) -> tuple[Features, dict[str, int | str | None]]:
    """Return the features of an encoder, and the figures of metrics/embed_text/<name>.json.

    Parameters
    ----------
    table
        data/text.parquet.
    name, params
        The encoder's name and section, of encoders.text.
    folder
        The folder of its weights, in models/pretrained/.
    """
    vectors, counts = encode_texts(table, params, folder)
    label = description.read(folder).label
    recipe = recipes.VectorRecipe(
        modality="text", learned=registry.learns("text", params), **params.model_dump()
    )
    metadata = {"encoder": name, "weights": label, "catalogue": table.attrs["catalogue"]}
    metadata["recipe"] = recipe.model_dump_json()
    return Features(list(table[tables.KEY]), vectors, metadata), {**counts, "weights": label}
