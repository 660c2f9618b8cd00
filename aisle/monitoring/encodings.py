"""What drift is looked for in: the encodings that the champion reads, words where it reads none."""

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer

from aisle.catalogue.text_selection import together
from aisle.deployment.predictor import Inputs, Predictor

FIELDS = ("title", "description")
DIMENSION = 1024
"""Of hashed words: stateless, so that the reference and a batch are encoded alike whatever they hold."""


def of(predictor: Predictor, inputs: Inputs) -> dict[str, np.ndarray]:
    """Return `text`, and `image` where the package reads an encoder of pictures, to float32 (n, dimension).

    NaN where a product has no such input. A package whose models read words and no text encoder has its texts
    as hashed counts of words at length 1.
    """
    found = predictor.encodings(inputs)
    if "text" not in found:
        texts = together(inputs.texts([*FIELDS], "clean"))
        hashed = HashingVectorizer(n_features=DIMENSION, alternate_sign=True).transform(texts)
        vectors = hashed.toarray().astype(np.float32)
        vectors[[not text for text in texts]] = np.nan
        found = {"text": vectors} | found
    return found
