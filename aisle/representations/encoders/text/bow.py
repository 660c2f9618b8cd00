"""Bag of words: counts of the most frequent terms."""

from collections.abc import Sequence

from sklearn.feature_extraction.text import CountVectorizer

from aisle.catalogue.scripts import TOKEN_PATTERN


class BagOfWords(CountVectorizer):
    """Term counts, (n, at most max_features); fitted.

    Parameters
    ----------
    max_features
        Terms kept, the most frequent.
    min_df
        Products that a term must occur in.
    ngram_range
        Shortest and longest sequence of words that is a term.

    Examples
    --------
    >>> BagOfWords(min_df=1).fit_transform(["red mug", "blue mug mug"]).toarray().tolist()
    [[0, 1, 1], [1, 2, 0]]
    """

    def __init__(
        self, max_features: int = 2000, min_df: int = 2, ngram_range: Sequence[int] = (1, 1)
    ) -> None:
        super().__init__(
            max_features=max_features,
            min_df=min_df,
            ngram_range=tuple(ngram_range),
            token_pattern=TOKEN_PATTERN,
        )


Encoder = BagOfWords
