"""Tables between stages: Parquet files with one row per product, always joined by `product_id`."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.errors import AisleError, some

KEY = "product_id"
TEXT_COLUMNS = (
    "product_id",
    "title",
    "reason",
    "field",
    "model",
    "protocol",
    "category",
    "actual",
    "predicted",
)
"""Columns of CSV tables that are text even where they look like figures."""


def metadata(catalogue: str) -> dict[str, str]:
    """Return the Parquet metadata that makes `read` find the catalogue's label."""
    return {"PANDAS_ATTRS": json.dumps({"catalogue": catalogue})}


def read(path: str | Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table written by `write`; `.attrs["catalogue"]` names the catalogue it comes from."""
    try:
        return pd.read_parquet(path, columns=columns)
    except FileNotFoundError:
        raise AisleError(f"{path} must be there; it is not. `dvc repro` makes it.") from None


def write(table: pd.DataFrame, path: str | Path, catalogue: str, **attrs: str) -> None:
    """Write a table as Parquet, the same bytes for the same content.

    Parameters
    ----------
    table
        Any frame; its index is not stored.
    path
        Where to; parent folders are made.
    catalogue
        Label of the catalogue (see `aisle.catalogue.label`), carried in the file's metadata.
    **attrs
        What else `read` shall give back in `.attrs`.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    table = table.reset_index(drop=True)
    table.attrs.clear()
    table.attrs.update(attrs, catalogue=catalogue)
    table.to_parquet(path, index=False)


def write_csv(table: pd.DataFrame, path: str | Path, catalogue: str) -> None:
    """Write a table as CSV, figures with 10 significant digits, the catalogue's label as the last column."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    table.assign(catalogue=catalogue).to_csv(path, index=False, float_format="%.10g", lineterminator="\n")


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV written by `write_csv`, without the label; what is text stays as it was written."""
    if not Path(path).is_file():
        raise AisleError(f"{path} must be there; it is not. `dvc repro` makes it.")
    table = pd.read_csv(path, keep_default_na=False, dtype=dict.fromkeys(TEXT_COLUMNS, str))
    return table.drop(columns="catalogue")


def exactly(folder: str | Path, names: Iterable[str], suffix: str) -> dict[str, Path]:
    """Return the path of each named file of a folder of outputs.

    Raises
    ------
    AisleError
        If the folder has another file of this suffix: left over from an entry that params.yaml no longer has,
        it would be in the folder's hash.
    """
    paths = {name: Path(folder) / f"{name}{suffix}" for name in names}
    if left := sorted({*Path(folder).glob(f"*{suffix}")} - {*paths.values()}):
        raise AisleError(f"{folder} must hold what params.yaml names and no more; delete {some(left)}")
    return paths


def write_metrics(metrics: dict[str, Any], path: str | Path, catalogue: str) -> None:
    """Write metrics as JSON, 6 decimals, with the catalogue's label as the first entry."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): rounded(item) for key, item in value.items()}
        value = value.item() if hasattr(value, "item") else value
        if isinstance(value, float):
            return round(value, 6) if value == value else None  # NaN is not JSON
        return value

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"catalogue": catalogue, **rounded(metrics)}, indent=2, ensure_ascii=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Return the content of a JSON file that a stage wrote."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AisleError(f"{path} must be there; it is not. `dvc repro` makes it.") from None


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
