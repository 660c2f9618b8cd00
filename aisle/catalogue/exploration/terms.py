"""Which terms a catalogue's texts hold: by count (bag of words) and by TF-IDF, overall and per category."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

COLUMNS = ["category", "term", "count", "products", "tfidf", "rank_count", "rank_tfidf"]


def bag(texts: Sequence[str]) -> tuple[csr_array, np.ndarray]:
    """Return the counts of the terms, (n texts, n terms), and the terms, in alphabetical order.

    Parameters
    ----------
    texts
        Terms joined by single spaces; all may be empty.
    """
    if not any(texts):
        return csr_array((len(texts), 0), dtype=np.int64), np.array([], dtype=object)
    vectorizer = CountVectorizer(analyzer=str.split)
    counts = vectorizer.fit_transform(texts)
    return counts, vectorizer.get_feature_names_out()


def table(
    counts: csr_array,
    terms: np.ndarray,
    categories: pd.Series,
    n_terms: int,
    shown: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the most frequent and the heaviest terms of all products and of each category.

    Parameters
    ----------
    counts, terms
        From `bag`.
    categories
        Of the products, in the order of the counts.
    n_terms
        How many by count, and how many by TF-IDF; a term among either is in the table.
    shown
        Names of the categories that have rows of their own; all of them if left out.

    Returns
    -------
    pandas.DataFrame
        category ("" for all), term, count, products (that have it), tfidf (mean over the products; each
        product's weights have length 1, scikit-learn's defaults), rank_count and rank_tfidf (from 1,
        within the category; ties in alphabetical order).
    """
    if not len(terms):
        return pd.DataFrame(columns=COLUMNS)
    weights = TfidfTransformer().fit_transform(counts)
    names = categories.to_numpy(str)
    found = []
    for category in ["", *(sorted(set(names)) if shown is None else shown)]:
        rows = np.flatnonzero(names == category) if category else np.arange(len(names))
        some = counts[rows]
        each = pd.DataFrame(
            {
                "category": category,
                "term": terms,
                "count": np.asarray(some.sum(axis=0)).ravel(),
                "products": np.asarray((some > 0).sum(axis=0)).ravel(),
                "tfidf": np.asarray(weights[rows].mean(axis=0)).ravel(),
            }
        )
        each = each[each["count"] > 0]
        for measure, rank in (("count", "rank_count"), ("tfidf", "rank_tfidf")):
            # rounded, so that equal weights stay equal whatever the order of a sum
            each[rank] = each[measure].round(12).rank(method="first", ascending=False).astype(int)
        best = each[["rank_count", "rank_tfidf"]].min(axis=1) <= n_terms
        found.append(each[best].sort_values("rank_count"))
    return pd.concat(found, ignore_index=True)[COLUMNS]


def frequencies(counts: csr_array, terms: np.ndarray, points: int) -> pd.DataFrame:
    """Return rank, term and count of terms of all texts together, the first and the last among them.

    At most `points` ranks, evenly on a log scale.
    """
    if not len(terms):
        return pd.DataFrame(columns=["rank", "term", "count"])
    total = np.asarray(counts.sum(axis=0)).ravel()
    order = np.argsort(-total, kind="stable")
    ranks = np.unique(np.geomspace(1, len(terms), points).round().astype(int))
    chosen = order[ranks - 1]
    return pd.DataFrame({"rank": ranks, "term": terms[chosen], "count": total[chosen]})
