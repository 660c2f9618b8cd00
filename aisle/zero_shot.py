"""Classification without training: the category whose prompt is nearest (Radford et al. 2021)."""

from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import normalize


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
