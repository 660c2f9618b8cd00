"""Scaling of features before they are learned from; what is learned is learned inside the fold."""

from typing import Any, Literal

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

Scaling = Literal["standard", "root"]
"""standard: each column to mean 0, sd 1. root: square roots, each vector to length 1, then as standard; evens
out a backbone's activations, few of which are large."""


def signed_root(X: np.ndarray) -> np.ndarray:
    """Return the square root of each value's size, with its sign (Perronnin et al. 2010)."""
    return np.sign(X) * np.sqrt(np.abs(X))


def scaler(scaling: Scaling) -> Any:
    """Return an unfitted transformer of vectors."""
    before = {"standard": [], "root": [FunctionTransformer(signed_root), Normalizer()]}
    return make_pipeline(*before[scaling], StandardScaler())
