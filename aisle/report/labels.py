"""Text of the catalogue as labels in figures: short, on several lines, and never taken for markup."""

import textwrap


def cut(text: str, length: int) -> str:
    """Return text of at most `length` characters, with an ellipsis where there were more."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def label(text: str, length: int = 40) -> str:
    """Return text cut to `length` characters for a figure; Plotly would take `<` for a tag."""
    return cut(text, length).replace("<", "&lt;").replace(">", "&gt;")


def wrapped(text: str, width: int = 16) -> str:
    """Return text on lines of about `width` characters, so that a phone has room beside it."""
    return "<br>".join(textwrap.wrap(label(text), width)) or " "
