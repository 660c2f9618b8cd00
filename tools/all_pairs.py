"""Near-duplicates by comparing all pairs, as at 89f9e67: what the pipeline's own are held against."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

BLOCK = 1024
"""Rows compared with all others at a time: bounds memory."""


def vectors(texts: pd.Series) -> csr_matrix:
    """Return what `aisle.catalogue.character_vectors.vectors` must return."""
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), dtype=np.float32)
    return vectorizer.fit_transform(texts)


def text_pairs(texts: pd.Series, threshold: float) -> pd.DataFrame:
    """Return what `aisle.catalogue.near_duplicates.text_pairs` must return."""
    matrix = vectors(texts)
    blocks = []
    for start in range(0, matrix.shape[0], BLOCK):
        cosine = (matrix[start : start + BLOCK] @ matrix[start:].T).tocoo()
        near = (cosine.data >= threshold - 1e-6) & (cosine.row < cosine.col)
        left, right = cosine.row[near] + start, cosine.col[near] + start
        similarity = cosine.data[near].astype(float).round(4)
        blocks.append(pd.DataFrame({"left": left, "right": right, "similarity": similarity}))
    return pd.concat(blocks).sort_values(["left", "right"], ignore_index=True)


def picture_pairs(hashes: pd.Series, max_distance: int) -> pd.DataFrame:
    """Return what `aisle.catalogue.near_duplicates.picture_pairs` must return."""
    where = np.flatnonzero(hashes.notna())
    bits = np.array([np.frombuffer(bytes.fromhex(text), np.uint8) for text in hashes.dropna()])
    blocks = []
    for start in range(0, len(where), BLOCK):
        ones = np.unpackbits(bits[start : start + BLOCK], axis=1).astype(np.float32)
        others = np.unpackbits(bits[start:], axis=1).astype(np.float32)
        distance = ones.sum(1)[:, None] + others.sum(1)[None] - 2 * ones @ others.T
        left, right = np.nonzero(np.triu(distance <= max_distance, 1))
        far = distance[left, right].astype(int)
        blocks.append(
            pd.DataFrame({"left": where[left + start], "right": where[right + start], "distance": far})
        )
    empty = pd.DataFrame({"left": [], "right": [], "distance": []}, dtype=int)
    return pd.concat([empty, *blocks]).sort_values(["left", "right"], ignore_index=True)
