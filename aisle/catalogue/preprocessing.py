"""The forms of a text by spaCy, and the rules that give the same tokens without it (tokeniser.py)."""

import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from aisle.catalogue.text_forms import (
    TextParams,
    clean,
    is_contraction,
    is_long_enough,
    stem,
    strip_html,
)

_HAS_DIGIT = re.compile(r"\d")


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


def rules(lemmas: bool) -> dict[str, Any]:
    """Return what spaCy knows of English tokens, for tokeniser.Rules; `lemmas`: those too, a megabyte.

    Exceptions that no cleaned text can have, such as emoticons, are left out.
    """
    nlp = _language()

    from spacy import util  # what it imports of torch has been seen to
    from spacy.symbols import ORTH

    tokeniser = nlp.tokenizer
    exceptions = {
        word: [token[ORTH] for token in tokens]
        for word, tokens in sorted(tokeniser.rules.items())
        if word and clean(word) == word
    }
    found: dict[str, Any] = {
        "exceptions": exceptions,
        "prefix": tokeniser.prefix_search.__self__.pattern,
        "suffix": tokeniser.suffix_search.__self__.pattern,
        "infix": tokeniser.infix_finditer.__self__.pattern,
        "stop_words": sorted(nlp.Defaults.stop_words),
    }
    if lemmas:  # the component's own table knows hashes of the words alone
        table: Any = util.load_language_data(util.registry.lookups.get("en")["lemma_lookup"])
        found["lemmas"] = {
            word: lemma for word, lemma in sorted(table.items()) if clean(word) == word != lemma
        }
    return found


def preprocess_all(texts: Iterable[str], params: TextParams) -> list[dict[str, str]]:
    """Return what `preprocess` yields; spaCy forgets the words, which it would keep."""
    with _language().memory_zone():
        return list(preprocess(texts, params))


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
            if is_long_enough(token.text, params)
            and not token.is_stop
            and not token.is_punct
            and not is_contraction(token.text)
            and (params.keep_numbers or not _HAS_DIGIT.search(token.text))
        ]
        yield {
            "raw": raw,
            "clean": document.text,
            "tokens": " ".join(token.text for token in tokens),
            "lemmas": " ".join(token.lemma_.lower() for token in tokens),
            "stems": " ".join(stem(token.text) for token in tokens),
        }
