"""Universal Sentence Encoder (Cer et al. 2018), or any SavedModel of texts to vectors, in TensorFlow."""

import os
import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aisle.representations.encoders.base import Pretrained


class UniversalSentenceEncoder(Pretrained):
    """Vectors of the SavedModel, (n, dimension).

    Its tokeniser is made of string operations that only TensorFlow has, hence no OpenVINO model.

    Parameters
    ----------
    weights
        Folder of an export `saved_model`.
    """

    export = "saved_model"

    def __init__(self, weights: str) -> None:
        self.weights = weights
        self.dimension = self.facts["dimension"]

    @cached_property
    def _model(
        self,
    ) -> Any:  # not in the constructor: a run in which all texts are known imports no TensorFlow
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tensorflow-hub's, on pkg_resources
            import tensorflow_hub
        return tensorflow_hub.load(str(Path(self.weights) / "saved_model"))

    def transform(self, X: Sequence[str]) -> np.ndarray:
        """Return float32 (n, dimension) for n texts; each is encoded alone."""
        return np.concatenate([self._model([text]).numpy() for text in X])


Encoder = UniversalSentenceEncoder
