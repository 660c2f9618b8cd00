"""Text: what each form needs before it has tokens, and how many words tokens leave.

Tokens, lemmas and stems are made in preprocessing.py by spaCy, and in tokeniser.py by its rules alone.
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

import pandas as pd
from pydantic import Field

from aisle.catalogue.markup import strip_html
from aisle.catalogue.scripts import MARKS, apart, is_unspaced
from aisle.pipeline.params import Section

LONGEST_WORD = 100
"""Characters. What is longer is no word but data or a mistake; it is cut, or it would take quadratic time."""
KNOWN = 100_000
"""Tokens whose stems are kept: a stem takes half of all time, and a catalogue repeats most of its words."""
_STACKED = re.compile(f"([{MARKS}]{{30}})[{MARKS}]+")
"""More marks on a letter than any language has (Unicode's Stream-Safe Text Format): slow to sort."""
_JOINER = re.compile(rf"(?<=[\w{MARKS}])[\u00ad\u200c\u200d\u2060\ufeff]+(?=\w)")
"""Invisible characters inside a word: where it may break, how its letters join."""
_NOT_WORD = re.compile(rf"[^\w'{MARKS}]+|_+")
_LONE_MARKS = re.compile(rf"(?<![\w{MARKS}])[{MARKS}]+")


class TextParams(Section):
    """Section `text`."""

    keep_numbers: bool
    min_token_length: int = Field(ge=1)


def normalise(text: str) -> str:
    """Return the text in Unicode's form NFKC, in linear time."""
    return unicodedata.normalize("NFKC", _STACKED.sub(r"\1", text))


def clean(text: str) -> str:
    """Return text without HTML tags and entities, in lower case, punctuation replaced by single spaces.

    An apostrophe inside a word stays (`men's`), so that the lemmatiser can see it, and so do the marks of a
    letter. Scripts that put no space between words become n-grams (`scripts.apart`).
    """
    text = normalise(strip_html(text))
    text = _JOINER.sub("", text.lower().replace("\u2019", "'"))
    words = apart(_LONE_MARKS.sub("", _NOT_WORD.sub(" ", text))).split()
    return " ".join(
        piece
        for word in words
        for start in range(0, len(word), LONGEST_WORD)
        if (piece := word[start : start + LONGEST_WORD].strip("'"))
    )


def is_long_enough(token: str, params: TextParams) -> bool:
    """Whether a token may stay: one character of a script without spaces can be a word."""
    return len(token) >= params.min_token_length or is_unspaced(token)


def is_contraction(token: str) -> bool:
    """Whether a token is a rest of English contractions, such as `'s`; in other scripts it is a word."""
    return "'" in token and token.isascii()


@cache
def _stemmer() -> Any:
    from nltk.stem import SnowballStemmer

    return SnowballStemmer("english")


@lru_cache(KNOWN)
def stem(token: str) -> str:
    """Return a token's stem by NLTK's Snowball stemmer of English."""
    return str(_stemmer().stem(token))


def statistics(raw: pd.Series, tokens: pd.Series) -> pd.DataFrame:
    """Return the study's statistics, one row per text.

    Returns
    -------
    pandas.DataFrame
        words_before (whitespace-separated; n-grams of a script without spaces), words_after (tokens kept),
        reduction (share removed, 0 for an empty text).
    """
    before, after = raw.map(apart).str.count(r"\S+"), tokens.str.count(r"\S+")
    return pd.DataFrame(
        {
            "words_before": before,
            "words_after": after,
            "reduction": (1 - after / before).where(before > 0, 0.0),
        }
    )
