r"""Writing systems: which characters make a word, and words of scripts that put no space between them.

`\w` knows letters and digits. It lacks combining marks, such as the vowel signs of Hindi, the tones of Thai
and the vowels of Arabic, without which such words fall to pieces. Everything here is a part of a character
class of `re`, so that a predictor needs no library for it.
"""

import re
import unicodedata
from functools import cache

_IDEOGRAPHS = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\U0001b000-\U0001b16f"
_BOPOMOFO = "\u3105-\u312f\u31a0-\u31bf"
_THAI_AND_LAO = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf"
_KHMER = "\u1780-\u17d3\u17d7\u17dc-\u17dd"
_BURMESE = "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"
SYLLABIC = _IDEOGRAPHS + _KANA + _BOPOMOFO
"""Chinese and Japanese: a word has one or two characters, mostly. Tokens are pairs."""
ALPHABETIC = _THAI_AND_LAO + _KHMER + _BURMESE
"""Thai, Lao, Khmer, Burmese: a syllable has two or three letters. Tokens have three, each with its marks."""
UNSPACED = SYLLABIC + ALPHABETIC
_VARIATION = {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
"""Selectors of a glyph, as of an emoji: marks by their category, and nothing that a word has."""


def _marks() -> str:
    points = {
        point
        for point in range(0x300, 0x20000)  # none is above
        if unicodedata.category(chr(point)) in ("Mn", "Mc")
    } - _VARIATION
    starts = sorted(point for point in points if point - 1 not in points)
    ends = sorted(point for point in points if point + 1 not in points)
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))


MARKS = _marks()
"""Combining marks, spacing or not."""
TOKEN_PATTERN = rf"(?u)[\w{MARKS}]{{2,}}|[{UNSPACED}]"
"""Words of two characters or more, as scikit-learn's own pattern finds them, with their marks; a character of
a script without spaces is a word too."""
_UNSPACED = re.compile(f"[{UNSPACED}]")
_RUNS = [
    (re.compile(f"[{SYLLABIC}][{SYLLABIC}{MARKS}]*"), 2),
    (re.compile(f"[{ALPHABETIC}][{ALPHABETIC}{MARKS}]*"), 3),
]
_WITH_MARKS = re.compile(f".[{MARKS}]*", re.DOTALL)


def is_unspaced(text: str) -> bool:
    """Whether a text has a character of a script that puts no space between words."""
    return _UNSPACED.search(text) is not None


def apart(text: str) -> str:
    """Return the text with each run of a script without spaces as its overlapping n-grams, spaces between.

    Two characters of Chinese and Japanese (as of Lucene's CJK analyser), three letters of Thai, Lao, Khmer
    and Burmese, each letter with its marks. A shorter run is one word. Other text stays as it is.
    """
    if is_unspaced(text):
        for run, n in _RUNS:
            text = run.sub(lambda found, n=n: f" {_n_grams(found[0], n)} ", text)  # type: ignore[misc]
    return text


def _n_grams(run: str, n: int) -> str:
    letters = _WITH_MARKS.findall(run)
    return " ".join("".join(letters[i : i + n]) for i in range(max(1, len(letters) - n + 1)))


@cache
def script(character: str) -> str:
    """Return the writing system of a letter or mark in one word, such as `latin`; "" of anything else."""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    if _IDEOGRAPH.match(character):
        return "han"
    if _KANA_LETTER.match(character):
        return "kana"
    first = unicodedata.name(character, "other").split()[0].split("-")[0].lower()
    return "" if first in _NO_SCRIPT else first


_IDEOGRAPH, _KANA_LETTER = re.compile(f"[{_IDEOGRAPHS}]"), re.compile(f"[{_KANA}]")
_NO_SCRIPT = {"combining", "modifier", "variation", "feminine", "masculine", "mathematical"}
"""First words of names that are used with any script."""
