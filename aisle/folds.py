"""Near-duplicate groups, the hold-out split and the repeated cross-validation folds."""

from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import StratifiedGroupKFold

from aisle.errors import AisleError
from aisle.params import Section

BLOCK = 1024
"""Rows compared with all others at a time: bounds memory."""


class FoldsParams(Section):
    """Section `folds`."""

    seed: int
    n_splits: int = Field(ge=3)  # the training part of each fold is itself split, for inner predictions
    n_repeats: int = Field(ge=1)
    text_similarity: float = Field(gt=0, le=1)
    picture_distance: int = Field(ge=0, lt=128)


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
    found = []
    for start in range(0, matrix.shape[0], BLOCK):
        cosine = (matrix[start : start + BLOCK] @ matrix[start:].T).tocoo()
        near = (cosine.data >= threshold - 1e-6) & (cosine.row < cosine.col)
        found.append(
            pd.DataFrame(
                {
                    "left": cosine.row[near] + start,
                    "right": cosine.col[near] + start,
                    "similarity": cosine.data[near].astype(float).round(4),
                }
            )
        )
    return pd.concat(found).sort_values(["left", "right"], ignore_index=True)


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
    found = []
    for start in range(0, len(where), BLOCK):
        ones = np.unpackbits(bits[start : start + BLOCK], axis=1).astype(np.float32)
        others = np.unpackbits(bits[start:], axis=1).astype(np.float32)
        distance = ones.sum(1)[:, None] + others.sum(1)[None] - 2 * ones @ others.T
        left, right = np.nonzero(np.triu(distance <= max_distance, 1))
        found.append(
            pd.DataFrame(
                {
                    "left": where[left + start],
                    "right": where[right + start],
                    "distance": distance[left, right].astype(int),
                }
            )
        )
    empty = pd.DataFrame({"left": [], "right": [], "distance": []}, dtype=int)
    return pd.concat([empty, *found]).sort_values(["left", "right"], ignore_index=True)


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


def fold_numbers(categories: np.ndarray, group: np.ndarray, n_splits: int, seed: int) -> np.ndarray:
    """Return the test fold (0 to n_splits - 1) of each product: stratified, groups never split."""
    fold = np.full(len(categories), -1)
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    for number, (_, test) in enumerate(splitter.split(categories, categories, group)):
        fold[test] = number
    return fold


def make(products: pd.DataFrame, group: np.ndarray, params: FoldsParams) -> pd.DataFrame:
    """Return the table of data/folds.parquet.

    Parameters
    ----------
    products
        Columns product_id and category.
    group
        From `groups`.
    params
        Seed, folds and repeats.

    Returns
    -------
    pandas.DataFrame
        product_id, category, group, split (train, validation, test: 60/20/20) and cv_0, cv_1, ...: the fold
        in which the product is tested, for each repeat.

    Raises
    ------
    AisleError
        If a category has fewer groups than folds: it would be missing from a test fold.
    """
    category = products["category"].to_numpy(str)
    per_category = pd.Series(group).groupby(category).nunique()
    needed = max(params.n_splits, 5)
    if (short := per_category[per_category < needed]).size:
        raise AisleError(
            f"each category must have at least {needed} groups of near-duplicates to be in every fold; "
            f"{short.index[0]!r} has {short.iloc[0]}. Where many products share a text or a picture, such as "
            "'no picture', remove it from them, or make folds.text_similarity or picture_distance stricter."
        )
    fifths = fold_numbers(category, group, 5, params.seed)
    table = pd.DataFrame(
        {
            "product_id": products["product_id"],
            "category": category,
            "group": group,
            "split": np.select([fifths == 0, fifths == 1], ["test", "validation"], "train"),
        }
    )
    for repeat in range(params.n_repeats):
        table[f"cv_{repeat}"] = fold_numbers(category, group, params.n_splits, params.seed + repeat)
    return table


def counts(table: pd.DataFrame, text: pd.DataFrame, picture: pd.DataFrame) -> dict[str, Any]:
    """Return the figures of metrics/folds.json."""
    size = table["group"].value_counts()
    mixed = table.groupby("group")["category"].nunique()
    return {
        "groups": len(size),
        "groups_of_several": int((size > 1).sum()),
        "products_in_groups_of_several": int(size[size > 1].sum()),
        "largest_group": int(size.max()),
        "groups_across_categories": int((mixed > 1).sum()),
        "text_pairs": len(text),
        "picture_pairs": len(picture),
        **{f"{name}_share": share for name, share in table["split"].value_counts(normalize=True).items()},
    }
