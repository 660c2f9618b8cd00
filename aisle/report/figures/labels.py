"""Text of the catalogue as labels in figures: short, and never taken for markup."""

from collections import Counter
from collections.abc import Iterable


def cut(text: str, length: int = 60) -> str:
    """Return text of at most `length` characters, with an ellipsis where there were more."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def label(text: str, length: int = 40) -> str:
    """Return text cut to `length` characters for a figure; Plotly would take `<` for a tag."""
    return cut(text, length).replace("<", "&lt;").replace(">", "&gt;")


def endings(names: Iterable[str], length: int = 34) -> dict[str, str]:
    """Return a label of each name: of a long path its end, by which it is told from its siblings.

    Where two names have the same end, both keep their whole length.
    """
    short = {name: name if len(name) <= length else "…" + name[-(length - 1) :].lstrip() for name in names}
    times = Counter(short.values())
    return {name: end if times[end] == 1 else name for name, end in short.items()}
