"""Sentence encoders made of a transformer: MiniLM, BERT."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from aisle.pretrained.runtime import Runtime
from aisle.representations.encoders.base import Pretrained


class SentenceEncoder(Pretrained):
    """Mean of the last layer over the tokens, (n, dimension) (Reimers and Gurevych 2019).

    Parameters
    ----------
    weights
        Folder of an export `transformer`.
    precision
        `fp32` or, where the processor has it, `bf16`, `int8`.
    """

    export = "transformer"
    model = "model.xml"

    def __init__(self, weights: str, precision: str = "fp32") -> None:
        self.weights = weights
        self.precision = precision
        self.dimension = self.facts["dimension"]
        self._tokenizer = Tokenizer.from_file(str(Path(weights) / "tokenizer.json"))
        self._runtime = Runtime(Path(weights) / self.model, precision)

    def transform(self, X: Sequence[str]) -> np.ndarray:
        """Return float32 (n, dimension) for n texts; each is encoded alone, without padding."""
        return self._runtime.run(np.array([item.ids]) for item in self._encode(X))

    def count_cut(self, X: Sequence[str]) -> int:
        """Return how many texts have more tokens than the encoder reads."""
        return sum(bool(item.overflowing) for item in self._encode(X))

    def _encode(self, X: Sequence[str]) -> list:
        return self._tokenizer.encode_batch([self.clean(text) for text in X])

    def clean(self, text: str) -> str:
        """Return what the tokeniser reads: the text itself."""
        return text


Encoder = SentenceEncoder
