"""TF-IDF of character n-grams of many texts: what scikit-learn makes, bit for bit, sooner.

Words repeat from text to text. So the n-grams of each different word are cut out once, and those of a text
are a product of matrices: how often it has which word, times how often each word has which n-gram.
"""

from array import array
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer

LEAST, MOST = 3, 5
"""Characters of an n-gram."""


def vectors(texts: pd.Series) -> csr_matrix:
    """Return float32 (n, n-grams), rows of length 1: TF-IDF of 3- to 5-grams of characters within words.

    The same values as of scikit-learn's TfidfVectorizer (`analyzer="char_wb"`), and each row has them in the
    same order, by which products of rows are summed: by where in the catalogue an n-gram first occurs.

    Parameters
    ----------
    texts
        At least one has a letter or a digit.
    """
    words, ngrams = dict[str, int](), dict[str, int]()
    of_texts = _rows([words.setdefault(word, len(words)) for word in text.lower().split()] for text in texts)
    of_words = _rows([ngrams.setdefault(each, len(ngrams)) for each in _ngrams(word)] for word in words)
    counts, parts = (
        csr_matrix((np.ones(len(indices), np.float32), indices, indptr), (len(indptr) - 1, len(names)))
        for (indices, indptr), names in ((of_texts, words), (of_words, ngrams))
    )
    matrix = counts @ parts
    matrix.sort_indices()
    return TfidfTransformer().fit(matrix).transform(matrix, copy=False)


def _ngrams(word: str) -> Iterator[str]:
    """Yield the n-grams of a word with a space at both ends; of a shorter one, the whole once."""
    padded = f" {word} "
    for n in range(LEAST, min(MOST, len(padded)) + 1):
        yield from (padded[start : start + n] for start in range(len(padded) - n + 1))


def _rows(numbers: Iterator[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return `indices` and `indptr` of a sparse matrix whose rows have these columns."""
    indices, indptr = array("i"), [0]
    for row in numbers:
        indices.extend(row)
        indptr.append(len(indices))
    return np.array(indices, np.int32), np.array(indptr)
