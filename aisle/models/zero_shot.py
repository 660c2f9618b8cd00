"""Classification without training: the category whose prompt is nearest (Radford et al. 2021)."""

from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import normalize

from aisle.catalogue.labelled import labelled
from aisle.models import cross_fitting
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section
from aisle.pretrained import description
from aisle.representations.encoders import registry
from aisle.representations.vectors_file import Features


class ZeroShotParams(Section):
    """Section `zero_shot.<name>`: the prompts have a `{}` for the category."""

    title: str
    features: str
    encoder: str
    weights: str
    prompts: list[Annotated[str, Field(pattern=r"^[^{}]*\{\}[^{}]*$")]] = Field(min_length=1)


def prompt_vectors(names: list[str], prompts: list[str], encoder: Any) -> dict[str, np.ndarray]:
    """Return for each category the mean of its prompts' vectors, of length 1.

    Parameters
    ----------
    names
        Categories.
    prompts
        Templates with a `{}` for the category.
    encoder
        A text encoder whose space is that of the pictures.
    """
    vectors = [normalize(encoder.transform([prompt.format(name) for prompt in prompts])) for name in names]
    return {
        name: normalize(each.mean(0, keepdims=True))[0] for name, each in zip(names, vectors, strict=True)
    }


class ZeroShot(ClassifierMixin, BaseEstimator):
    """Softmax of the scaled cosines of a picture and each category's prompt; learns nothing of the products.

    Parameters
    ----------
    prompts
        Category to its vector, of length 1 (`prompt_vectors`).
    scale
        The inverse temperature that the model was trained with.
    """

    def __init__(self, prompts: dict[str, np.ndarray], scale: float) -> None:
        self.prompts = prompts
        self.scale = scale

    def fit(self, X: np.ndarray, y: np.ndarray) -> "ZeroShot":
        """Do nothing but name the categories."""
        self.classes_ = np.array(sorted(self.prompts))
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (n, categories) of picture vectors (n, dimension)."""
        prompts = np.stack([self.prompts[name] for name in self.classes_])
        return softmax(self.scale * normalize(X.astype(np.float64)) @ prompts.T, axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the nearest category of each picture."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def classify(data: Features, folds: pd.DataFrame, params: ZeroShotParams, folder: str) -> pd.DataFrame:
    """Return the predictions table; the categories' shares where there is no picture or are no weights.

    Parameters
    ----------
    data
        Features of pictures, made with the same weights.
    folds
        The table of data/folds.parquet.
    params
        See `ZeroShotParams`.
    folder
        Of the weights, in models/pretrained/.

    Raises
    ------
    AisleError
        If the features were made with other weights.
    """
    pretrained = description.read(folder)
    if data.metadata["weights"] != pretrained.label:
        raise AisleError(f"{params.features} must be made with the weights of {folder}; it is not")
    folds = tables.align(folds, data.product_ids, "data/folds.parquet", "the feature file")
    known = folds["category"].notna().to_numpy()
    folds = labelled(folds)
    vectors: dict[str, np.ndarray] = {}
    if pretrained.available:
        entry = registry.EncoderParams(encoder=params.encoder, weights=params.weights)
        names = list(np.unique(folds["category"].to_numpy(str)))
        vectors = prompt_vectors(names, params.prompts, registry.create("text", entry, folder))
    model = ZeroShot(vectors, pretrained.facts.get("logit_scale", 1.0))
    return cross_fitting.out_of_fold(
        model, data.vectors[known], data.available[known], folds, side_by_side=map
    )
