"""Product feeds in XML: RSS 2.0 and Atom as Google Merchant Center takes them."""

import io
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.catalogue.formats.opening import opened
from aisle.catalogue.formats.records import FormatParams, Records
from aisle.pipeline.errors import AisleError

ITEMS = ("item", "entry", "product")
"""Elements that are a product."""


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _value(element: Any) -> Any:
    """Return an element's text, or its parts by name where it has any; repeated parts are a list.

    Of two names that differ in their namespace alone (`title`, `g:title`) the last stands: Google's own.
    Parts amid text are markup that was not escaped: all of it is one text.
    """
    if not len(element):
        return (element.text or "").strip()
    if any((text or "").strip() for text in (element.text, *(child.tail for child in element))):
        return " ".join("".join(element.itertext()).split())
    by_tag: dict[str, list[Any]] = {}
    for child in element:
        by_tag.setdefault(child.tag, []).append(_value(child))
    return {_local(tag): each if len(each) > 1 else each[0] for tag, each in sorted(by_tag.items(), key=_own)}


def _own(item: tuple[str, list[Any]]) -> bool:
    return "google.com" in item[0]


def read(path: Path, params: FormatParams) -> Records:
    """Read an XML feed; columns are named without their namespace (`g:image_link` is `image_link`).

    Parameters
    ----------
    path
        The file.
    params
        Nothing of it concerns XML, which names its encoding itself.

    Raises
    ------
    AisleError
        If it is no well-formed XML, has entities of its own or no product.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    with opened(path) as file:
        content = io.BytesIO(file.read())
    records: list[dict[str, Any]] = []
    problems: dict[Any, str] = {}
    try:
        for _, element in iterparse(content):
            if _local(element.tag) in ITEMS and len(element):
                try:
                    value = _value(element)
                except RecursionError:
                    value, problems[len(records) + 1] = {}, "its elements are nested too deeply"
                records.append(value if isinstance(value, dict) else {})
                element.clear()
    except ParseError as error:
        raise AisleError(f"{path} must be well-formed XML: {error}") from None
    except DefusedXmlException as error:
        raise AisleError(f"{path} must be XML without entities of its own: {error}") from None
    if not records:
        raise AisleError(f"{path} must have products: elements {' or '.join(ITEMS)}; it has none")
    columns = dict.fromkeys(key for record in records for key in record)
    table = pd.DataFrame(
        {key: [record.get(key, "") for record in records] for key in columns},
        index=pd.RangeIndex(1, len(records) + 1, name="line"),
        dtype=object,
    )
    return Records(table, problems, {"format": "XML"})
