"""Product specifications: key-value pairs from the formats that shops export."""

import json
import re
from typing import Any

_RUBY = re.compile(r'"(?:[^"\\]|\\.)*"|=>|\bnil\b')
_RUBY_TO_JSON = {"=>": ":", "nil": "null"}


def parse(text: str) -> list[tuple[str, str]]:
    """Return the (key, value) pairs of one product's specifications; the key is "" where there is none.

    Understood are a Ruby hash as Flipkart's crawl writes it
    (`{"product_specification"=>[{"key"=>"Type", "value"=>"Analog"}, {"value"=>"Leather"}]}`), a JSON object
    or list of such pairs, and plain `key: value; key: value`.

    Raises
    ------
    ValueError
        If the text looks like a hash or JSON but is not well-formed.
    """
    text = text.strip()
    if not text:
        return []
    if text[0] in "{[":
        try:
            return _pairs(json.loads(_RUBY.sub(lambda match: _RUBY_TO_JSON.get(match[0], match[0]), text)))
        except RecursionError:
            raise ValueError("nested too deeply") from None
    parts = (part.partition(":") for part in text.split(";") if part.strip())
    return [(key.strip(), value.strip()) if colon else ("", key.strip()) for key, colon, value in parts]


def _pairs(data: Any) -> list[tuple[str, str]]:
    if isinstance(data, list):
        return [pair for item in data for pair in _pairs(item)]
    if not isinstance(data, dict):
        return [] if data is None else [("", str(data))]
    if "value" in data and set(data) <= {"key", "value"}:
        return [(str(data.get("key") or ""), "" if data["value"] is None else str(data["value"]))]
    return [
        pair
        for key, value in data.items()
        for pair in (_pairs(value) if isinstance(value, dict | list | None) else [(str(key), str(value))])
    ]


def dumps(pairs: list[tuple[str, str]]) -> str:
    """Return pairs as the JSON text that data/products.parquet holds."""
    return json.dumps(pairs, ensure_ascii=False).encode("utf-8", "replace").decode()  # half a surrogate pair


def loads(text: str) -> list[tuple[str, str]]:
    """Return the pairs of a text made by `dumps`."""
    return [(key, value) for key, value in json.loads(text)]


def as_text(text: str) -> str:
    """Return the pairs of a text made by `dumps` as one text to read: keys and values."""
    return " . ".join(f"{key} {value}".strip() for key, value in loads(text))
