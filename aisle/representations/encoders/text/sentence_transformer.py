"""Sentence encoders of any architecture, run by sentence-transformers in torch: MPNet."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aisle.pretrained.exports.sentence_transformer import load
from aisle.representations.encoders.base import Pretrained


class SentenceTransformerEncoder(Pretrained):
    """Vectors of a SentenceTransformer, (n, dimension) (Reimers and Gurevych 2019).

    Parameters
    ----------
    weights
        Folder of an export `sentence_transformer`.
    """

    export = "sentence_transformer"

    def __init__(self, weights: str) -> None:
        self.weights = weights
        self.dimension = self.facts["dimension"]

    @cached_property
    def _model(self) -> Any:  # not in the constructor: a run in which all texts are known imports no torch
        return load(Path(self.weights) / "model")

    def transform(self, X: Sequence[str]) -> np.ndarray:
        """Return float32 (n, dimension) for n texts; each is encoded alone, without padding."""
        first = self._vector(X[0])  # sets where the tokeniser cuts: after that, threads only read it
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            return np.stack([first, *pool.map(self._vector, X[1:])])

    def _vector(self, text: str) -> np.ndarray:
        return self._model.encode(text, batch_size=1, show_progress_bar=False).astype(np.float32)


Encoder = SentenceTransformerEncoder
