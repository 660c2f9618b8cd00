"""spaCy's English tokens without spaCy: the rules are written into a package, and a predictor applies them.

spaCy and its tables take 300 MB, more than all else that a text needs on its way into a model. Tokens depend
on four things of it: words that are split in a way of their own (`cannot`), and the patterns of what is cut
off a word's start, off its end, and inside it (`10kg`). `preprocessing.rules` reads them from spaCy, and
`test_tokeniser.py` holds what is done with them here against spaCy itself.
"""

import re
import unicodedata
from functools import cache

from pydantic import Field

from aisle.catalogue.text_forms import TextParams, clean, is_contraction, is_long_enough, stem
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section

FORMS = ("tokens", "lemmas", "stems")
"""Forms of a text that are lists of tokens, in the order of the work that they take."""
_HAS_DIGIT = re.compile(r"\d")


class Rules(Section):
    """What spaCy's English tokeniser knows.

    Parameters
    ----------
    exceptions
        Word to the tokens that it is split into, whatever the patterns say.
    prefix, suffix, infix
        Regular expressions of what is cut off at a word's start, off its end, and inside it.
    stop_words
        Tokens that are left out.
    lemmas
        Token to its lemma, where that is another; None in a package whose models read no lemmas.
    """

    exceptions: dict[str, list[str]]
    prefix: str
    suffix: str
    infix: str
    stop_words: frozenset[str]
    lemmas: dict[str, str] | None = Field(default=None, repr=False)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def split(word: str, rules: Rules) -> list[str]:
    """Return the tokens of a word without white space, as spaCy's tokeniser finds them.

    Affixes are cut off from outside, in turn at the start and at the end, until the rest is an exception or
    has none; what then remains is split inside.
    """
    start, end = _compiled(rules.prefix), _compiled(rules.suffix)
    before: list[str] = []
    after: list[str] = []
    while word and word not in rules.exceptions:
        prefix = start.search(word)
        cut = prefix.end() if prefix else 0
        if cut and word[cut:] in rules.exceptions:
            before.append(word[:cut])
            word = word[cut:]
            break
        suffix = end.search(word)
        rest = len(word) - suffix.start() if suffix else 0
        if rest and word[:-rest] in rules.exceptions:
            after.append(word[-rest:])
            word = word[:-rest]
            break
        if not cut and not rest:
            break
        if cut and rest and cut + rest > len(word):  # both would take the same characters
            rest = 0
        if cut:
            before.append(word[:cut])
        if rest:
            after.append(word[-rest:])
        word = word[cut : len(word) - rest]
    return before + _inside(word, rules) + after[::-1]


def _inside(word: str, rules: Rules) -> list[str]:
    if not word:
        return []
    if word in rules.exceptions:
        return rules.exceptions[word]
    tokens, done = [], 0
    for match in _compiled(rules.infix).finditer(word):
        if match.start() == 0:
            continue
        tokens += [word[done : match.start()], match[0]]
        done = match.end()
    return [token for token in [*tokens, word[done:]] if token]


def _kept(token: str, params: TextParams, rules: Rules) -> bool:
    return (
        is_long_enough(token, params)
        and token not in rules.stop_words
        and not is_contraction(token)
        and not all(unicodedata.category(character).startswith("P") for character in token)
        and (params.keep_numbers or not _HAS_DIGIT.search(token))
    )


def apply(text: str, form: str, params: TextParams, rules: Rules) -> str:
    """Return a form of a raw text, tokens joined by single spaces: as `preprocessing.preprocess` gives it.

    Raises
    ------
    AisleError
        If `form` is none of `FORMS`, or lemmas are asked for and the rules have none.
    """
    if form not in FORMS:
        raise AisleError(f"form must be one of {', '.join(FORMS)}, not {form!r}")
    words = clean(text).split()
    kept = {word: of_word(word, form, params, rules) for word in dict.fromkeys(words)}
    return " ".join(token for word in words for token in kept[word])


def of_word(word: str, form: str, params: TextParams, rules: Rules) -> list[str]:
    """Return what is kept of a word of a cleaned text, in one of `FORMS`: it does not depend on the others.

    Raises
    ------
    AisleError
        If lemmas are asked for and the rules have none.
    """
    tokens = [token for token in split(word, rules) if _kept(token, params, rules)]
    if form == "lemmas":
        if rules.lemmas is None:
            raise AisleError("the rules must have lemmas for a model that reads them; package it again")
        return [rules.lemmas.get(token, token).lower() for token in tokens]
    return [stem(token) for token in tokens] if form == "stems" else tokens
