"""Near-duplicates by text and by picture: their pairs, and the groups that no split may tear apart."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import TfidfVectorizer

BLOCK = 1024
"""Rows compared with all others at a time: bounds memory."""


def text_pairs(texts: pd.Series, threshold: float) -> pd.DataFrame:
    """Return the pairs of texts whose character 3-5-gram TF-IDF cosine is at least `threshold`.

    Returns
    -------
    pandas.DataFrame
        Columns left, right (positions, left < right) and similarity. Empty texts are in no pair.
    """
    if not texts.str.contains(r"\w").any():
        return pd.DataFrame({"left": [], "right": [], "similarity": []}).astype({"left": int, "right": int})
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), dtype=np.float32)
    matrix = vectorizer.fit_transform(texts)
    blocks = []
    for start in range(0, matrix.shape[0], BLOCK):
        cosine = (matrix[start : start + BLOCK] @ matrix[start:].T).tocoo()
        near = (cosine.data >= threshold - 1e-6) & (cosine.row < cosine.col)
        blocks.append(
            pd.DataFrame(
                {
                    "left": cosine.row[near] + start,
                    "right": cosine.col[near] + start,
                    "similarity": cosine.data[near].astype(float).round(4),
                }
            )
        )
    return pd.concat(blocks).sort_values(["left", "right"], ignore_index=True)


def picture_pairs(hashes: pd.Series, max_distance: int) -> pd.DataFrame:
    """Return the pairs of pictures whose perceptual hashes differ in at most `max_distance` bits.

    Parameters
    ----------
    hashes
        Hexadecimal hashes, null where there is no picture.
    max_distance
        In bits.

    Returns
    -------
    pandas.DataFrame
        Columns left, right (positions, left < right) and distance (bits).
    """
    where = np.flatnonzero(hashes.notna())
    bits = np.array([np.frombuffer(bytes.fromhex(text), np.uint8) for text in hashes.dropna()])
    blocks = []
    for start in range(0, len(where), BLOCK):
        ones = np.unpackbits(bits[start : start + BLOCK], axis=1).astype(np.float32)
        others = np.unpackbits(bits[start:], axis=1).astype(np.float32)
        distance = ones.sum(1)[:, None] + others.sum(1)[None] - 2 * ones @ others.T
        left, right = np.nonzero(np.triu(distance <= max_distance, 1))
        blocks.append(
            pd.DataFrame(
                {
                    "left": where[left + start],
                    "right": where[right + start],
                    "distance": distance[left, right].astype(int),
                }
            )
        )
    empty = pd.DataFrame({"left": [], "right": [], "distance": []}, dtype=int)
    return pd.concat([empty, *blocks]).sort_values(["left", "right"], ignore_index=True)


def of_products(pairs: pd.DataFrame, product: np.ndarray) -> pd.DataFrame:
    """Return pairs of pictures as pairs of products, each with the smallest distance of their pictures.

    Parameters
    ----------
    pairs
        From `picture_pairs`.
    product
        Position of each picture's product.
    """
    sides = np.sort([product[pairs[side].to_numpy(int)] for side in ("left", "right")], axis=0)
    table = pd.DataFrame({"left": sides[0], "right": sides[1], "distance": pairs["distance"].to_numpy(int)})
    of_two = table[table["left"] != table["right"]].sort_values(["left", "right", "distance"])
    return of_two.drop_duplicates(["left", "right"], ignore_index=True)


def groups(n: int, *pairs: pd.DataFrame) -> np.ndarray:
    """Return the near-duplicate group of each of n products: connected components over all pairs.

    Returns
    -------
    numpy.ndarray
        int (n,); groups are numbered by their first member.
    """
    left = np.concatenate([table["left"].to_numpy(int) for table in pairs])
    right = np.concatenate([table["right"].to_numpy(int) for table in pairs])
    graph = coo_array((np.ones(len(left)), (left, right)), shape=(n, n))
    return pd.factorize(connected_components(graph, directed=False)[1])[0]
