"""What encoders with pretrained weights share."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from aisle.pipeline.errors import AisleError
from aisle.pretrained import description


class Pretrained(TransformerMixin, BaseEstimator):
    """Base of encoders that run an exported model and learn nothing.

    A subclass names the `export` whose models it runs, sets `weights`, the folder of models/pretrained/, in
    its constructor and `dimension` there or in a property; its `transform` encodes each item alone.
    """

    stateless = True
    export: str
    weights: str
    dimension: int

    @property
    def facts(self) -> dict[str, Any]:
        """What the export says of its model.

        Raises
        ------
        AisleError
            If the weights are not of the encoder's kind.
        """
        weights = description.read(self.weights)
        if weights.export != self.export:
            raise AisleError(f"{self.weights} must be an export {self.export!r}, not {weights.export!r}")
        return weights.facts

    def fit(self, X: object, y: object = None) -> Self:
        """Do nothing: the weights are fixed."""
        return self

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return `<encoder>_<number>` for each column."""
        name = type(self).__module__.rpartition(".")[2]
        return np.array([f"{name}_{i}" for i in range(self.dimension)])
