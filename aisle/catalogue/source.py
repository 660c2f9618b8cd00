"""Read a table of products, or several, whatever the format: one reader for pipeline and predictions."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.catalogue.formats import delimited, feed, json_records, opening, parquet, spreadsheet
from aisle.catalogue.formats.records import FormatParams, Records
from aisle.pipeline.errors import AisleError, some

READERS: dict[str, Callable[[Path, FormatParams], Records]] = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt"), delimited.read),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), json_records.read),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), spreadsheet.read),
    **dict.fromkeys((".parquet", ".pq"), parquet.read),
    ".xml": feed.read,
}
"""Reader of each kind of file; .gz, .bz2, .xz and .zip around it are unpacked."""


def read_source(
    path: str | Path,
    params: FormatParams | None = None,
    tables: Iterable[str] = (),
    join: str | None = None,
    wanted: Iterable[str] | None = None,
) -> Records:
    """Read a table, or a folder of tables.

    Parameters
    ----------
    path
        A file, or a folder of files.
    params
        What is known of the format; the rest is detected.
    tables
        Names of the folder's tables, all of them if empty.
    join
        Column by which the others are joined to the first table; without it the tables are stacked.
    wanted
        Columns that will be looked at, for formats that can leave the others on the disk.

    Returns
    -------
    Records
        Indexed by the line on which a record begins; `<file>:<line>` where tables are stacked.

    Raises
    ------
    AisleError
        If a table is missing or is none, or a join has no key, or a key is not unique.
    """
    path, params = Path(path), params or FormatParams()
    if not path.is_dir():
        if [*tables] or join is not None:
            raise AisleError(
                f"catalogue.table must be a folder where catalogue.tables or join are set; {path} is none"
            )
        return _read(path, params, wanted)
    names = [*tables] or sorted(
        file.name for file in path.iterdir() if file.is_file() and opening.suffix(file) in READERS
    )
    if outside := [name for name in names if Path(name).name != name]:
        raise AisleError(f"catalogue.tables must be names of files in {path}, not {some(outside)}")
    if not names:
        raise AisleError(f"{path} must hold tables of products ({some(READERS, 99)}); it holds none")
    if join is not None and not [*tables]:
        raise AisleError(
            f"catalogue.tables must say which table leads where they are joined; {path} has {some(names)}"
        )
    read = {name: _read(path / name, params, wanted) for name in names}
    return _stacked(read) if join is None else _joined(read, join)


def _read(path: Path, params: FormatParams, wanted: Iterable[str] | None) -> Records:
    if not path.is_file():
        raise AisleError(f"{path} must be the catalogue's table; there is no such file. Set catalogue.table.")
    kind = opening.suffix(path)
    if kind not in READERS:
        raise AisleError(
            f"{path} must end in {some(READERS, 99)} (also .gz, .bz2, .xz, .zip), not '{kind}'. "
            "Set catalogue.table."
        )
    if READERS[kind] is parquet.read:
        return parquet.read(path, params, wanted)
    return READERS[kind](path, params)


def _stacked(read: dict[str, Records]) -> Records:
    """Return the tables one after another."""
    if len(read) == 1:
        return next(iter(read.values()))
    parts, problems = [], dict[Any, str]()
    for name, records in read.items():
        parts.append(records.table.set_axis([f"{name}:{line}" for line in records.table.index]))
        problems |= {f"{name}:{line}": words for line, words in records.problems.items()}
    detected = {name: ", ".join(records.detected.values()) for name, records in read.items()}
    return Records(pd.concat(parts).fillna("").rename_axis("line"), problems, detected)


def _joined(read: dict[str, Records], key: str) -> Records:
    """Return the first table with the others' columns, where the key is the same.

    A record of a later table that is malformed, or fits none of the first, is told and left out.
    """
    (first, lead), *others = read.items()
    for name, records in read.items():
        if key not in records.table:
            raise AisleError(
                f"{name} must have the column {key!r} (catalogue.join); "
                f"it has {some(records.table.columns, 20)}"
            )
    table, detected = lead.table, {first: ", ".join(lead.detected.values())}
    for name, records in others:
        right = records.table.drop(index=list(records.problems))
        keys = right[key].map(str)
        if keys.duplicated().any():
            raise AisleError(
                f"{name} must have each {key!r} once to be joined; "
                f"it repeats {some(keys[keys.duplicated()].unique())}"
            )
        if shared := [column for column in right if column in table and column != key]:
            raise AisleError(f"{name} must not have columns of {first} but {key!r}; it has {some(shared)}")
        right = right.drop(columns=key).set_axis(keys)
        found = right.reindex(table[key].map(str)).set_axis(table.index).fillna("")
        table = pd.concat([table, found], axis=1)
        matched = int(keys.isin(lead.table[key].map(str)).sum())
        detected[name] = ", ".join(records.detected.values()) + f", {matched} of {len(records.table)} joined"
    return Records(table, lead.problems, detected)
