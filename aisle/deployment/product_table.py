"""Raw products from a shop's table: the pipeline's reader, and the mapping that a package learned with."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from aisle.catalogue import fields, picture_lists
from aisle.catalogue.formats.records import FormatParams, Records
from aisle.deployment.packaging import RAW
from aisle.pipeline.errors import AisleError, some


def find_columns(
    table: pd.DataFrame, mapping: Mapping[str, Any], said: Mapping[str, str]
) -> dict[str, fields.Spec]:
    """Return where a table has each field of a raw product.

    Parameters
    ----------
    table
        As it was read.
    mapping
        Columns of the catalogue that the package has learned from.
    said
        Columns that the user names; they go before all.

    Returns
    -------
    dict
        Field to its column: the one that is said, that of the mapping, or that of the field's own name,
        whatever its case. A field that the table lacks is left out.

    Raises
    ------
    AisleError
        If a column that is said is not there, a field could be either of two columns, or there is no field.
    """
    names = [str(name) for name in table.columns]
    found: dict[str, fields.Spec] = {}
    for name in RAW:
        if name in said:
            if missing := fields.missing(names, [said[name]]):
                raise AisleError(f"the table must have the column {some(missing)}; it has {some(names, 20)}")
            found[name] = said[name]
            continue
        options = [spec for spec in (mapping.get(name), name) if spec and not fields.missing(names, [spec])]
        columns = {
            str(fields.find_column(names, each) if isinstance(each, str) else each) for each in options
        }
        if len(columns) > 1:
            raise AisleError(
                f"the {name} must be one column; the table has {' and '.join(sorted(columns))}. "
                f"Say which: --columns {name}=..."
            )
        if options:
            found[name] = options[0]
    if not found:
        known = [*dict.fromkeys([*RAW, *(str(mapping[name]) for name in RAW if mapping.get(name))])]
        raise AisleError(
            f"the table must have some of the columns {some(known, 20)}; it has {some(names, 20)}. "
            "Name them: --columns title=..."
        )
    return found


def raw_products(records: Records, columns: Mapping[str, fields.Spec], params: FormatParams) -> pd.DataFrame:
    """Return raw products, a row for each record: the columns of `packaging.RAW` that the table has.

    A malformed record has nothing, so that what stands in the wrong column is not taken for a product.
    """
    table, n = records.table, len(records.table)
    broken = [line in records.problems for line in table.index]
    raw: dict[str, list[Any]] = {}
    for name, spec in columns.items():
        if name == "image":
            raw[name] = _pictures(table, spec, params.picture_separator)
        elif name == "specifications" and isinstance(spec, str):
            raw[name] = [
                value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
                for value in fields.values(table, spec)
            ]
        else:
            raw[name] = fields.texts(table, spec)
    return pd.DataFrame(
        {name: ["" if broken[i] else values[i] for i in range(n)] for name, values in raw.items()},
        dtype=object,
    )


def _pictures(table: pd.DataFrame, spec: fields.Spec, separator: str | None) -> list[Any]:
    """Return the picture of each record: a name or bytes, a list of several, "" where it has none."""
    each: list[list[Any]] = [[] for _ in range(len(table))]
    for one in [spec] if isinstance(spec, str) else spec:
        for place, value in enumerate(fields.values(table, one)):
            names, contents = picture_lists.pictures(value, separator)
            each[place] += [item for item in [*names, *contents] if item not in each[place]]
    return [items[0] if len(items) == 1 else items or "" for items in each]


def as_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as text in cells, to be kept beside the predictions; bytes are left out."""

    def cell(value: Any) -> str:
        if isinstance(value, list | dict):
            return json.dumps(value, ensure_ascii=False, default=lambda _: None)
        return str(value) if isinstance(value, str) else ""

    return table.map(cell).reset_index(drop=True)


def tell_malformed(table: pd.DataFrame, problems: Iterable[str]) -> None:
    """Send malformed records to a person, and say why.

    Parameters
    ----------
    table
        Predictions of n products, as of `Predictor.predict`; changed in its place.
    problems
        What is wrong with each record, "" where it is well-formed.
    """
    told = [f"the record is malformed: {words}" if words else "" for words in problems]
    table["warning"] = [mine or warning for mine, warning in zip(told, table["warning"], strict=True)]
    table["send_to_person"] |= pd.Series(told, table.index) != ""
