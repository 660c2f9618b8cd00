"""Encode the products' texts with one encoder.

Inputs: data/text.parquet; the encoder's folder of models/pretrained/.
Outputs: features/text/<encoder>.parquet, one row per product: a float32 vector (see aisle/features.py);
metrics/embed_text/<encoder>.json: how many texts there are, and how many were cut to what the encoder reads.
An encoder that learns (a vocabulary) is fitted on all products here: for clustering, which has no test set.
Classifiers fit their own inside the fold. With one that learns nothing, a text met before costs nothing: see
aisle/cache.py.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from tqdm import tqdm

from aisle import cli, features, recipes, tables, text_fields, weights
from aisle.cache import ItemCache
from aisle.encoders import registry
from aisle.errors import AisleError
from aisle.params import load_params

BATCH = 256
"""Texts encoded at a time by an encoder that learns nothing, and the most that a killed run encodes again."""


class TextEncoderParams(registry.EncoderParams):
    """Section `encoders.text.<name>`."""

    fields: list[str]
    form: str


def run(
    table: pd.DataFrame, params: TextEncoderParams, folder: str | Path
) -> tuple[np.ndarray, dict[str, int | None]]:
    """Return float32 vectors (n, dimension), row i for row i of the table, and counts of texts.

    Without weights the vectors are NaN (n, 1). `cut` is None where the encoder counts no tokens.
    """
    pretrained = weights.read(folder)
    texts = text_fields.compose(table, params.fields, params.form)
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
    with closing(ItemCache(encoder, model)) as cache:
        for start in tqdm(range(0, len(present), BATCH), desc=name, unit="batch", disable=None):
            batch = present[start : start + BATCH]
            vectors[batch] = cache.encode([texts[i] for i in batch], encoder.transform)
    return vectors


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        texts="texts",
        weights="folder of models/pretrained",
        output="output: features",
        metrics="output: counts of texts",
    )
    parser.add_argument("--encoder", required=True, help="entry of params.yaml: encoders.text")
    args = parser.parse_args()
    params = load_params(args.params, f"encoders.text.{args.encoder}", TextEncoderParams)
    table = tables.read(args.texts)
    vectors, counts = run(table, params, args.weights)
    catalogue, label = table.attrs["catalogue"], weights.read(args.weights).label
    recipe = recipes.VectorRecipe(
        modality="text", learned=registry.learns("text", params), **params.model_dump()
    )
    metadata = {"encoder": args.encoder, "weights": label, "catalogue": catalogue}
    metadata["recipe"] = recipe.model_dump_json()
    features.write(features.Features(list(table["product_id"]), vectors, metadata), args.output)
    tables.write_metrics(counts | {"weights": label}, args.metrics, catalogue)


if __name__ == "__main__":
    cli.run(main)
