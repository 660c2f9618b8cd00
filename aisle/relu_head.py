"""The head of a network on pooled features: standardisation, dense relu layers, softmax; in NumPy."""

from dataclasses import dataclass

import numpy as np

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
        Kernel (inputs, outputs) and bias (outputs,) of each layer; relu follows all but the last.
    """

    classes_: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    dense: Layers

    def dense_layers(self) -> Layers:
        """Return kernel and bias of each layer on the features as they are: the first one standardises."""
        (kernel, bias), *others = self.dense
        first = kernel / self.scale.astype(np.float64)[:, None]
        return [(first, bias - self.mean.astype(np.float64) @ first), *others]

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (n, k) for features (n, dimension)."""
        logits = scores(self.dense_layers(), X)
        logits = np.exp(logits - logits.max(1, keepdims=True))
        return logits / logits.sum(1, keepdims=True)


def hidden(layers: Layers, X: np.ndarray) -> list[np.ndarray]:
    """Return each hidden layer's values before the relu, for features (n, dimension)."""
    values, result = np.asarray(X, np.float64), []
    for kernel, bias in layers[:-1]:
        result.append(values @ kernel + bias)
        values = np.maximum(result[-1], 0)
    return result


def scores(layers: Layers, X: np.ndarray) -> np.ndarray:
    """Return the last layer's values (n, k), before the softmax, for features (n, dimension)."""
    values = [np.asarray(X, np.float64), *(np.maximum(each, 0) for each in hidden(layers, X))][-1]
    kernel, bias = layers[-1]
    return values @ kernel + bias
