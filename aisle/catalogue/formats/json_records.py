"""JSON: one object a line (.jsonl, .ndjson), or a list of objects (.json), itself or under a key.

What Python prints of the same values (`{'id': 7, 'new': None}`) is read too: many exports are made so.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.catalogue.formats.opening import find_encoding, guess, opened_text
from aisle.catalogue.formats.records import FormatParams, Number, Records, plain
from aisle.pipeline.errors import AisleError

DEEPEST = 100
"""Levels of lists and objects in each other."""
_PYTHON = re.compile(
    r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)' r"|'((?:[^'\\]|\\.)*+)(?:'|\\?\Z)|\b(None|True|False)\b", re.DOTALL
)
"""A text in either quotes (to the end if the closing one is missing: looked for once), or Python's word."""
_WORDS = {"None": "null", "True": "true", "False": "false"}
_ESCAPES = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))|\"", re.DOTALL)


def loads(text: str) -> Any:
    """Return a JSON value with its numbers as they are written, half characters replaced.

    Raises
    ------
    ValueError
        If it is none, neither as Python writes it, or is nested too deeply.
    """
    try:
        value = _loads(text)
    except ValueError:
        if "'" not in text and "None" not in text:
            raise
        try:
            value = _loads(_PYTHON.sub(_as_json, text))
        except ValueError:
            value = None
        if not isinstance(value, dict | list):
            raise
    return _checked(value, 0)


def _loads(text: str) -> Any:
    try:
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _as_json(found: re.Match[str]) -> str:
    if found[2]:
        return _WORDS[found[2]]
    return found[0] if found[1] is None else f'"{_ESCAPES.sub(_escape, found[1])}"'


def _escape(found: re.Match[str]) -> str:
    """Return an escape of Python's single-quoted texts, or a double quote, as JSON has it."""
    if found[1]:
        return f"\\u00{found[1]}"
    return '\\"' if found[0] == '"' else "'" if found[2] == "'" else found[0]


def _checked(value: Any, depth: int) -> Any:
    """Return a value without half characters; one that is nested too deeply is a ValueError."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        return {_whole_text(key): _checked(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_checked(item, depth + 1) for item in value]
    return _whole_text(value) if isinstance(value, str) and not isinstance(value, Number) else value


def _whole_text(text: str) -> str:
    """Return a text with `?` for each half of a character beyond 16 bits, which no file can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


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
    elif kind == LINES and next(iter(records), None) in problems:  # may be a list
        with opened_text(path, encoding) as file:
            whole = _whole(file.read())
        records, problems, kind = whole if any(whole[0].values()) else (records, problems, kind)
    if not any(records.values()):
        first = next(iter(problems.values()), "it is empty")
        raise AisleError(f"{path} must have JSON objects, one a line or in a list; {first}")
    columns = dict.fromkeys(key for record in records.values() for key in record)
    table = pd.DataFrame(
        {key: [record.get(key, "") for record in records.values()] for key in columns},
        index=pd.Index(list(records), name="line", dtype=int),
        dtype=object,
    )
    guessed = {} if params.encoding else guess(encoding, map(str, records.values()))
    return Records(table, problems, {"format": kind, "encoding": encoding.removesuffix("-sig"), **guessed})


def _is_list(path: Path) -> bool:
    return ".json" in (suffix.lower() for suffix in path.suffixes[-2:])


LINES = "JSON lines"
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
    return records, problems, LINES


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
