"""Field dropout: a model of texts learns from each product whole, and from some of its fields alone."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from aisle.catalogue.text_selection import SEPARATOR


def copies(texts: Iterable[str], alone: Iterable[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the texts, then for each set of fields those that have some of it and something else besides.

    Parameters
    ----------
    texts
        n texts of `aisle.catalogue.text_selection.apart`.
    alone
        Sets of fields, by their places.

    Returns
    -------
    texts : numpy.ndarray
        Object array (m,), m >= n.
    rows : numpy.ndarray
        The product of each, (m,): a number below n.
    """
    whole = list(texts)
    found, rows = list(whole), list(range(len(whole)))
    for places in alone:
        for row, text in enumerate(whole):
            fields = text.split(SEPARATOR)
            kept = [field if place in places else "" for place, field in enumerate(fields)]
            if any(kept) and kept != fields:
                found.append(SEPARATOR.join(kept))
                rows.append(row)
    return np.array(found, dtype=object), np.array(rows)


class FieldDropout(Pipeline):
    r"""An encoder of texts and a classifier that also know products of which only some fields are there.

    A model of long texts is lost where a product comes with its name alone: it has learned to read the rest.
    So each product is learned from once more with certain fields alone, vocabulary and weights of terms too.
    Copies of a product stand on the same side of any split that the classifier makes: they are its `groups`.

    Parameters
    ----------
    steps
        As of a pipeline: the encoder, the classifier.
    alone
        Sets of fields, by their places in the texts of `aisle.catalogue.text_selection.apart`.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.naive_bayes import MultinomialNB
    >>> texts = np.array(["mug\x1fa thing to drink from", "lamp\x1fa thing that shines"], object)
    >>> model = FieldDropout([("words", CountVectorizer()), ("classifier", MultinomialNB())], [[0]])
    >>> model.fit(texts, np.array(["Cups", "Lamps"]))["classifier"].class_count_.tolist()
    [2.0, 2.0]
    """

    def __init__(self, steps: list[tuple[str, Any]], alone: list[list[int]]) -> None:
        super().__init__(steps)
        self.alone = alone

    def fit(self, X: np.ndarray, y: np.ndarray) -> "FieldDropout":
        """Fit on n texts of `apart` and their categories, and on the copies."""
        texts, rows = copies(X, self.alone)
        name, classifier = self.steps[-1]
        groups = {f"{name}__groups": rows} if has_fit_parameter(classifier, "groups") else {}
        super().fit(texts, np.asarray(y)[rows], **groups)
        return self
