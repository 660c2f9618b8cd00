"""The pictures that a cell of a source names: one, several in a text or a list, or their bytes."""

import re
from typing import Any

from aisle.catalogue.formats import json_records

_ADDRESS = re.compile(r"(?:https?:)?//\S+", re.IGNORECASE)
_BETWEEN = re.compile(r"(?<![\s,;|])[\s,;|]++(?=(?:https?:)?//)", re.IGNORECASE)
"""Between two addresses; a run of such signs is looked at once, from its start."""
_NAME = re.compile(r"[^:]*\S\.(jpe?g|png|gif|webp|bmp|tiff?|avif)", re.IGNORECASE)
_MARKS = (",", "|", ";", "\n", " ")


def pictures(value: Any, separator: str | None = None) -> tuple[list[str], list[bytes]]:
    """Return the names and the bytes of the pictures in a cell, in its order, each once.

    Parameters
    ----------
    value
        A text, bytes, or a list of such; JSON in a text is a list.
    separator
        Between several names in a text; by default the mark that leaves only addresses or names of pictures.
    """
    names: dict[str, None] = {}
    contents: dict[bytes, None] = {}

    def add(item: Any) -> None:
        if isinstance(item, bytes):
            contents.setdefault(item)
        elif isinstance(item, list):
            for each in item:
                add(each)
        elif isinstance(item, str):
            for name in _split(item.strip(), separator):
                names.setdefault(name)

    add(_from_json(value))
    return list(names), list(contents)


def _from_json(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return json_records.loads(value)
        except ValueError:  # a name such as "[a].jpg"
            return value
    return value


def addresses(text: str) -> list[str]:
    """Return the addresses of a text that begins with one; commas and spaces within one are its own."""
    return [address.strip(" ,;|\t\"'") for address in _BETWEEN.split(text)]


def _split(text: str, separator: str | None) -> list[str]:
    if not separator and len(found := addresses(text)) > 1 and all(map(_ADDRESS.fullmatch, found)):
        return found
    for mark in (separator,) if separator else _MARKS:
        parts = [part.strip() for part in text.split(mark) if part.strip()]
        if separator or (
            len(parts) > 1 and any(all(map(kind.fullmatch, parts)) for kind in (_ADDRESS, _NAME))
        ):
            return parts
    return [text] if text else []
