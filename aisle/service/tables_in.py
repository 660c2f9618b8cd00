"""Read the products of a table that was sent, and write its answer: what `aisle.predict --input` does.

A Parquet file of a few kilobytes can stand for gigabytes: one value in a dictionary, and a million rows that
point at it. So how much it unpacks to is counted before it is unpacked. So are the cells of any table: they
take memory where nothing is in them, such as of short lines below a header of a thousand names.
"""

import csv
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisle import predict
from aisle.catalogue.formats import delimited
from aisle.catalogue.formats.opening import opened_text
from aisle.catalogue.formats.records import FormatParams
from aisle.deployment.packaging import RANKS, RAW, Package
from aisle.models.predictions_table import PREFIX
from aisle.pipeline.errors import AisleError, some
from aisle.service.answering import MALFORMED, Answer
from aisle.service.problems import RefusalError
from aisle.service.products_in import check_product
from aisle.service.settings import MEGABYTE, Limits

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = {
    "text/csv": ".csv",
    "application/vnd.apache.parquet": ".parquet",
    "application/x-parquet": ".parquet",
}
"""Media types to what a file of theirs ends in."""
OWN = ("prediction_id", "reasons", "model_digest")
"""Columns of the answer beside those of `aisle.predict`."""
ID_COLUMNS = ("id", "product_id", "sku")
"""Columns that may hold the shop's key, the first that is there."""
HEADER = 2
"""Records at the start of a CSV among which its header is: there may be a line `sep=;` before it."""
UNPACKED = 4
"""Times the limit of a file that it may unpack to."""


@dataclass
class Table:
    """A table that was sent.

    Attributes
    ----------
    kept, problems
        Of `predict.read_products`.
    products
        n rows, as `ServedModel.answers` reads them.
    ids
        The shop's keys.
    """

    kept: "pd.DataFrame"
    problems: "pd.DataFrame"
    products: list[dict[str, Any]]
    ids: list[str | None]


def said_columns(given: list[str]) -> dict[str, str]:
    """Return which column has which field, of `title=name` as often as it is said.

    Raises
    ------
    RefusalError
        422 if one is something else.
    """
    said = dict(each.partition("=")[::2] for each in given)
    if any(name not in RAW or not column for name, column in said.items()):
        raise RefusalError(422, f"columns must be FIELD=COLUMN, of the fields {some(RAW)}")
    return said


def read(path: Path, said: Mapping[str, str], package: Package, limits: Limits) -> Table:
    """Read a CSV or Parquet file.

    Raises
    ------
    RefusalError
        413 or 422, of what is wrong with it.
    """
    try:
        if path.suffix == ".parquet":
            _check_parquet(path, limits)
        else:
            _check_lines(path, limits)
        kept, products, problems, _ = predict.read_products(path, package, said, FormatParams())
    except AisleError as error:
        raise RefusalError(422, _told(error, path)) from None
    if len(products) > limits.rows:
        raise RefusalError(413, f"the table must have at most {limits.rows} rows; it has {len(products)}")
    if twice := sorted({*map(str, kept.columns)} & {*OWN}):
        raise RefusalError(422, f"the table must not have columns of the predictions; rename {some(twice)}")
    rows = [{str(name): value for name, value in row.items()} for row in products.to_dict(orient="records")]
    for row, product in enumerate(rows, 1):
        check_product(product, f"row {row} of the table", limits, package)
    key = next((name for name in ID_COLUMNS if name in kept), None)
    ids: list[str | None] = [_id(value) for value in kept[key]] if key else [None] * len(kept)
    return Table(kept, problems, rows, ids)


def _id(value: Any) -> str | None:
    """Return a shop's key as the store keeps it."""
    return str(value).encode("utf-8", "replace").decode().replace("\0", "")[:200] or None


def _told(error: AisleError, path: Path) -> str:
    return str(error).replace(str(path), "the table").replace("catalogue.", "")


def _check_cells(lines: int, columns: int, limits: Limits) -> None:
    """See that a table has no more cells than can be held, filled or not.

    Raises
    ------
    RefusalError
        413.
    """
    if lines * columns > limits.cells:
        raise RefusalError(
            413,
            f"the table must have at most {limits.cells} cells; it has {lines} lines of {columns} columns. "
            "Leave out columns that no field is in, or send it in parts",
        )


def _check_lines(path: Path, limits: Limits) -> None:
    """See how many lines a CSV has, and how many cells they are, before any is read.

    Raises
    ------
    RefusalError
        413.
    """
    lines = 1
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            lines += max(chunk.count(b"\n"), chunk.count(b"\r"))
    if lines > limits.lines:
        raise RefusalError(
            413, f"the table must have at most {limits.lines} lines; it has {lines}. Send it in parts"
        )
    _check_cells(lines, _columns(path), limits)


def _columns(path: Path) -> int:
    """Return how many columns a CSV has at most, whether its header is read with quotes or without."""
    encoding = delimited.find_encoding(path)
    with opened_text(path, encoding) as file:
        sample = list(islice(file, 1000))
    delimiter = delimited.find_delimiter(sample)
    newline = "\n" if any("\n" in line for line in sample) else "\r"
    with opened_text(path, encoding, newline) as file:
        widths = [line.count(delimiter) + 1 for line in islice(filter(str.strip, file), HEADER)]
    csv.field_size_limit(delimited.MAX_FIELD)
    with opened_text(path, encoding, newline) as file, suppress(csv.Error):  # then it is read without quotes
        widths += map(len, islice(filter(None, csv.reader(file, delimiter=delimiter)), HEADER))
    return max(widths, default=1)


def _check_parquet(path: Path, limits: Limits) -> None:
    """See that a Parquet file is flat, and how much it unpacks to.

    Raises
    ------
    RefusalError
        413 or 422.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    most = UNPACKED * limits.file
    too_large = RefusalError(
        413, f"the table must unpack to at most {most // MEGABYTE} MiB; it unpacks to more"
    )
    try:
        file = pq.ParquetFile(path)
        facts, schema = file.metadata, file.schema_arrow
        if facts.num_rows > limits.rows:
            raise RefusalError(
                413, f"the table must have at most {limits.rows} rows; it has {facts.num_rows}"
            )
        _check_cells(facts.num_rows, len(schema), limits)
        if nested := [column.name for column in schema if pa.types.is_nested(column.type)]:
            raise RefusalError(
                422, f"the table's columns must be flat; write {some(nested)} as text, such as JSON"
            )
        if sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups)) > most:
            raise too_large
        texts = [column.name for column in schema if _variable(column.type)]
        widths = [column.type.bit_width // 8 for column in schema if not _variable(column.type)]
        total = facts.num_rows * sum(widths)
        lean = pq.ParquetFile(path, read_dictionary=texts)
        for batch in lean.iter_batches(batch_size=8192, columns=texts):
            for column in batch.columns:
                if isinstance(column, pa.DictionaryArray):
                    lengths = pc.binary_length(column.dictionary).take(column.indices)
                else:
                    lengths = pc.binary_length(column)
                total += pc.sum(pc.cast(lengths, "int64")).as_py() or 0
            if total > most:
                raise too_large
    except (OSError, pa.ArrowException, ValueError) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RefusalError(
            422, f"the table must be a whole Parquet file: {told}".replace(str(path), "it")
        ) from None


def _variable(kind: Any) -> bool:
    """Return whether values of a type are as long as they like."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(
        test(kind)
        for test in (
            pa.types.is_string,
            pa.types.is_binary,
            pa.types.is_large_string,
            pa.types.is_large_binary,
        )
    )


class Columns:
    """The predictions of a table, gathered batch by batch as columns: dicts take ten times as much."""

    def __init__(self) -> None:
        self._parts: list[pd.DataFrame] = []

    def add(self, answers: list[Answer], made: list[str], digest: str) -> None:
        """Take the answers to the next rows, the ids of their predictions and the model's digest."""
        import pandas as pd

        columns: dict[str, Any] = {}
        for place, rank in enumerate(RANKS[: len(answers[0]["top3"])]):
            for what in ("category", "probability"):
                columns[f"{rank}_{what}"] = [answer["top3"][place][what] for answer in answers]
        columns["send_to_person"] = [answer["send_to_person"] for answer in answers]
        for kind in ("text", "image"):
            columns[f"used_{kind}"] = [answer["used"][kind] for answer in answers]
        if "certain" in answers[0]:  # a tree of categories
            for what, none in (("category", ""), ("probability", None)):
                found = [(answer["certain"] or {what: none})[what] for answer in answers]
                columns[f"certain_{what}"] = pd.Series(found, dtype=float if none is None else object)
        columns["warning"] = [answer["warning"] for answer in answers]
        columns["reasons"] = ["; ".join(reason["code"] for reason in answer["reasons"]) for answer in answers]
        columns["prediction_id"], columns["model_digest"] = made, digest
        for name in answers[0]["probabilities"]:
            columns[PREFIX + name] = [answer["probabilities"][name] for answer in answers]
        self._parts.append(pd.DataFrame(columns))

    def table(self) -> "pd.DataFrame":
        """Return all rows."""
        import pandas as pd

        return pd.concat(self._parts, ignore_index=True) if self._parts else pd.DataFrame()


def write(table: Table, found: Columns, path: Path) -> None:
    """Write the table with its predictions beside it, as `path` ends.

    Raises
    ------
    RefusalError
        422 if the table has columns of the predictions' names.
    """
    predictions = found.table()
    if len(predictions):
        broken = [bool(problem) for problem in table.problems["problem"]]
        both = zip(predictions["reasons"], broken, strict=True)
        predictions["reasons"] = [MALFORMED if bad else reasons for reasons, bad in both]
    try:
        rows = predict.beside(table.kept, predictions, table.problems, "the table")
    except AisleError as error:
        raise RefusalError(422, str(error)) from None
    predict.write_predictions(rows, str(path))
