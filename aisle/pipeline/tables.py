"""Tables between stages: Parquet files with one row per product, always joined by `product_id`."""

import json
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.pipeline import atomic, escaping
from aisle.pipeline.errors import AisleError, some

KEY = "product_id"
TEXT_COLUMNS = (
    "product_id",
    "product_id_left",
    "product_id_right",
    "title",
    "category",
    "predicted_category",
    "second_category",
    "third_category",
    "actual",
    "predicted",
    "suggested",
    "node",
    "parent",
    "path",
    "segment",
    "term",
    "taken_for",
    "warning",
    "word",
    "item",
    "reason",
    "field",
    "line",
    "model",
    "protocol",
    "check",
    "kind",
    "role",
    "feature_set",
    "modalities",
    "weights",
    "probabilities",
    "digest",
    "champion",
    "baseline",
    "best",
)
"""Columns of CSV tables that are text even where they look like figures: a shop's ids, names and categories
may all be digits. Any other column of text that looks like figures is refused when it is written."""


def metadata(catalogue: str) -> dict[bytes, bytes]:
    """Return the Parquet metadata by which `read` finds the label in a file that `write` has not written.

    It is what pandas itself writes for an empty table of that label, without the description of the columns.
    """
    import pyarrow.parquet as pq

    labelled, file = pd.DataFrame(), BytesIO()
    labelled.attrs["catalogue"] = catalogue
    labelled.to_parquet(file)
    written = pq.read_schema(file).metadata
    return {key: value for key, value in written.items() if key != b"pandas"}


def read(path: str | Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table written by `write`; `.attrs["catalogue"]` names the catalogue it comes from."""
    try:
        return pd.read_parquet(path, columns=columns, page_checksum_verification=True)
    except FileNotFoundError:
        raise AisleError(f"{path} must be there; it is not. `dvc repro` makes it.") from None
    except (ValueError, OSError) as error:  # pyarrow's errors are of these kinds
        raise damaged(path, "a table in Parquet", error) from None


def damaged(path: str | Path, what: str, error: Exception) -> AisleError:
    """Return the error of a file that cannot be read, `what` it should be."""
    told = " ".join(str(error).split())[:200]
    return AisleError(
        f"{path} must be {what} that a stage wrote; it is cut, damaged or another file: {told}. Delete it: "
        "`dvc repro` makes it anew. If it comes back damaged, DVC's cache is: `dvc repro -f` on its stage."
    )


def write(table: pd.DataFrame, path: str | Path, catalogue: str, **attrs: str) -> None:
    """Write a table as Parquet, the same bytes for the same content.

    Parameters
    ----------
    table
        Any frame; its index is not stored.
    path
        Where to; parent folders are made.
    catalogue
        Label of the catalogue (see `aisle.catalogue.label.catalogue_label`), carried in the file's metadata.
    **attrs
        What else `read` shall give back in `.attrs`.
    """
    write_groups(table, path, catalogue, attrs, None)


def write_groups(
    table: pd.DataFrame, path: str | Path, catalogue: str, attrs: Mapping[str, str], rows: int | None
) -> None:
    """Write a table as `write` does, in row groups of so many rows, for who reads it by `table_batches`."""
    # the index alone is new: a copy of the values may be gigabytes
    table = table.set_axis(pd.RangeIndex(len(table)), copy=False)  # type: ignore[call-arg]
    table.attrs = {}
    table.attrs.update(attrs, catalogue=catalogue)
    with atomic.replacing(path) as part:
        table.to_parquet(part, index=False, write_page_checksum=True, row_group_size=rows)


def _looks_like_figures(column: pd.Series) -> bool:
    """Return whether a column of texts would be read as figures."""
    texts = column[column.map(lambda value: isinstance(value, str) and value != "")]
    return len(texts) > 0 and bool(pd.to_numeric(texts, errors="coerce").notna().all())


def write_csv(table: pd.DataFrame, path: str | Path, catalogue: str) -> None:
    """Write a table as CSV, figures with 10 significant digits, the catalogue's label as the last column.

    A text that a spreadsheet would take for a formula has an apostrophe before it; `read_csv` takes it away.

    Raises
    ------
    ValueError
        If a column of text looks like figures and is not in `TEXT_COLUMNS`: read again, `007` would be 7.
    """
    if lost := [name for name in table if name not in TEXT_COLUMNS and _looks_like_figures(table[name])]:
        raise ValueError(f"columns of text must be in TEXT_COLUMNS of {__name__}; {some(lost)} are not")
    with atomic.replacing(path) as part:
        escaping.each_text(table.assign(catalogue=catalogue), escaping.formula).to_csv(
            part, index=False, float_format="%.10g", lineterminator="\n", encoding="utf-8"
        )


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV written by `write_csv`, without the label; what is text stays as it was written.

    A figure that is missing is NaN, and does not make its column one of texts; a text that is missing is "".
    """
    if not Path(path).is_file():
        raise AisleError(f"{path} must be there; it is not. `dvc repro` makes it.")
    try:
        texts = dict.fromkeys(TEXT_COLUMNS, str)
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=texts)
        words = table.columns[table.dtypes == object]
        table[words] = table[words].fillna("")
        return escaping.each_text(table.drop(columns="catalogue"), escaping.unformula)
    except (ValueError, KeyError) as error:  # pandas' parser errors are ValueErrors
        raise damaged(path, "a table in CSV", error) from None


def exactly(folder: str | Path, names: Iterable[str], suffix: str) -> dict[str, Path]:
    """Return the path of each named file of a folder of outputs; of each folder, if the suffix is empty.

    Raises
    ------
    AisleError
        If the folder has another file of this suffix: left over from an entry that params.yaml no longer has,
        it would be in the folder's hash.
    """
    paths = {name: Path(folder) / f"{name}{suffix}" for name in names}
    if left := sorted({*Path(folder).glob(f"[!.]*{suffix}")} - {*paths.values()}):
        raise AisleError(f"{folder} must hold what params.yaml names and no more; delete {some(left)}")
    return paths


def rounded(name: str, value: float) -> float:
    """Return a figure with the digits that another processor reproduces.

    A p value (a word of its name is `p`) has 4 significant digits; what depends on t-SNE (a word is `ari` or
    `silhouette`) 2 decimals, its sd over seeds too; any other figure 4 decimals.
    """
    words = name.split("_")
    if "p" in words:
        return float(f"{value:.4g}")
    return round(value, 2 if {"ari", "silhouette"} & {*words} else 4) + 0.0  # no -0.0


def rounded_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose figures are `rounded` by their columns' names: one that is committed."""
    figures = table.select_dtypes("float")
    return table.assign(
        **{str(name): [rounded(str(name), value) for value in figures[name]] for name in figures}
    )


def write_metrics(metrics: dict[str, Any], path: str | Path, catalogue: str) -> None:
    """Write metrics as JSON, `rounded`, with the catalogue's label as the first entry."""

    def plain(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): plain(str(key), item) for key, item in value.items()}
        value = value.item() if hasattr(value, "item") else value
        if isinstance(value, float):
            return rounded(name, value) if value == value else None  # NaN is not JSON
        return value

    text = json.dumps({"catalogue": catalogue, **plain("", metrics)}, indent=2, ensure_ascii=False)
    atomic.write_text(path, text + "\n")


def read_json(path: str | Path) -> Any:
    """Return the content of a JSON file that a stage wrote."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AisleError(f"{path} must be there; it is not. `dvc repro` makes it.") from None
    except ValueError as error:  # of JSON, or of UTF-8
        raise damaged(path, "JSON", error) from None


def align(table: pd.DataFrame, ids: Iterable[str], name: str, reference: str) -> pd.DataFrame:
    """Return `table` with one row for each of `ids`, in their order.

    Parameters
    ----------
    table
        Has a column `product_id`.
    ids
        The product ids that the result must have.
    name, reference
        What to call the table, and what the ids come from, in an error.

    Raises
    ------
    AisleError
        If an id stands twice in the table, or the two sets of ids differ: the ids are named.
    """
    wanted = pd.Index(ids)
    if len(twice := wanted[wanted.duplicated()].unique()):
        raise AisleError(f"{reference} must have one row per product; it has several for {some(twice)}")
    keyed = table.set_index(KEY, drop=False)
    twice = keyed.index[keyed.index.duplicated()].unique()
    if len(twice):
        raise AisleError(f"{name} must have one row per product; it has several for {some(twice)}")
    missing, unknown = wanted.difference(keyed.index), keyed.index.difference(wanted)
    if len(missing) or len(unknown):
        parts = [f"it lacks {some(missing)}"] * bool(len(missing))
        parts += [f"it alone has {some(unknown)}"] * bool(len(unknown))
        raise AisleError(
            f"{name} must have the same products as {reference}: {'; '.join(parts)}. "
            f"Tables are joined by {KEY}; run `dvc repro` to make both from the same catalogue."
        )
    return keyed.loc[wanted].reset_index(drop=True)
