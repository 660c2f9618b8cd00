"""What many products' texts share, such as a listing template around each: it says nothing of a product."""

from collections import Counter
from collections.abc import Iterable, Iterator

from aisle.catalogue.scripts import apart

WINDOW = 5
"""Words in a row that two texts have in common by chance no more."""
FEWEST = 5
"""Products that are many, in a catalogue of whatever size: a few near-duplicates are no template."""


def without_shared(texts: Iterable[str], share: float) -> list[str]:
    """Return each text without the phrases that `share` of the texts have, or more.

    A phrase is `WINDOW` words in a row, in upper or lower case, or a shorter text as a whole. Words of
    scripts without spaces are n-grams.

    Parameters
    ----------
    texts
        Without markup; an empty one is not counted.
    share
        Of the texts that are not empty; at least `FEWEST` must have a phrase.
    """
    written = [apart(text).split() for text in texts]
    words = [[word.casefold() for word in text] for text in written]
    limit = max(share * sum(map(bool, words)), FEWEST)
    frequent = {word for word, count in Counter(_each(words)).items() if count >= limit}
    # a phrase of many texts has words of many texts: no other need be counted
    phrases = [{*_phrases(text, frequent)} for text in words]
    shared = {phrase for phrase, count in Counter(_each(phrases)).items() if count >= limit}
    return [
        " ".join(
            word for word, drop in zip(text, _covered(folded, frequent, shared), strict=True) if not drop
        )
        for text, folded in zip(written, words, strict=True)
    ]


def _each(texts: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield what each text has, once per text."""
    for text in texts:
        yield from set(text)


def _phrases(words: list[str], frequent: set[str]) -> Iterator[str]:
    length, run = min(WINDOW, len(words)), 0
    for end, word in enumerate(words, 1):
        run = run + 1 if word in frequent else 0
        if run >= length:
            yield " ".join(words[end - length : end])


def _covered(words: list[str], frequent: set[str], shared: set[str]) -> list[bool]:
    """Return for each word whether a shared phrase has it."""
    length, run = min(WINDOW, len(words)), 0
    covered = [False] * len(words)
    for end, word in enumerate(words, 1):
        run = run + 1 if word in frequent else 0
        if run >= length and " ".join(words[end - length : end]) in shared:
            covered[end - length : end] = [True] * length
    return covered
