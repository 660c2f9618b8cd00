"""What a model learns from: one row per product, and how it was made."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from aisle.catalogue import labelled as categories
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pretrained.status import NONE
from aisle.representations import recipes, vectors_file


@dataclass(frozen=True)
class Inputs:
    """What a classifier learns from.

    Attributes
    ----------
    product_ids
        n ids.
    X
        n rows: texts (object array) or vectors.
    available
        Boolean (n,): False where the product has no input of this kind (no picture, no text).
    catalogue
        Label of the catalogue.
    recipe
        How X is made of the products.
    weights
        Of the features, as in their metadata.
    parts
        Of fused features: how many columns each modality has.
    """

    product_ids: list[str]
    X: np.ndarray
    available: np.ndarray
    catalogue: str
    recipe: recipes.Recipe
    weights: str = NONE
    parts: tuple[int, ...] = ()


def labelled(inputs: Inputs, folds: pd.DataFrame, name: str) -> tuple[Inputs, pd.DataFrame]:
    """Return the inputs of the products that have a category, and their rows of data/folds.parquet.

    Parameters
    ----------
    inputs, folds
        Of all products.
    name
        What the inputs are called in an error.

    Raises
    ------
    AisleError
        If the products of the two differ: names them.
    """
    folds = tables.align(folds, inputs.product_ids, "data/folds.parquet", name)
    known = folds["category"].notna().to_numpy()
    if known.all():
        return inputs, folds
    ids = [each for each, there in zip(inputs.product_ids, known, strict=True) if there]
    kept = replace(inputs, product_ids=ids, X=inputs.X[known], available=inputs.available[known])
    return kept, categories.labelled(folds)


def read_features(path: str | Path) -> Inputs:
    """Read a feature file.

    Raises
    ------
    AisleError
        If its encoder was fitted on all products: it has seen the test part of every fold.
    """
    data = vectors_file.read(path)
    recipe = recipes.loads(data.metadata["recipe"])
    if any(each.learned for each in recipes.vectors(recipe)):
        raise AisleError(
            f"{path} must be of an encoder that learns nothing; {data.metadata['encoder']!r} was fitted "
            "on all products, those of each test fold too. It is for clustering; text_linear fits its own."
        )
    parts = tuple(int(each) for each in data.metadata.get("parts", "").split(",") if each)
    labels = data.metadata["catalogue"], recipe, data.metadata["weights"], parts
    return Inputs(data.product_ids, data.vectors, data.available, *labels)
