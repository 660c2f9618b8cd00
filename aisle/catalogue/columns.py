"""Map a source's columns to those of data/products.parquet: section `catalogue`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from pydantic import Field, model_validator

from aisle.catalogue import (
    dates,
    fields,
    labels,
    picture_lists,
    presets,
    prices,
    product_rows,
    specifications,
)
from aisle.catalogue.fields import Spec
from aisle.catalogue.formats.records import FormatParams, Records
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section


class Columns(Section):
    """Which column of the source holds what; all but `id` may be left out.

    A product has to have something to be told by: a title, a description, specifications or a picture.
    """

    id: str
    title: Spec | None = None
    description: Spec | None = None
    image: Spec | None = None
    brand: Spec | None = None
    price: Spec | None = None
    specifications: Spec | None = None
    date: Spec | None = None

    @model_validator(mode="after")
    def _something_to_tell_by(self) -> "Columns":
        if not any((self.title, self.description, self.image, self.specifications)):
            raise ValueError("at least one of title, description, specifications and image must be a column")
        return self


class CatalogueParams(Section):
    """Section `catalogue`.

    Parameters
    ----------
    name
        Shown in every output.
    table, tables, join
        A table; or a folder of tables, which of them, and the column that joins them to the first.
    images
        Folder of the pictures.
    preset
        Export of a shop (`aisle.catalogue.presets`) whose columns are taken where none are named.
    format
        What is known of the table's format; the rest is detected.
    rows
        Which records are one product (`aisle.catalogue.product_rows`).
    columns, category
        What holds what.
    """

    name: str = Field(pattern=r"^\w[\w.-]*$")
    table: str
    tables: list[str] = Field(default_factory=list)
    join: str | None = None
    images: str
    preset: str | None = None
    format: FormatParams = FormatParams()
    rows: product_rows.Rows = "auto"
    columns: Columns
    category: labels.Category

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        if (name := given.get("preset")) is not None and name not in presets.PRESETS:
            raise ValueError(f"preset must be one of {some(presets.PRESETS, 99)}, not {name!r}")
        return presets.apply(given)

    @model_validator(mode="after")
    def _one_column_one_use(self) -> "CatalogueParams":
        category = fields.places([self.category.column])
        feeding = fields.places(
            spec for name, spec in self.columns.model_dump().items() if spec and name != "image"
        )
        if twice := [one for one in category for other in feeding if fields.overlap(one, other)]:
            raise ValueError(f"column {twice[0]!r} holds the category and must feed nothing else")
        return self

    def wanted(self) -> list[str]:
        """Return the names of the columns that are looked at."""
        named = fields.columns_of([*self.columns.model_dump().values(), self.category.column])
        return [*named, *([self.join] if self.join is not None else [])]


@dataclass
class Mapped:
    """A catalogue's records as products, not yet refused.

    Parameters
    ----------
    table
        product_id, title, description, path (tuple), pictures (list of names), `_bytes` (list of pictures
        that came inside the table), brand (None where there is none), price (NaN likewise), specifications
        (JSON pairs), date (ISO day, None), `specifications_unreadable` and `_problem` ("" or words); by line.
    notes
        What a person should know, in words.
    counts
        Figures of metrics/ingest.json: records, joined, several_categories, renamed.
    """

    table: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def map_columns(
    source: Records, params: CatalogueParams, changes: Mapping[labels.Path, labels.Path] | None = None
) -> Mapped:
    """Rename, strip and convert the source's columns, join the records of one product, read their categories.

    Raises
    ------
    AisleError
        If a mapped column is missing, or the separator occurs in no path.
    """
    columns = _present(source.table, params)
    _check(source.table, columns, params)
    n = len(source.table)

    def text(name: str) -> list[str]:
        return fields.texts(source.table, columns[name]) if columns.get(name) else [""] * n

    found = labels.read_paths(_category_values(source.table, params), params.category)
    paths, renamed = labels.rename(found.paths, dict(changes or {}))
    parsed = [_parse_specifications(value) for value in _raw_specifications(source.table, columns)]
    names, contents = _pictures(source.table, columns.get("image"), params.format.picture_separator)
    dated = text("date")
    days, date_format = dates.parse(dated, params.format.date)
    spec = columns.get("price")
    cost = fields.values(source.table, spec) if isinstance(spec, str) else text("price")
    table = pd.DataFrame(
        {
            "product_id": pd.Series(text("id"), dtype=object),
            "title": pd.Series(text("title"), dtype=object),
            "description": pd.Series(text("description"), dtype=object),
            "path": pd.Series(paths, dtype=object),
            "pictures": pd.Series(names, dtype=object),
            "_bytes": pd.Series(contents, dtype=object),
            "brand": pd.Series(text("brand"), dtype=object).replace("", None),
            "price": pd.Series(prices.parse(cost, params.format.decimal), dtype=float),
            "specifications": pd.Series(
                [specifications.dumps(pairs or []) for pairs in parsed], dtype=object
            ),
            "date": days.reset_index(drop=True),
            "specifications_unreadable": pd.Series([pairs is None for pairs in parsed], dtype=bool),
            "_problem": pd.Series(
                [
                    "; ".join(filter(None, [source.problems.get(line), found.problems.get(place)]))
                    for place, line in enumerate(source.table.index)
                ],
                dtype=object,
            ),
        }
    ).set_axis(source.table.index)
    joined = product_rows.join_rows(table, params.rows)
    notes = [
        *found.notes,
        *_notes(joined, n, cost, date_format, params),
        *_unread("dates", dated, table["date"], "catalogue.format.date"),
        *_unread("prices", cost, table["price"], "catalogue.format.decimal; a range is none"),
    ]
    counts = {
        "records": n,
        "joined": n - len(joined),
        "several_categories": found.several,
        "renamed": renamed,
    }
    return Mapped(joined, notes, counts)


def _notes(
    joined: pd.DataFrame, n: int, cost: list[Any], date_format: str, params: CatalogueParams
) -> list[str]:
    notes = []
    if len(joined) < n:
        notes.append(f"{n} records are {len(joined)} products (catalogue.rows: {params.rows})")
    if any(cost) and params.format.decimal is None and prices.decimal_mark(cost) == ",":
        notes.append("prices have a comma before the cents (catalogue.format.decimal)")
    if date_format and params.format.date is None and date_format != "ISO8601":
        notes.append(f"dates are read as {date_format} (catalogue.format.date)")
    return notes


def _unread(what: str, given: list[Any], read: pd.Series, setting: str) -> list[str]:
    """Return in words how many values of a column are there and could not be read."""
    there = [value for value in given if isinstance(value, str) and value.strip()]
    lost = [
        value
        for value, missing in zip(given, read.isna(), strict=True)
        if missing and isinstance(value, str) and value.strip()
    ]
    if not lost:
        return []
    return [
        f"{len(lost)} of {len(there)} {what} cannot be read, such as {lost[0][:40]!r}, and count as none "
        f"({setting})"
    ]


def _present(table: pd.DataFrame, params: CatalogueParams) -> dict[str, Spec]:
    """Return the mapped columns, without those of a preset that the export lacks."""
    optional = presets.optional(params.preset)
    result: dict[str, Spec] = {}
    for name, spec in params.columns.model_dump().items():
        if spec is None:
            continue
        if spec in optional:
            there = [
                one
                for one in ([spec] if isinstance(spec, str) else spec)
                if not fields.missing(table.columns, [one])
            ]
            if not there:
                continue
            spec = there[0] if len(there) == 1 else there
        result[name] = spec
    return result


def _check(table: pd.DataFrame, columns: dict[str, Spec], params: CatalogueParams) -> None:
    """Raise an AisleError unless the source has the wanted columns, and rows."""
    if missing := list(
        dict.fromkeys(fields.missing(table.columns, [*columns.values(), params.category.column]))
    ):
        there = [*table.columns, *table.attrs.get("left out", [])]
        raise AisleError(
            f"{params.table} must have the column(s) {some(missing)}; it has {some(there, 20)}. "
            "Map the columns in params.yaml: catalogue.columns and catalogue.category."
        )
    if table.empty:
        raise AisleError(f"{params.table} must have products; it has a header and no row")


def _category_values(table: pd.DataFrame, params: CatalogueParams) -> list[list[Any]]:
    column = params.category.column
    return [fields.values(table, one) for one in ([column] if isinstance(column, str) else column)]


def _pictures(
    table: pd.DataFrame, spec: Spec | None, separator: str | None
) -> tuple[list[list[str]], list[list[bytes]]]:
    """Return the names of each product's pictures, and the pictures that came inside the table."""
    names: list[list[str]] = [[] for _ in range(len(table))]
    contents: list[list[bytes]] = [[] for _ in range(len(table))]
    for one in [spec] if isinstance(spec, str) else spec or []:
        for place, value in enumerate(fields.values(table, one)):
            said, inside = picture_lists.pictures(value, separator)
            names[place] += [name for name in said if name not in names[place]]
            contents[place] += inside
    return names, contents


def _raw_specifications(table: pd.DataFrame, columns: Mapping[str, Spec]) -> list[Any]:
    spec = columns.get("specifications")
    if spec is None:
        return [""] * len(table)
    return fields.values(table, spec) if isinstance(spec, str) else fields.texts(table, spec)


def _parse_specifications(value: Any) -> list[tuple[str, str]] | None:
    if isinstance(value, dict | list):  # of a nested format: what JSON in a text would be
        return specifications.pairs(value)
    try:
        return specifications.parse(value if isinstance(value, str) else "")
    except ValueError:
        return None
