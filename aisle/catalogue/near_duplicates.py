"""Near-duplicates by text and by picture: their pairs, and the groups that no split may tear apart.

No pair is missed, and not all pairs are looked at (cosine_pairs.py, hash_pairs.py). Texts and pictures that
are the very same are compared once.
"""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from aisle.catalogue import character_vectors, cosine_pairs, hash_pairs

MANY = 5_000_000
"""Pairs beyond which not all are listed: where the same text or picture is on many products, each of these is
then paired with the first of them alone. The groups are the same; `attrs` says how many are not listed."""
UNLISTED = "unlisted"


def text_pairs(texts: pd.Series, threshold: float) -> pd.DataFrame:
    """Return the pairs of texts whose character 3-5-gram TF-IDF cosine is at least `threshold`.

    Returns
    -------
    pandas.DataFrame
        Columns left, right (positions, left < right) and similarity. Empty texts are in no pair; see `MANY`.
    """
    if not texts.str.contains(r"\w").any():
        return pd.DataFrame({"left": [], "right": [], "similarity": []}).astype({"left": int, "right": int})
    same, _ = pd.factorize(texts)
    different = character_vectors.vectors(texts)
    if same.max() + 1 < len(texts):
        different = different[np.unique(same, return_index=True)[1]]
    own, repeated = np.zeros(different.shape[0], np.float32), np.flatnonzero(np.bincount(same) > 1)
    own[repeated] = cosine_pairs.cosines(different, repeated, repeated)
    different = cosine_pairs.shared_columns(different)  # of two texts they are all that matters
    left, right = cosine_pairs.pairs(different, threshold)
    # in either order: the last bit depends on which of two texts comes first
    forth, back = (cosine_pairs.cosines(different, *each) for each in ((left, right), (right, left)))
    table = _of_all(same, own, left, right, forth, back)
    table = table[table["value"] >= np.float32(threshold - 1e-6)]
    table["similarity"] = table.pop("value").astype(float).round(4)
    return table.reset_index(drop=True)


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
        Columns left, right (positions, left < right) and distance (bits); see `MANY`.
    """
    where = np.flatnonzero(hashes.notna())
    if not len(where):
        return pd.DataFrame({"left": [], "right": [], "distance": []}, dtype=int)
    same, different = pd.factorize(hashes.dropna())
    bits = np.array([np.frombuffer(bytes.fromhex(text), np.uint8) for text in different])
    left, right, distance = hash_pairs.pairs(bits, max_distance)
    table = _of_all(same, np.zeros(len(different), int), left, right, distance, distance)
    table["left"], table["right"] = where[table["left"]], where[table["right"]]
    return table.rename(columns={"value": "distance"})


def _of_all(
    same: np.ndarray,
    own: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    forth: np.ndarray,
    back: np.ndarray,
) -> pd.DataFrame:
    """Return the pairs of all items, given those of the different ones.

    Parameters
    ----------
    same
        Which of the k different ones each item is, numbered by their first item.
    own
        (k,): the value of two items that are the same.
    left, right
        The pairs of different ones.
    forth, back
        The value of each pair where the item of `left` comes first, and where that of `right` does.

    Returns
    -------
    pandas.DataFrame
        left, right (positions, left < right, by left and right) and value; see `MANY`.
    """
    items, count = np.argsort(same, kind="stable"), np.bincount(same, minlength=len(own))
    start = np.cumsum(count) - count
    # a pair of one with itself, and of each with each of the other
    one, other = np.concatenate([np.arange(len(own)), left]), np.concatenate([np.arange(len(own)), right])
    size = np.concatenate([count * (count - 1) // 2, count[left] * count[right]])
    every = int(size.sum())
    if every > MANY:
        forth = back = np.maximum(forth, back)
        size = np.concatenate([count - 1, np.ones(len(left), int)])
        step, row = _steps(size), np.repeat(np.arange(len(size)), size)
        first, second = np.zeros_like(step), np.where(one[row] == other[row], step + 1, 0)
    else:
        step, row = _steps(size), np.repeat(np.arange(len(size)), size)
        second, first = np.divmod(step, count[one[row]])
        # the step-th of the pairs of one with itself, by its larger item: 01, 02 12, 03 13 23, ...
        itself = one[row] == other[row]
        larger = ((1 + np.sqrt(1 + 8 * step[itself])) / 2).astype(int)
        second[itself], first[itself] = larger, step[itself] - larger * (larger - 1) // 2
    sides = items[start[one[row]] + first], items[start[other[row]] + second]
    values = (np.concatenate([own, each])[row] for each in (forth, back))
    table = pd.DataFrame(
        {
            "left": np.minimum(*sides),
            "right": np.maximum(*sides),
            "value": np.where(sides[0] < sides[1], *values),
        }
    )
    table.attrs[UNLISTED] = every - len(table)
    return table.sort_values(["left", "right"], ignore_index=True)


def _steps(counts: np.ndarray) -> np.ndarray:
    """Return 0 to count - 1 of each count, one after another."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


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
