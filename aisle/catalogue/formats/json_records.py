"""JSON: one object a line (.jsonl, .ndjson), or a list of objects (.json), itself or under a key."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.catalogue.formats.opening import find_encoding, opened_text
from aisle.catalogue.formats.records import FormatParams, Number, Records, plain
from aisle.pipeline.errors import AisleError


def loads(text: str) -> Any:
    """Return a JSON value with its numbers as they are written.

    Raises
    ------
    ValueError
        If it is none, or is nested too deeply.
    """
    try:
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read(path: Path, params: FormatParams) -> Records:
    """Read JSON lines, or a list of objects; a line that is broken costs that line.

    Parameters
    ----------
    path
        The file.
    params
        The encoding, if it is known.

    Raises
    ------
    AisleError
        If it has no records.
    """
    encoding = params.encoding or find_encoding(path)
    with opened_text(path, encoding) as file:
        records, problems, kind = _whole(file.read()) if _is_list(path) else _lines(file)
    if not kind:  # a .json that has an object on each line, as many exports are named
        with opened_text(path, encoding) as file:
            records, problems, kind = _lines(file)
    if not any(records.values()):
        first = next(iter(problems.values()), "it is empty")
        raise AisleError(f"{path} must have JSON objects, one a line or in a list; {first}")
    columns = dict.fromkeys(key for record in records.values() for key in record)
    table = pd.DataFrame(
        {key: [record.get(key, "") for record in records.values()] for key in columns},
        index=pd.Index(list(records), name="line", dtype=int),
        dtype=object,
    )
    return Records(table, problems, {"format": kind, "encoding": encoding.removesuffix("-sig")})


def _is_list(path: Path) -> bool:
    return ".json" in (suffix.lower() for suffix in path.suffixes[-2:])


Found = tuple[dict[int, dict[str, Any]], dict[int, str], str]
"""Records by line, problems by line, and what the format is called."""


def _lines(lines: Iterable[str]) -> Found:
    records: dict[int, dict[str, Any]] = {}
    problems: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            records[number] = {}
            try:
                records[number] = _record(loads(line))
            except ValueError as error:
                problems[number] = f"it is no JSON object: {error}"
    return records, problems, "JSON lines"


def _whole(text: str) -> Found:
    try:
        data = loads(text)
    except ValueError:
        return {}, {}, ""
    if isinstance(data, dict):
        lists = [value for value in data.values() if isinstance(value, list) and value]
        data = lists[0] if len(lists) == 1 and isinstance(lists[0][0], dict) else [data]
    if not isinstance(data, list):
        return {}, {1: f"it is {str(data)[:40]!r}"}, "JSON"
    records: dict[int, dict[str, Any]] = {}
    problems: dict[int, str] = {}
    for number, item in enumerate(data, 1):
        records[number] = {}
        try:
            records[number] = _record(item)
        except ValueError as error:
            problems[number] = str(error)
    return records, problems, "JSON"


def _record(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ValueError(f"it is {str(item)[:40]!r} and no object")
    return {str(key): plain(value) for key, value in item.items()}
