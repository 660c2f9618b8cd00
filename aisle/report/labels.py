"""Text of the catalogue as labels in figures: short, and never taken for markup."""


def cut(text: str, length: int = 60) -> str:
    """Return text of at most `length` characters, with an ellipsis where there were more."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def label(text: str, length: int = 40) -> str:
    """Return text cut to `length` characters for a figure; Plotly would take `<` for a tag."""
    return cut(text, length).replace("<", "&lt;").replace(">", "&gt;")
