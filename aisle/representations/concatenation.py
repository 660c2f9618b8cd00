"""Put a text encoder's and a picture encoder's vectors side by side, with a weight per modality."""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.preprocessing import normalize

from aisle.pipeline.params import Section
from aisle.pipeline.tables import KEY, align
from aisle.pretrained.status import ABSENT, combined
from aisle.representations import recipes, vectors_file
from aisle.representations.vectors_file import Features

ROWS = 256
"""Vectors that are in memory in double precision at a time."""


class FusedSetParams(Section):
    """Section `fused_sets.<name>`: two feature files, and the picture's weight, 0 (text alone) to 1."""

    text: str
    picture: str
    picture_weight: float = Field(ge=0, le=1)


def fuse(text: Features, picture: Features, picture_weight: float) -> Features:
    """Return the fused features, products and order those of `text`.

    Each vector is normalised to length 1, not centred, and multiplied by the root of its modality's weight:
    the squared distance between two products is then the weighted mean of those by text and by picture.

    Parameters
    ----------
    text, picture
        Features of the same products, in any order.
    picture_weight
        0 (text alone) to 1 (picture alone).

    Returns
    -------
    Features
        float32 (n, dimension of text + of picture). A product without one modality has zeros there, one
        without both is NaN. Where the weights of one are not available all are NaN, dimension 1: half of
        the features under the name of both would mislead.

    Raises
    ------
    AisleError
        If the products differ.
    """
    rows = pd.DataFrame({KEY: picture.product_ids, "row": range(len(picture.product_ids))})
    order = align(rows, text.product_ids, "the picture features", "the text features")["row"].to_numpy()
    weights = combined([text.metadata["weights"], picture.metadata["weights"]])
    encoded = {"text": text.metadata["recipe"], "picture": picture.metadata["recipe"]}
    recipe = recipes.FusedRecipe.model_validate(
        {name: json.loads(part) for name, part in encoded.items()} | {"picture_weight": picture_weight}
    )
    metadata = {
        "recipe": recipe.model_dump_json(),
        "parts": f"{text.vectors.shape[1]},{picture.vectors.shape[1]}",
        "encoder": f"{text.metadata['encoder']}+{picture.metadata['encoder']}",
        "weights": weights,
        "catalogue": text.metadata["catalogue"],
    }
    if weights == ABSENT:
        return Features(text.product_ids, np.full((len(order), 1), np.nan, np.float32), metadata)
    width = text.vectors.shape[1]
    fused = np.empty((len(order), width + picture.vectors.shape[1]), np.float32)
    for start in range(0, len(order), ROWS):
        some = slice(start, start + ROWS)
        fused[some, :width] = _weighted(text.vectors[some], 1 - picture_weight)
        fused[some, width:] = _weighted(picture.vectors[order[some]], picture_weight)
    fused[~(text.available | picture.available[order])] = np.nan
    return Features(text.product_ids, fused, metadata)


def write(text: str | Path, picture: str | Path, picture_weight: float, output: str | Path) -> None:
    """Write the fused features of two files: the pictures' are held whole, the texts' a part at a time.

    Raises
    ------
    AisleError
        If the products differ.
    """
    pictures, ids = vectors_file.read(picture), vectors_file.product_ids(text)
    place = pd.DataFrame({KEY: pictures.product_ids, "row": range(len(pictures.product_ids))})
    order = align(place, ids, "the picture features", "the text features")["row"].to_numpy()

    def parts() -> Iterator[Features]:
        done = 0
        for part in vectors_file.batches(text):
            here = order[done : done + len(part.product_ids)]
            own = Features(part.product_ids, pictures.vectors[here], pictures.metadata)
            yield fuse(part, own, picture_weight)
            done += len(here)

    made = parts()
    first = next(made)
    rows = ((part.product_ids, part.vectors) for part in chain([first], made))
    vectors_file.write_batches(rows, first.metadata, output)


def _weighted(vectors: np.ndarray, weight: float) -> np.ndarray:
    return np.sqrt(weight) * normalize(np.nan_to_num(vectors.astype(np.float64)))
