"""Dense heads: one or more layers on a backbone's features, trained with Keras, predicting with NumPy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from pydantic import Field, PositiveInt
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from aisle.models.heads import keras_trainer
from aisle.models.scaling import Scaling, scaler
from aisle.pipeline.params import Section


class HeadParams(Section):
    """Section `transfer.heads.<name>`; see `DenseHead`."""

    title: str
    layers: tuple[PositiveInt, ...] = Field(min_length=1)
    dropout: float = Field(ge=0, lt=1)
    scaling: Scaling
    training: keras_trainer.Training


@dataclass(frozen=True)
class DenseNetwork:
    """Dense (relu) and dropout, layer by layer, then one logit for each category."""

    width: int
    layers: tuple[int, ...]
    dropout: float
    n_categories: int

    def build(self) -> Any:
        """Return the Keras model."""
        _, keras = keras_trainer.frameworks()
        given = keras.Input((self.width,))
        values = stack(given, self.layers, self.dropout)
        return keras.Model([given], keras.layers.Dense(self.n_categories, name="logits")(values))


def stack(values: Any, layers: Sequence[int], dropout: float) -> Any:
    """Return Keras tensors after Dense (relu) layers, each with dropout."""
    _, keras = keras_trainer.frameworks()
    for number, units in enumerate(layers):
        values = keras.layers.Dense(units, activation="relu", name=f"hidden_{number}")(values)
        values = keras.layers.Dropout(dropout, seed=0, name=f"dropout_{number}")(values)
    return values


def dense(values: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Return what a Dense layer without activation gives, in float64."""
    return values @ weights[f"{name}/kernel"].astype(float) + weights[f"{name}/bias"]


def forward(values: np.ndarray, weights: dict[str, np.ndarray], n_layers: int) -> np.ndarray:
    """Return the logits of `stack` and a last layer, in float64: the same on every machine to 1e-12."""
    for number in range(n_layers):
        values = np.maximum(dense(values, weights, f"hidden_{number}"), 0)
    return dense(values, weights, "logits")


def one_hot(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return targets (n, classes); `classes` are sorted. A row of a class that is not there has zeros."""
    return (np.asarray(y)[:, None] == classes).astype(np.float32)


class DenseHead(ClassifierMixin, BaseEstimator):
    """Standardised features -> Dense (relu), dropout, ... -> softmax.

    Parameters
    ----------
    training
        How; see `keras_training.Training`.
    layers
        Units of each layer.
    dropout
        Share of units left out after each.
    scaling
        Of the features before the first layer, see `scaling.Scaling`.
    seed
        Of weights, dropout and the order of the rows.

    Attributes
    ----------
    classes_
        The categories, sorted.
    weights_
        Variable to values; no Keras object, so that it pickles small and loads without TensorFlow.
    history_
        Metric to its value after each epoch.
    """

    def __init__(
        self,
        training: keras_trainer.Training,
        layers: Sequence[int] = (1024,),
        dropout: float = 0.5,
        scaling: Scaling = "standard",
        seed: int = 0,
    ) -> None:
        self.training = training
        self.layers = layers
        self.dropout = dropout
        self.scaling = scaling
        self.seed = seed

    def fit(
        self, X: np.ndarray, y: np.ndarray, validation: tuple[np.ndarray, np.ndarray] | None = None
    ) -> Self:
        """Train on vectors (n, width) and categories (n,); nothing is learned from the validation data."""
        X, y = validate_data(self, X, y)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError("the head must learn from two classes at least; there is one class")
        self.scaler_ = scaler(self.scaling).fit(np.asarray(X, float))
        network = DenseNetwork(X.shape[1], tuple(self.layers), self.dropout, len(self.classes_))
        checked = None
        if validation:
            checked = [self._scaled(validation[0])], one_hot(validation[1], self.classes_)
        with keras_trainer.trainer(network, self.training) as trainer:
            fitted = trainer.fit([self._scaled(X)], one_hot(y, self.classes_), self.seed, checked)
        self.weights_, self.history_ = fitted
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (n, categories)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return softmax(forward(self._scaled(X), self.weights_, len(self.layers)), axis=1)

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = self.scaler_.transform(np.asarray(X, float))
        return scaled

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the likeliest category (n,)."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]
