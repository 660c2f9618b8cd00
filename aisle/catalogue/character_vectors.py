"""TF-IDF of character n-grams of many texts, by all processors: what scikit-learn makes, bit for bit."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from aisle.pipeline.cores import in_processes

CHUNK = 4096
"""Texts counted by one process at a time; fewer are counted where they are."""


def vectors(texts: pd.Series) -> csr_matrix:
    """Return float32 (n, n-grams), rows of length 1: TF-IDF of 3- to 5-grams of characters within words.

    The same values as of scikit-learn's TfidfVectorizer, and each row has them in the same order, by which
    products of rows are summed: by where in the catalogue an n-gram first occurs.

    Parameters
    ----------
    texts
        At least one has a letter or a digit.
    """
    starts = range(0, len(texts), CHUNK)
    numbers = dict[str, int]()
    parts: dict[str, list[np.ndarray]] = {"data": [], "indices": [], "length": []}
    for terms, counts in in_processes(lambda start: _counted(texts.iloc[start : start + CHUNK]), starts):
        own = np.array([numbers.setdefault(term, len(numbers)) for term in terms], np.int32)
        parts["data"].append(counts.data)
        parts["indices"].append(own[counts.indices] if len(own) else counts.indices)
        parts["length"].append(np.diff(counts.indptr))
    # one after the other, each taken apart from its parts: of many texts there is room for the matrix once
    data, indices, length = (np.concatenate(parts.pop(name)) for name in ("data", "indices", "length"))
    indptr = np.concatenate([[0], np.cumsum(length, dtype=np.int64)])
    matrix = csr_matrix((data, indices, indptr), (len(texts), len(numbers)))
    matrix.sort_indices()
    return TfidfTransformer().fit(matrix).transform(matrix, copy=False)


def _counted(texts: pd.Series) -> tuple[list[str], csr_matrix]:
    """Return the n-grams of texts as they first occur, and how often each text has them."""
    if not texts.str.contains(r"\S").any():  # signs are n-grams too
        return [], csr_matrix((len(texts), 0), dtype=np.float32)
    vectorizer = CountVectorizer(analyzer="char_wb", ngram_range=(3, 5), dtype=np.float32)
    counts = vectorizer.fit_transform(texts)  # each row has them in the order in which they first occur
    columns, first = np.unique(counts.indices, return_index=True)
    order = columns[np.argsort(first)]
    number = np.empty(counts.shape[1], np.int32)
    number[order] = np.arange(len(order))
    counts.indices = number[counts.indices]
    return vectorizer.get_feature_names_out()[order].tolist(), counts
