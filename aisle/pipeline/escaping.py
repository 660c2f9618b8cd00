"""Text of catalogues at the edges where another program would read it as more than text."""

import re
from typing import Any

import pandas as pd

_MARKDOWN = (
    (re.compile(r"<"), "&lt;"),  # HTML, and <https://...>
    (re.compile(r"!\["), "&#33;["),  # pictures, which are fetched from elsewhere when the file is looked at
    (re.compile(r"\]([(\[:])"), lambda match: f"]&#{ord(match[1])};"),  # links, and what they refer to
    (re.compile(r"(?i)\b(https?|ftp):(?=//)"), r"\1&#58;"),  # addresses, which GitHub makes links of
    (re.compile(r"(?i)\bwww\."), lambda match: f"{match[0][:-1]}&#46;"),
    (re.compile(r"(?<!\\)\|"), r"\\|"),
)
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA = re.compile(f"(?:^(?='*[{_SIGNS}\\t\\r\\n])|(?<=[;\\t\\n])(?='*[{_SIGNS}]))")
"""Where something begins that a spreadsheet would calculate, in East Asia of full width too, or looks as if
it had been escaped before: at a text's start, or behind what ends a cell in another country."""
_ESCAPED = re.compile(f"{_FORMULA.pattern}'")
_NUMBER = re.compile(r"[+-]?(\d[\d.,]*|\.\d+)([eE][+-]?\d+)? ?%?")


def markdown(text: Any) -> str:
    """Return a text as one line of Markdown, also in a table's cell, that has no HTML, picture or link.

    Other marks are left as they are: `*` and `_` make a word fat or slanted and do nothing else.
    """
    line = " ".join(str(text).split())
    for pattern, instead in _MARKDOWN:
        line = pattern.sub(instead, line)
    return line


def formula(value: Any) -> Any:
    """Return a cell of a CSV such that no spreadsheet takes a text, or a part of it, for a formula.

    What would begin one gets an apostrophe before it. Numbers stay, also those that are texts
    (`-5`). `unformula` takes the apostrophes away again.
    """
    if not isinstance(value, str):
        return value
    if "\r" in value:  # Python's writer leaves it bare, and readers begin a row there
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return value if _NUMBER.fullmatch(value) else _FORMULA.sub("'", value)


def unformula(value: Any) -> Any:
    """Return what `formula` was given, but for carriage returns, which are line feeds since."""
    return _ESCAPED.sub("", value) if isinstance(value, str) else value


def each_text(table: pd.DataFrame, change: Any) -> pd.DataFrame:
    """Return a table with `formula` or `unformula` applied to its names of columns and its texts."""
    texts = [place for place, kind in enumerate(table.dtypes) if str(kind) in ("object", "string", "str")]
    result = table.copy(deep=False)
    for place in texts:
        result.isetitem(place, table.iloc[:, place].map(change).to_numpy())
    return result.rename(columns=change)
