"""The product table: read it, map its columns, refuse bad rows in words, check it against a schema."""

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pydantic import Field, model_validator

from aisle import specifications
from aisle.errors import AisleError, some
from aisle.params import Section
from aisle.picture_files import picture_file

SAMPLE_ID_PREFIX = "aisle-sample-"
"""Every id of the built-in catalogue starts so; nothing else tells it from a real one."""
_PRICE = r"^\D*?((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\D*$"
"""A price with a currency around it: commas between thousands, a point before the fraction."""
PATH_SEPARATOR = " >> "
"""Between the segments of `category_path` in data/products.parquet, whatever the source uses."""


class Columns(Section):
    """Which column of the source holds what; all but `id` and `title` may be left out."""

    id: str
    title: str
    description: str | None = None
    image: str | None = None
    brand: str | None = None
    price: str | None = None
    specifications: str | None = None


class Category(Section):
    """Where the category comes from: one level (counted from 1) of the path in column `column`.

    `separator: null` takes the column as the category itself.
    """

    column: str
    separator: str | None = None
    level: int = Field(1, ge=1)


class CatalogueParams(Section):
    """Section `catalogue`."""

    name: str = Field(pattern=r"^\w[\w.-]*$")
    table: str
    images: str
    columns: Columns
    category: Category

    @model_validator(mode="after")
    def _one_column_one_use(self) -> "CatalogueParams":
        used = [column for column in self.columns.model_dump().values() if column]
        if self.category.column in used:
            raise ValueError(f"column {self.category.column!r} holds the category and must feed nothing else")
        return self


class IngestParams(Section):
    """Section `ingest`."""

    max_refused_share: float = Field(ge=0, le=1)
    min_category_size: int = Field(ge=5)


def label(name: str, ids: pd.Series) -> str:
    """Return how outputs name the catalogue: its name, with "(synthetic)" for the built-in one."""
    return f"{name} (synthetic)" if ids.str.startswith(SAMPLE_ID_PREFIX).all() else name


def is_synthetic(label: str) -> bool:
    """Whether a label made by `label` is the built-in catalogue's."""
    return label.endswith("(synthetic)")


def read_source(path: str | Path) -> pd.DataFrame:
    """Read CSV, TSV or Parquet as text; the index is the source line (for Parquet the row, from 1).

    Returns
    -------
    pandas.DataFrame
        All columns `str`, "" where empty, and `_problem`: a reason in words where the row itself is
        malformed, else "".
    """
    path = Path(path)
    kind = path.suffix.lower()
    if not path.is_file():
        raise AisleError(f"{path} must be the catalogue's table; there is no such file. Set catalogue.table.")
    if kind == ".parquet":
        try:
            table = pd.read_parquet(path).convert_dtypes()
        except (OSError, ValueError) as error:
            raise AisleError(f"{path} must be a Parquet file: {error}") from None
        for name in table.select_dtypes("object"):  # lists and dicts, as Parquet can hold them
            table[name] = [_as_text(value) for value in table[name]]
        table.index = pd.RangeIndex(1, len(table) + 1, name="line")
        return table.astype(object).where(table.notna(), "").astype(str).assign(_problem="")
    if kind not in (".csv", ".tsv"):
        raise AisleError(f"{path} must end in .csv, .tsv or .parquet, not '{kind}'. Set catalogue.table.")
    csv.field_size_limit(2**30)
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter="," if kind == ".csv" else "\t", strict=True)
            header = next(reader, [])
            lines, rows, problems, line = [], [], [], reader.line_num + 1
            for row in reader:
                if row:  # an empty line is no row
                    lines.append(line)
                    rows.append((row + [""] * len(header))[: len(header)])
                    wrong = len(row) != len(header)
                    problems.append(f"{len(row)} fields, but the header has {len(header)}" if wrong else "")
                line = reader.line_num + 1
    except (UnicodeDecodeError, csv.Error) as error:
        where = f"in the record that begins on line {line}"
        raise AisleError(f"{path} must be UTF-8 text with quotes that match; {where}: {error}") from None
    if not header:
        raise AisleError(f"{path} must have a header line; the file is empty")
    if twice := [name for name in dict.fromkeys(header) if header.count(name) > 1]:
        raise AisleError(f"{path} must have each column once; its header repeats {some(twice)}")
    table = pd.DataFrame(rows, columns=header, index=pd.Index(lines, name="line"), dtype=str)
    return table.assign(_problem=problems)


def _as_text(value: Any) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def split_path(text: str, separator: str | None) -> list[str]:
    """Return a category path's segments; a JSON list of one path, as in Flipkart's crawl, is unwrapped.

    Returns
    -------
    list of str
        Segments with single spaces; an empty one is kept, so that the caller can refuse the row.
    """
    if text.startswith("["):
        try:
            text = json.loads(text)[0]
        except (IndexError, RecursionError):
            return [""]
        except ValueError:  # broken, or where no path is expected a category such as "[New] Lamps"
            text = "" if separator else text
        if not isinstance(text, str):
            return [""]
    return [" ".join(part.split()) for part in (text.split(separator) if separator else [text])]


def map_columns(source: pd.DataFrame, params: CatalogueParams) -> pd.DataFrame:
    """Rename, strip and convert the source's columns to those of data/products.parquet.

    Returns
    -------
    pandas.DataFrame
        Columns product_id, title, description, category, category_path, image (None where not named),
        brand (None likewise), price (NaN likewise), specifications (JSON pairs), `specifications_unreadable`
        and `_problem`; index as in `source`. A bad path gives category "".

    Raises
    ------
    AisleError
        If a mapped column is missing, or the separator occurs in no path.
    """
    names = {field: column for field, column in params.columns.model_dump().items() if column}
    wanted = [*names.values(), params.category.column]
    if missing := [column for column in wanted if column not in source.columns]:
        found = some([column for column in source.columns if column != "_problem"], 20)
        raise AisleError(
            f"{params.table} must have the column(s) {some(missing)}; it has {found}. "
            "Map the columns in params.yaml: catalogue.columns and catalogue.category."
        )
    if source.empty:
        raise AisleError(f"{params.table} must have products; it has a header and no row")
    separator = params.category.separator
    raw_paths = source[params.category.column].str.strip()
    if separator and not raw_paths.str.contains(separator, regex=False).any():
        raise AisleError(
            f"{params.table}: the separator {separator!r} must occur in the category paths of column "
            f"'{params.category.column}'; it is in none of {len(raw_paths)}, the first is "
            f"{raw_paths.iloc[0]!r}. Set catalogue.category.separator (null if it is no path)."
        )

    def column(field: str) -> pd.Series:
        return source[names[field]].str.strip() if field in names else pd.Series("", index=source.index)

    paths = [split_path(path, separator) for path in raw_paths]
    level = params.category.level
    good = [all(path) and len(path) >= level for path in paths]
    parsed = [_parse_specifications(text) for text in column("specifications")]
    price = pd.to_numeric(column("price"), errors="coerce")
    written = column("price").str.extract(_PRICE, expand=False).str.replace(",", "")
    price = price.fillna(pd.to_numeric(written, errors="coerce"))
    return pd.DataFrame(
        {
            "product_id": column("id"),
            "title": column("title"),
            "description": column("description"),
            "category": [path[level - 1] if ok else "" for path, ok in zip(paths, good, strict=True)],
            "category_path": [
                PATH_SEPARATOR.join(path) if ok else "" for path, ok in zip(paths, good, strict=True)
            ],
            "image": column("image").replace("", None),
            "brand": column("brand").replace("", None),
            "price": price.astype(float),
            "specifications": [specifications.dumps(pairs or []) for pairs in parsed],
            "specifications_unreadable": [pairs is None for pairs in parsed],
            "_problem": source["_problem"],
        },
        index=source.index,
    )


def _parse_specifications(text: str) -> list[tuple[str, str]] | None:
    try:
        return specifications.parse(text)
    except ValueError:
        return None


def _filled(reason: str) -> pa.Check:
    return pa.Check(lambda values: values.str.len() > 0, error=reason)


_ROWS = pa.DataFrameSchema(
    {
        "_problem": pa.Column(str, pa.Check.eq("", error="malformed")),
        "product_id": pa.Column(str, _filled("its id is empty")),
        "title": pa.Column(str, _filled("its title is empty")),
        "category": pa.Column(str, _filled("its category path is empty, too short or has an empty segment")),
    }
)
"""What a row must have by itself."""


def _table(min_category_size: int) -> pa.DataFrameSchema:
    """Return what rows that are good by themselves must be together."""
    first = pa.Check(lambda values: ~values.duplicated(), error="its id is on an earlier line too")
    large_enough = pa.Check(
        lambda values: values.groupby(values).transform("size") >= min_category_size,
        error=f"its category has fewer than {min_category_size} products (ingest.min_category_size)",
    )
    return pa.DataFrameSchema(
        {
            "product_id": pa.Column(str, first),
            "title": pa.Column(str),
            "description": pa.Column(str),
            "category": pa.Column(str, large_enough),
            "category_path": pa.Column(str),
            "image": pa.Column(object, nullable=True),
            "brand": pa.Column(object, nullable=True),
            "price": pa.Column(float, nullable=True),
            "specifications": pa.Column(str),
        },
        strict="filter",
    )


def validate(table: pd.DataFrame, params: IngestParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a mapped table into good products and refused rows.

    Parameters
    ----------
    table
        From `map_columns`, indexed by source line.
    params
        How many may be refused, and how small a category may be.

    Returns
    -------
    products : pandas.DataFrame
        Sorted by product_id, so that the order of the source's rows changes nothing downstream.
    rejects : pandas.DataFrame
        Columns line, product_id, title, reason; by line.

    Raises
    ------
    AisleError
        If nothing is left, or more than `max_refused_share` of the rows are refused.
    """
    reasons: dict[int, list[str]] = {}
    products = table
    for schema in (_ROWS, _table(params.min_category_size)):
        while True:
            kept = table.drop(index=list(reasons))
            try:
                products = schema.validate(kept, lazy=True)
                break
            except pa.errors.SchemaErrors as error:  # and again: it can leave its category too small
                for case in error.failure_cases.itertuples():
                    if pd.isna(case.index):  # not about a row: a mistake of ours, never to be hidden
                        raise
                    reason = case.failure_case if case.column == "_problem" else case.check
                    reasons.setdefault(int(case.index), []).append(str(reason))
    lines = sorted(reasons)
    rejects = pd.DataFrame(
        {
            "line": lines,
            "product_id": table.loc[lines, "product_id"].to_numpy(),
            "title": table.loc[lines, "title"].to_numpy(),
            "reason": ["; ".join(reasons[line]) for line in lines],
        }
    )
    share = len(rejects) / len(table)
    if products.empty or share > params.max_refused_share:
        common = some(f"{n} x {reason}" for reason, n in rejects["reason"].value_counts().items())
        raise AisleError(
            f"at most {params.max_refused_share:.0%} of the rows may be refused (ingest.max_refused_share); "
            f"{len(rejects)} of {len(table)} are: {common}. First: line {lines[0]}, "
            f"{rejects.title[0]!r}. Check catalogue.columns and catalogue.category."
        )
    return products.sort_values("product_id").reset_index(drop=True), rejects


def counts(
    table: pd.DataFrame, products: pd.DataFrame, rejects: pd.DataFrame, images: Path
) -> dict[str, Any]:
    """Return the figures of metrics/ingest.json.

    Parameters
    ----------
    table, products, rejects
        From `map_columns` and `validate`.
    images
        The folder of pictures.
    """
    sizes = products["category"].value_counts()
    depth = products["category_path"].str.count(PATH_SEPARATOR) + 1
    files = [picture_file(images, name) is not None for name in products["image"]]
    kept = ~table.index.isin(rejects["line"])
    return {
        "rows": len(table),
        "products": len(products),
        "refused": len(rejects),
        "refused_share": len(rejects) / len(table),
        "without_picture": files.count(False),
        "without_picture_name": int(products["image"].isna().sum()),
        "without_description": int(products["description"].eq("").sum()),
        "without_brand": int(products["brand"].isna().sum()),
        "without_price": int(products["price"].isna().sum()),
        "without_specifications": int(products["specifications"].eq("[]").sum()),
        "specifications_unreadable": int(table.loc[kept, "specifications_unreadable"].sum()),
        "categories": len(sizes),
        "smallest_category": int(sizes.min()),
        "largest_category": int(sizes.max()),
        "path_depth_min": int(depth.min()),
        "path_depth_max": int(depth.max()),
        "name_words": int(products["title"].str.count(r"\S+").sum()),
    }
