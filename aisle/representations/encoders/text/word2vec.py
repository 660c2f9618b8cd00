"""Word2Vec trained on the catalogue's own texts: a text is the TF-IDF-weighted mean of its words' vectors."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from zlib import crc32

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer

from aisle.pipeline.errors import AisleError
from aisle.representations.encoders.options import check_counts


class MeanWord2Vec(TransformerMixin, BaseEstimator):
    """Mean of the word vectors of a text, weighted by TF-IDF, (n, vector_size); fitted.

    Texts are split at whitespace. Mikolov et al. 2013; gensim.

    Parameters
    ----------
    vector_size
        Dimension of the vectors.
    window
        Words on each side of a word that are its context, at most.
    min_count
        Occurrences in all texts that a word must have.
    epochs
        Passes over the texts; few texts need many.
    sg
        1: skip-gram, 0: continuous bag of words.
    seed
        Seed of the first vectors, the windows and the negative samples.

    Examples
    --------
    >>> MeanWord2Vec(vector_size=4, min_count=1).fit_transform(["red mug", "blue mug"]).shape
    (2, 4)
    """

    def __init__(
        self,
        vector_size: int = 100,
        window: int = 10,
        min_count: int = 2,
        epochs: int = 20,
        sg: int = 1,
        seed: int = 0,
    ) -> None:
        self.vector_size = vector_size
        self.window = window
        self.min_count = min_count
        self.epochs = epochs
        self.sg = sg
        self.seed = seed

    def fit(self, X: Sequence[str], y: object = None) -> "MeanWord2Vec":
        """Learn the word vectors `vectors_`, float32 (words, vector_size), and the words' weights `tfidf_`.

        Raises
        ------
        AisleError
            If an option is out of range, or no word is frequent enough.
        """
        from gensim.models import Word2Vec

        check_counts(self, "vector_size", "window", "min_count", "epochs")
        if self.sg not in (0, 1):
            raise AisleError(f"sg must be 0 or 1, not {self.sg!r}")
        # sorted: the result depends on the order of training, and that of the products says nothing
        sentences = [text.split() for text in sorted(X)]
        if max(Counter(chain(*sentences)).values(), default=0) < self.min_count:
            raise AisleError(f"min_count must leave words: none stands {self.min_count} times in the texts")
        model = Word2Vec(
            sentences,
            vector_size=self.vector_size,
            window=self.window,
            min_count=self.min_count,
            epochs=self.epochs,
            sg=self.sg,
            seed=self.seed,
            workers=1,  # with several, the order of the updates is that of the threads
            hashfxn=_hash,
        )
        self.vectors_ = model.wv.vectors
        self.tfidf_ = TfidfVectorizer(analyzer=str.split, vocabulary=model.wv.index_to_key, norm="l1").fit(X)
        return self

    def transform(self, X: Sequence[str]) -> np.ndarray:
        """Return float32 (n, vector_size); NaN for a text without a word of the vocabulary."""
        weights = self.tfidf_.transform(X)  # the weights of a row sum to 1
        vectors = np.asarray(weights @ self.vectors_, np.float32)
        vectors[np.diff(weights.indptr) == 0] = np.nan
        return vectors

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return `word2vec_<number>` for each column."""
        return np.array([f"word2vec_{i}" for i in range(self.vector_size)])


def _hash(word: str) -> int:
    """Return the same number in each process; gensim's default is Python's hash (unused by gensim 4.4)."""
    return crc32(word.encode())


Encoder = MeanWord2Vec
