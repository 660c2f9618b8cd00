"""Product specifications: key-value pairs from the formats that shops export."""

import json
import re
from typing import Any

from aisle.catalogue.formats import json_records

_RUBY = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|=>|\bnil\b', re.DOTALL)
"""A text in quotes (to the end if its closing quote is missing: looked for once), or what JSON has not."""
_RUBY_TO_JSON = {"=>": ":", "nil": "null"}


def parse(text: str) -> list[tuple[str, str]]:
    """Return the (key, value) pairs of one product's specifications; the key is "" where there is none.

    Understood are a Ruby hash as Flipkart's crawl writes it
    (`{"product_specification"=>[{"key"=>"Type", "value"=>"Analog"}, {"value"=>"Leather"}]}`), a JSON object
    or list of such pairs, also as Python prints it, and plain `key: value; key: value`.

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
            return pairs(json.loads(_RUBY.sub(lambda match: _RUBY_TO_JSON.get(match[0], match[0]), text)))
        except RecursionError:
            raise ValueError("nested too deeply") from None
        except ValueError:
            return pairs(json_records.loads(text))
    parts = (part.partition(":") for part in text.split(";") if part.strip())
    return [(key.strip(), value.strip()) if colon else ("", key.strip()) for key, colon, value in parts]


def pairs(data: Any) -> list[tuple[str, str]]:
    """Return the pairs of what JSON holds, in order; without a list per level: it may be deep and long."""
    found: list[tuple[str, str]] = []
    waiting: list[Any] = [data]
    while waiting:
        item = waiting.pop()
        if isinstance(item, tuple):
            found.append(item)
        elif isinstance(item, list):
            waiting += reversed(item)
        elif not isinstance(item, dict):
            found += [] if item is None else [("", str(item))]
        elif "value" in item and set(item) <= {"key", "value"}:
            found.append((str(item.get("key") or ""), "" if item["value"] is None else str(item["value"])))
        else:
            waiting += [
                value if isinstance(value, dict | list | None) else (str(key), str(value))
                for key, value in reversed(item.items())
            ]
    return found


def dumps(found: list[tuple[str, str]]) -> str:
    """Return pairs as the JSON text that data/products.parquet holds."""
    return json.dumps(found, ensure_ascii=False).encode("utf-8", "replace").decode()  # half a surrogate pair


def loads(text: str) -> list[tuple[str, str]]:
    """Return the pairs of a text made by `dumps`."""
    return [(key, value) for key, value in json.loads(text)]


def as_text(text: str) -> str:
    """Return the pairs of a text made by `dumps` as one text to read: keys and values."""
    return " . ".join(f"{key} {value}".strip() for key, value in loads(text))
