"""Networks on text and picture together, trained with Keras, predicting with NumPy from what is there.

Their input are fused features (aisle/representations/concatenation.py): a part of zeros is a modality that
the product lacks. In training some products lose one of two modalities at random, anew in each epoch
(modality dropout, Neverova et al. 2016), so that a network learns to do with one.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, PositiveInt, model_validator
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from aisle.models.fusion_networks import cached_pca
from aisle.models.heads import keras_trainer
from aisle.models.heads.mlp import dense, forward, one_hot, stack
from aisle.models.scaling import Scaling, scaler
from aisle.pipeline.params import Section

MODALITIES = ("text", "image")
SHARED = ("training", "dropout", "n_components", "picture_scaling", "modality_dropout")
"""Parameters that every network has."""


class NetworkParams(Section):
    """Section `fusion_networks.networks.<name>`; see `DenseFusion` and, for `units`, `AttentionFusion`."""

    kind: Literal["dense", "attention"]
    layers: tuple[PositiveInt, ...] = ()
    units: PositiveInt | None = None
    dropout: float = Field(ge=0, lt=1)
    n_components: int = Field(ge=0)
    picture_scaling: Scaling
    modality_dropout: float = Field(ge=0, lt=1)
    training: keras_trainer.Training

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.kind == "dense") != bool(self.layers) or (self.kind == "attention") != bool(self.units):
            raise ValueError("kind: dense must have layers and no units, kind: attention units and no layers")
        return self


def create(params: NetworkParams, widths: Sequence[int], seed: int) -> "FusionNetwork":
    """Return an unfitted network for fused features whose parts are so wide."""
    options = {name: getattr(params, name) for name in SHARED}
    if params.units:
        return AttentionFusion(widths=widths, units=params.units, seed=seed, **options)
    return DenseFusion(widths=widths, layers=params.layers, seed=seed, **options)


class Parts:
    """Take fused features apart: each part scaled, the picture's also reduced to principal components.

    Parameters
    ----------
    widths
        Columns of text and of picture.
    n_components
        Of the picture, at most; 0: it is only scaled.
    scaling
        Of the picture; text is standardised.
    """

    def __init__(self, widths: Sequence[int], n_components: int, scaling: Scaling) -> None:
        self.widths, self.n_components, self.scaling = widths, n_components, scaling

    def present(self, X: np.ndarray) -> np.ndarray:
        """Return which modalities each product has that were learned from, 1 or 0: (n, 2)."""
        learned = np.array([each is not None for each in self.scalers_])
        return (self._given(X) & learned).astype(np.float32)

    def _given(self, X: np.ndarray) -> np.ndarray:
        return np.stack([part.any(axis=1) for part in self._split(X)], axis=1)

    def _split(self, X: np.ndarray) -> list[np.ndarray]:
        return np.split(np.ascontiguousarray(X, np.float32), [self.widths[0]], axis=1)

    def fit_transform(self, X: np.ndarray) -> list[np.ndarray]:
        """Learn from the products that have the modality; return what `transform` does of them."""
        parts, given = self._split(X), self._given(X)
        scaled = [np.zeros_like(part) for part in parts]
        self.scalers_: list[Any] = [None, None]
        self.components_ = None
        for i, scaling in enumerate(("standard", self.scaling)):
            rows = given[:, i]
            if rows.sum() > 1:
                self.scalers_[i] = scaler(scaling)
                scaled[i][rows] = self.scalers_[i].fit_transform(parts[i][rows])
        if self.scalers_[1] is not None and self.n_components:
            self.components_ = cached_pca.principal(scaled[1][given[:, 1]], self.n_components)
        return self._reduce(scaled, self.present(X))

    def transform(self, X: np.ndarray) -> list[np.ndarray]:
        """Return text and picture, with zeros, the mean, where a product or a component is lacking."""
        scaled = [
            np.zeros_like(part) if each is None else each.transform(part)
            for part, each in zip(self._split(X), self.scalers_, strict=True)
        ]
        return self._reduce(scaled, self.present(X))

    def _reduce(self, parts: list[np.ndarray], present: np.ndarray) -> list[np.ndarray]:
        text, picture = parts
        if self.components_ is not None:
            picture = picture @ self.components_.T
            # of few products there are fewer components: networks as wide share what is compiled
            lacking = min(self.n_components, self.widths[1]) - picture.shape[1]
            picture = np.pad(picture, ((0, 0), (0, lacking)))
        return [part * each[:, None] for part, each in zip((text, picture), present.T, strict=True)]


def lose(present: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return `present` (n, 2) where a share of the products that have both have lost one of them."""
    left = present.copy()
    losers = np.flatnonzero(present.all(axis=1) & (rng.random(len(present)) < share))
    left[losers, rng.integers(2, size=len(losers))] = 0
    return left


class FusionNetwork(ClassifierMixin, BaseEstimator, ABC):
    """What the networks share: the parts, training, prediction.

    Attributes
    ----------
    classes_
        The categories, sorted.
    weights_
        Variable to values; no Keras object, so that it pickles small and loads without TensorFlow.
    history_
        Metric to its value after each epoch.
    """

    training: keras_trainer.Training
    widths: Sequence[int]
    n_components: int
    picture_scaling: Scaling
    modality_dropout: float
    seed: int

    @abstractmethod
    def network(self, widths: tuple[int, int], n_categories: int) -> keras_trainer.Network:
        """Return the network of parts so wide."""

    @abstractmethod
    def logits(self, parts: list[np.ndarray], present: np.ndarray) -> np.ndarray:
        """Return what the trained network gives, by NumPy in float64."""

    def fit(
        self, X: np.ndarray, y: np.ndarray, validation: tuple[np.ndarray, np.ndarray] | None = None
    ) -> Self:
        """Train on fused features (n, width) and categories (n,); validation data is only scored."""
        self.classes_ = np.unique(y)
        self.parts_ = Parts(self.widths, self.n_components, self.picture_scaling)
        parts, present = self.parts_.fit_transform(X), self.parts_.present(X)
        network = self.network((parts[0].shape[1], parts[1].shape[1]), len(self.classes_))
        checked = None
        if validation:
            inputs = [*self.parts_.transform(validation[0]), self.parts_.present(validation[0])]
            checked = inputs, one_hot(validation[1], self.classes_)
        with keras_trainer.trainer(network, self.training) as trainer:
            self.weights_, self.history_ = trainer.fit(
                parts,
                one_hot(y, self.classes_),
                self.seed,
                checked,
                lambda rng: [lose(present, self.modality_dropout, rng)],
            )
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (n, categories)."""
        check_is_fitted(self)
        return softmax(self.logits(self.parts_.transform(X), self.parts_.present(X)), axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the likeliest category (n,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _inputs(widths: tuple[int, int]) -> tuple[list[Any], list[Any]]:
    """Return the Keras inputs text, picture and presence, and the parts as far as they are present."""
    _, keras = keras_trainer.frameworks()
    given = [keras.Input((width,)) for width in (*widths, 2)]
    return given, [given[0] * given[2][:, :1], given[1] * given[2][:, 1:]]


@dataclass(frozen=True)
class ConcatenatedNetwork:
    """Both parts side by side, then Dense layers."""

    widths: tuple[int, int]
    layers: tuple[int, ...]
    dropout: float
    n_categories: int

    def build(self) -> Any:
        """Return the Keras model."""
        _, keras = keras_trainer.frameworks()
        given, parts = _inputs(self.widths)
        values = stack(keras.layers.Concatenate()(parts), self.layers, self.dropout)
        return keras.Model(given, keras.layers.Dense(self.n_categories, name="logits")(values))


class DenseFusion(FusionNetwork):
    """The study's fusion: text vector and principal components of the picture -> Dense layers -> softmax.

    Parameters
    ----------
    training
        See `keras_training.Training`.
    widths
        Columns of text and of picture.
    layers, dropout
        Units of each layer, and the share left out after each.
    n_components, picture_scaling
        See `Parts`.
    modality_dropout
        Share of the products that lose a modality in an epoch.
    seed
        Of weights, dropouts and the order of the rows.
    """

    def __init__(
        self,
        training: keras_trainer.Training,
        widths: Sequence[int],
        layers: Sequence[int] = (512, 256),
        dropout: float = 0.5,
        n_components: int = 256,
        picture_scaling: Scaling = "standard",
        modality_dropout: float = 0.2,
        seed: int = 0,
    ) -> None:
        self.training = training
        self.widths = widths
        self.layers = layers
        self.dropout = dropout
        self.n_components = n_components
        self.picture_scaling = picture_scaling
        self.modality_dropout = modality_dropout
        self.seed = seed

    def network(self, widths: tuple[int, int], n_categories: int) -> ConcatenatedNetwork:
        """Return the network of parts so wide."""
        return ConcatenatedNetwork(widths, tuple(self.layers), self.dropout, n_categories)

    def logits(self, parts: list[np.ndarray], present: np.ndarray) -> np.ndarray:
        """Return the logits (n, categories)."""
        return forward(np.hstack(parts), self.weights_, len(self.layers))


@dataclass(frozen=True)
class AttentionNetwork:
    """Each part projected, a score for each, softmax over those that are present, their weighted sum."""

    widths: tuple[int, int]
    units: int
    dropout: float
    n_categories: int

    def build(self) -> Any:
        """Return the Keras model."""
        _, keras = keras_trainer.frameworks()
        layers, ops = keras.layers, keras.ops
        given, parts = _inputs(self.widths)
        projected = [
            layers.Dense(self.units, activation="relu", name=f"{name}_projection")(part)
            for name, part in zip(MODALITIES, parts, strict=True)
        ]
        scores = [
            layers.Dense(1, name=f"{name}_score")(values)
            for name, values in zip(MODALITIES, projected, strict=True)
        ]
        masked = layers.Concatenate()(scores) + (given[2] - 1) * ABSENT_SCORE
        weights = ops.softmax(masked, axis=1)
        mixed = weights[:, :1] * projected[0] + weights[:, 1:] * projected[1]
        mixed = layers.Dropout(self.dropout, seed=0)(mixed)
        return keras.Model(given, layers.Dense(self.n_categories, name="logits")(mixed))


ABSENT_SCORE = 1e9
"""Taken from the score of a modality that is not there: its weight is then 0."""


class AttentionFusion(FusionNetwork):
    """Attention over modalities: how much text and picture count is decided for each product.

    Parameters
    ----------
    training, widths, dropout, n_components, picture_scaling, modality_dropout, seed
        See `DenseFusion`.
    units
        Dimension into which each modality is projected.
    """

    def __init__(
        self,
        training: keras_trainer.Training,
        widths: Sequence[int],
        units: int = 256,
        dropout: float = 0.5,
        n_components: int = 256,
        picture_scaling: Scaling = "standard",
        modality_dropout: float = 0.2,
        seed: int = 0,
    ) -> None:
        self.training = training
        self.widths = widths
        self.units = units
        self.dropout = dropout
        self.n_components = n_components
        self.picture_scaling = picture_scaling
        self.modality_dropout = modality_dropout
        self.seed = seed

    def network(self, widths: tuple[int, int], n_categories: int) -> AttentionNetwork:
        """Return the network of parts so wide."""
        return AttentionNetwork(widths, self.units, self.dropout, n_categories)

    def _attention(self, parts: list[np.ndarray], present: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Return the projected parts, each (n, units), and their weights (n, 2)."""
        pairs = list(zip(MODALITIES, parts, strict=True))
        projected = [np.maximum(dense(part, self.weights_, f"{name}_projection"), 0) for name, part in pairs]
        scores = [
            dense(values, self.weights_, f"{name}_score")
            for name, values in zip(MODALITIES, projected, strict=True)
        ]
        return projected, softmax(np.hstack(scores) + (present - 1.0) * ABSENT_SCORE, axis=1)

    def logits(self, parts: list[np.ndarray], present: np.ndarray) -> np.ndarray:
        """Return the logits (n, categories)."""
        projected, weights = self._attention(parts, present)
        mixed = weights[:, :1] * projected[0] + weights[:, 1:] * projected[1]
        return dense(mixed, self.weights_, "logits")

    def modality_weights(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """Return how much each modality counts for each product: (n,), together 1."""
        check_is_fitted(self)
        _, weights = self._attention(self.parts_.transform(X), self.parts_.present(X))
        return dict(zip(MODALITIES, weights.T, strict=True))
