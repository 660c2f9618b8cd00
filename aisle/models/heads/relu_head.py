"""The head of a network on pooled features: standardisation, dense relu layers, softmax; in NumPy."""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

Layers = list[tuple[np.ndarray, np.ndarray]]
"""Kernel (inputs, outputs) and bias (outputs,) of each dense layer; relu follows all but the last."""
LEAST_SHARE = 0.1
"""Least sd of a feature to divide by, as a share of the features' root mean square sd: a channel that hardly
ever fires in the training part would else count for more than all others in a picture where it does."""


def scaling(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sd (dimension,) to standardise features (n, dimension) with, the sd bounded below."""
    mean, sd = features.mean(0, np.float64), features.std(0, dtype=np.float64)
    least = LEAST_SHARE * np.sqrt((sd**2).mean())
    return mean.astype(np.float32), np.maximum(sd, least if least > 0 else 1.0).astype(np.float32)


@dataclass(frozen=True)
class ReluHead:
    """Predicts from vectors as the network's own layers do.

    Attributes
    ----------
    classes_
        k categories, sorted.
    mean, scale
        (dimension,): what is subtracted from the features, and what they are divided by.
    dense
        Of each layer.
    root
        Whether, before that, signed square roots are taken and each vector is scaled to length 1, as
        `scaling.scaler("root")` does.
    """

    classes_: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    dense: Layers
    root: bool = False

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (n, k) for features (n, dimension)."""
        return softmax(self.scores(X), axis=1)

    def scores(self, X: np.ndarray) -> np.ndarray:
        """Return the last layer's values (n, k), before the softmax, for features (n, dimension)."""
        values = self._values(X)[-1]
        kernel, bias = self.dense[-1]
        return (np.maximum(values, 0) if len(self.dense) > 1 else values) @ kernel + bias

    def gradient(self, X: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Return the gradient (n, dimension) of the score of class `index` (n,) at features (n, dimension).

        With `root` it is infinite where a feature is 0, and given as 0 there.
        """
        result = self.dense[-1][0].T[index].astype(float)
        for (kernel, _), values in zip(self.dense[-2::-1], self._values(X)[:0:-1], strict=True):
            result = (result * (values > 0)) @ kernel.T
        result = result / self.scale
        if not self.root:
            return result
        roots = _signed_root(X)
        length = np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), np.finfo(float).tiny)
        unit = roots / length
        result = (result - unit * (result * unit).sum(1, keepdims=True)) / length
        with np.errstate(divide="ignore"):
            return np.where(roots == 0, 0.0, result * 0.5 / np.abs(roots))

    def _values(self, X: np.ndarray) -> list[np.ndarray]:
        """Return the standardised features and each hidden layer's values before the relu."""
        values = np.asarray(X, float)
        if self.root:
            values = _signed_root(values)
            length = np.linalg.norm(values, axis=1, keepdims=True)
            values = values / np.where(length > 0, length, 1)
        result = [(values - self.mean) / self.scale]
        for number, (kernel, bias) in enumerate(self.dense[:-1]):
            below = np.maximum(result[-1], 0) if number else result[-1]
            result.append(below @ kernel + bias)
        return result


def _signed_root(X: np.ndarray) -> np.ndarray:
    values = np.asarray(X, float)
    return np.sign(values) * np.sqrt(np.abs(values))
