"""Find a field of a product in its record: a column, a path into one, several columns, or a template."""

import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

from aisle.catalogue.formats import json_records
from aisle.pipeline.errors import AisleError, some

Spec = str | list[str]
"""A column (`Body (HTML)`), a path into it (`image.bytes`, `images[0].large`, `images[*].url`), a template of
columns (`{id}.jpg`), or a list of such."""
_BRACES = re.compile(r"\{([^{}]*)\}")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\*)\]")


def find_column(columns: Iterable[str], name: str) -> str | None:
    """Return the column of that name, else the only one that differs in case and outer space alone."""
    names = [*columns]
    if name in names:
        return name
    alike = [each for each in names if each.strip().casefold() == name.strip().casefold()]
    return alike[0] if len(alike) == 1 else None


def _parts(columns: Iterable[str], spec: str) -> tuple[str, list[str | int]] | None:
    """Return a spec's column and the steps into it, None if the table has no such column."""
    names = [*columns]
    if (whole := find_column(names, spec)) is not None:
        return whole, []
    for start in sorted({match.start() for match in _STEP.finditer(spec)}, reverse=True):
        column = find_column(names, spec[:start])
        steps = [*_STEP.finditer(spec, start)]
        if column is not None and "".join(step[0] for step in steps) == spec[start:]:
            return column, [step[1] if step[1] else "*" if step[2] == "*" else int(step[2]) for step in steps]
    return None


def is_template(spec: str) -> bool:
    """Whether a spec is a text with columns in braces."""
    return bool(_BRACES.search(spec))


def _template_columns(spec: str) -> list[str]:
    return _BRACES.findall(spec)


def columns_of(specs: Iterable[Spec | None]) -> list[str]:
    """Return the names of the columns that specs may read, for formats that read columns one by one."""
    names: list[str] = []
    for spec in specs:
        for one in [spec] if isinstance(spec, str) else spec or []:
            if is_template(one):
                names += _template_columns(one)
            names += [one, *(one[: match.start()] for match in _STEP.finditer(one))]
    return list(dict.fromkeys(names))


def places(specs: Iterable[Spec | None]) -> list[str]:
    """Return the columns, and the paths into them, that specs name."""
    each = [one for spec in specs for one in ([spec] if isinstance(spec, str) else spec or [])]
    return [name for one in each for name in (_template_columns(one) if is_template(one) else [one])]


def overlap(one: str, other: str) -> bool:
    """Whether of two columns or paths into one, one is the other or holds it."""
    short, long = sorted((one.strip().casefold(), other.strip().casefold()), key=len)
    return long == short or (long.startswith(short) and long[len(short)] in ".[")


def missing(columns: Iterable[str], specs: Iterable[Spec | None]) -> list[str]:
    """Return what specs name and the table has not."""
    names = [*columns]
    wanted = [one for spec in specs for one in ([spec] if isinstance(spec, str) else spec or [])]
    return [
        part
        for one in wanted
        if find_column(names, one) is None
        for part in (_template_columns(one) if is_template(one) else [one])
        if _parts(names, part) is None
    ]


def _step(value: Any, steps: list[str | int]) -> Any:
    for place, step in enumerate(steps):
        if isinstance(value, str) and value[:1] in ("{", "["):  # JSON in a cell
            try:
                value = json_records.loads(value)
            except ValueError:
                return ""
        if step == "*":
            inner = [_step(item, steps[place + 1 :]) for item in value] if isinstance(value, list) else []
            return [each for item in inner for each in (item if isinstance(item, list) else [item]) if each]
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return ""
    return "" if value is None else value


def values(table: pd.DataFrame, spec: str) -> list[Any]:
    """Return a field's value of each record, "" where it has none.

    Raises
    ------
    AisleError
        If the table has no such column.
    """
    names = list(table.columns)
    if is_template(spec) and find_column(names, spec) is None:
        columns = {name: texts(table, name) for name in _template_columns(spec)}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return [
            _BRACES.sub(lambda match, row=row: row[match[1]], spec) if all(row.values()) else ""  # type: ignore[misc]
            for row in rows
        ]
    found = _parts(names, spec)
    if found is None:
        raise AisleError(f"the table must have the column {spec!r}; it has {some(names, 20)}")
    column, steps = found
    return [_step(value, steps) for value in table[column]] if steps else table[column].tolist()


def as_text(value: Any) -> str:
    """Return a value as text: the items of a list line by line, nothing of what is not text."""
    if isinstance(value, str):
        return str(value).strip()
    if isinstance(value, list):
        return "\n".join(filter(None, map(as_text, value)))
    return ""


def texts(table: pd.DataFrame, spec: Spec) -> list[str]:
    """Return a field as text; several columns are joined line by line."""
    if isinstance(spec, str):
        return [as_text(value) for value in values(table, spec)]
    return ["\n".join(filter(None, row)) for row in zip(*(texts(table, one) for one in spec), strict=True)]
