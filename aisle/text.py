"""Text: strip HTML, clean, tokenise, stop words, lemmas, stems, and how many words each step leaves."""

import html
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import pandas as pd
from pydantic import Field

from aisle.params import Section

_NOT_WORD = re.compile(r"[^\w']+|_+")
_TAG = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>|</?[a-zA-Z!][^<>]*>", re.DOTALL)
_HAS_DIGIT = re.compile(r"\d")


class TextParams(Section):
    """Section `text`."""

    keep_numbers: bool
    min_token_length: int = Field(ge=1)


def strip_html(text: str) -> str:
    """Return the text as it came, without HTML tags and entities, whitespace collapsed to single spaces."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def clean(text: str) -> str:
    """Return text without HTML tags and entities, in lower case, punctuation replaced by single spaces.

    An apostrophe inside a word stays (`men's`), so that the lemmatiser can see it.
    """
    text = unicodedata.normalize("NFKC", strip_html(text))
    words = _NOT_WORD.sub(" ", text.lower().replace("\u2019", "'")).split()
    return " ".join(word for word in (word.strip("'") for word in words) if word)


@cache
def _language() -> Any:
    unloaded = "torch" not in sys.modules
    if unloaded:  # spaCy's thinc imports torch wherever it is installed: 2 s for nothing here
        sys.modules["torch"] = None  # type: ignore[assignment]
    import spacy

    if unloaded:
        del sys.modules["torch"]
    nlp = spacy.blank("en")
    nlp.add_pipe("lemmatizer", config={"mode": "lookup"})
    nlp.max_length = sys.maxsize  # a limit for parsers, which this has not
    nlp.initialize()  # the lookup tables of spacy-lookups-data; no download
    return nlp


@cache
def _stemmer() -> Any:
    from nltk.stem import SnowballStemmer

    return SnowballStemmer("english")


def preprocess(texts: Iterable[str], params: TextParams) -> Iterator[dict[str, str]]:
    """Yield the five forms of each text, words joined by single spaces.

    Yields
    ------
    dict
        raw (case and punctuation kept, for encoders with a tokeniser of their own); clean; tokens (spaCy's
        English tokeniser, without stop words, punctuation, short tokens and, unless kept, numbers); lemmas
        (spaCy's lookup table: no part of speech, so "better" becomes "well");
        stems (NLTK's Snowball). Token, lemma and stem lists are parallel.
    """
    pairs = ((clean(text), strip_html(text)) for text in texts)
    for document, raw in _language().pipe(pairs, as_tuples=True, batch_size=256):
        tokens = [
            token
            for token in document
            if len(token.text) >= params.min_token_length
            and not token.is_stop
            and not token.is_punct
            and "'" not in token.text
            and (params.keep_numbers or not _HAS_DIGIT.search(token.text))
        ]
        yield {
            "raw": raw,
            "clean": document.text,
            "tokens": " ".join(token.text for token in tokens),
            "lemmas": " ".join(token.lemma_.lower() for token in tokens),
            "stems": " ".join(_stemmer().stem(token.text) for token in tokens),
        }


def statistics(raw: pd.Series, tokens: pd.Series) -> pd.DataFrame:
    """Return the study's statistics, one row per text.

    Returns
    -------
    pandas.DataFrame
        words_before (whitespace-separated), words_after (tokens kept), reduction (share removed, 0 for an
        empty text).
    """
    before, after = raw.str.count(r"\S+"), tokens.str.count(r"\S+")
    return pd.DataFrame(
        {
            "words_before": before,
            "words_after": after,
            "reduction": (1 - after / before).where(before > 0, 0.0),
        }
    )
