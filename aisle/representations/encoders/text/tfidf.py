"""TF-IDF: term counts, damped and weighted by rarity, each row of length 1."""

from collections.abc import Sequence
from typing import Any, Literal

from sklearn.feature_extraction.text import TfidfVectorizer

from aisle.catalogue.scripts import TOKEN_PATTERN


class Tfidf(TfidfVectorizer):
    """TF-IDF with sublinear term frequency, (n, at most max_features), rows of length 1 or 0; fitted.

    Parameters
    ----------
    max_features
        Terms kept, the most frequent; None keeps all.
    min_df
        Products that a term must occur in.
    ngram_range
        Shortest and longest sequence of words, or of characters, that is a term.
    analyzer
        `word`, or `char_wb`: characters, inside words: for misspelt words, endings and compounds.

    Examples
    --------
    >>> encoder = Tfidf(min_df=1).fit(["red mug", "blue mug"])
    >>> encoder.get_feature_names_out().tolist()
    ['blue', 'mug', 'red']
    >>> encoder.transform(["red mug", "lamp"]).toarray().round(2).tolist()
    [[0.0, 0.58, 0.81], [0.0, 0.0, 0.0]]
    """

    def __init__(
        self,
        max_features: int | None = 2000,
        min_df: int = 2,
        ngram_range: Sequence[int] = (1, 1),
        analyzer: Literal["word", "char_wb"] = "word",
    ) -> None:
        super().__init__(
            analyzer=analyzer,
            max_features=max_features,
            min_df=min_df,
            ngram_range=tuple(ngram_range),
            sublinear_tf=True,
            token_pattern=TOKEN_PATTERN if analyzer == "word" else None,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the address that scikit-learn remembers of the stop words: another in every process."""
        return {name: value for name, value in super().__getstate__().items() if name != "_stop_words_id"}


Encoder = Tfidf
