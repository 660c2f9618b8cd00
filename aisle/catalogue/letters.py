"""What preprocessing leaves of a text's letters, and in which scripts they are written.

English rules of words and stop words are applied to texts of any language. What they do to another one shows
in the letters that are lost; a vocabulary or a count of words would hide it.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

from aisle.catalogue.scripts import script
from aisle.catalogue.text_forms import normalise

MOSTLY = 0.5
"""Share of its letters above which a text has lost most."""
MANY = 0.1
"""Share of a field's texts, above which a warning says that they have lost most: a few are all stop words."""
RARE = 0.01
"""Share of the letters, below which a script is counted among the others: names and signs."""


class Letters:
    """Counts letters before and after preprocessing, field by field."""

    def __init__(self) -> None:
        self._scripts: Counter[str] = Counter()
        self._fields: dict[str, Counter[str]] = {}

    def add(self, field: str, raw: Iterable[str], tokens: Iterable[str]) -> None:
        """Count the letters of a field's texts; those of a field may come in parts.

        Parameters
        ----------
        field
            Its name.
        raw, tokens
            The forms of data/text.parquet, parallel.
        """
        before = after = mostly = 0
        for text, kept in zip(raw, tokens, strict=True):
            letters = _letters(normalise(text).lower())
            left = (letters & _letters(kept)).total()  # each once, though n-grams repeat it
            before, after = before + letters.total(), after + left
            mostly += letters.total() - left > MOSTLY * letters.total()
            for letter, count in letters.items():
                self._scripts[script(letter)] += count
        own = self._fields.setdefault(field, Counter())
        own["before"] += before
        own["after"] += after
        own["mostly"] += int(mostly)

    def update(self, other: "Letters") -> None:
        """Count what another has counted, of other texts."""
        self._scripts.update(other._scripts)
        for field, counts in other._fields.items():
            self._fields.setdefault(field, Counter()).update(counts)

    def totals(self) -> dict[str, Any]:
        """Return the figures of metrics/text.json.

        Returns
        -------
        dict
            <field>_letters_lost_share, <field>_mostly_lost (texts), script_<script>_share (of all letters).
        """
        fields: dict[str, Any] = {}
        for field, own in self._fields.items():
            fields[f"{field}_letters_lost_share"] = 1 - own["after"] / own["before"] if own["before"] else 0.0
            fields[f"{field}_mostly_lost"] = own["mostly"]
        known = Counter({name: count for name, count in self._scripts.items() if name})
        total = known.total()
        shares = {name: count / total for name, count in sorted(known.items()) if count >= RARE * total}
        other = 1 - sum(shares.values()) if total else 0.0
        scripts = {f"script_{name}_share": share for name, share in shares.items()}
        return fields | scripts | {"script_other_share": max(other, 0.0)}


def warnings(totals: dict[str, Any], texts: dict[str, int]) -> list[str]:
    """Return in words which fields have lost most of their letters, or many texts theirs.

    Parameters
    ----------
    totals
        Of `Letters.totals`.
    texts
        Field to how many of its texts are not empty.
    """
    found = []
    for field, count in texts.items():
        lost, mostly = totals[f"{field}_letters_lost_share"], totals[f"{field}_mostly_lost"]
        if lost > MOSTLY or mostly > MANY * count:
            found.append(
                f"preprocessing loses {lost:.0%} of the letters of the {field}, and most of those of "
                f"{mostly:,} of {count:,} texts: its words and stop words are English. Models that read the "
                "form raw or clean lose less."
            )
    return found


def _letters(text: str) -> Counter[str]:
    return Counter({each: count for each, count in Counter(text).items() if _is_letter(each)})


@cache
def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"
