"""data/images.parquet: every picture of a catalogue, prepared, written a few rows at a time, and counted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from aisle.catalogue import images, shared_pictures
from aisle.catalogue.picture_files import PictureFolder
from aisle.catalogue.picture_rows import SHARED
from aisle.pipeline import atomic, tables
from aisle.pipeline.errors import AisleError, some

BATCH = 256
"""Rows in memory at a time, and in a row group of the file."""
FIGURES = ("width", "height", "brightness", "contrast", "sharpness", "background")
REASONS = (
    "no picture named",
    "file missing",
    "several files fit",
    "not a picture in a known format",
    "damaged",
    "too large",
)
OPTIONS: dict[str, Any] = {"compression": "none", "write_page_checksum": True}
"""Of the file: JPEGs are compressed, and a damaged page is found."""
EXAMPLES = 5
"""Names asked for and names there, in the error that most are missing."""


def prepare_images(
    products: pd.DataFrame, embedded: Path, folder: Path, path: Path, params: images.ImagesParams
) -> tuple[dict[str, Any], list[str]]:
    """Write data/images.parquet; return the figures of metrics/images.json, and warnings.

    Parameters
    ----------
    products
        product_id, category and pictures (lists of names); `.attrs["catalogue"]` is the catalogue's label.
    embedded
        data/embedded_pictures.parquet: pictures that came inside the table.
    folder
        The folder of the pictures.
    path
        Where to write.
    params
        Section `images`.

    Raises
    ------
    AisleError
        If more than `max_missing_share` of the pictures named are missing.
    """
    files = PictureFolder(folder)
    check_missing(products["pictures"], files, params.max_missing_share)
    total = int(products["pictures"].map(len).clip(lower=1).sum())
    rows = images.prepare_all(every(products, embedded), files, params)
    progress = tqdm(rows, total=total, desc="pictures", unit="picture", disable=None)
    summary = write_rows(progress, path, products.attrs["catalogue"])
    category = dict(zip(products["product_id"], products["category"].fillna(""), strict=True))
    shared = shared_pictures.shared(summary, category, params.shared)
    if shared:
        drop(path, shared)
        empty = dict.fromkeys((*FIGURES, "phash"))
        summary = [
            row | empty | {"problem": shared[i]} if i in shared else row for i, row in enumerate(summary)
        ]
    figures = counts(summary)
    return figures, warnings(summary, figures, len(products))


def check_missing(names: pd.Series, files: PictureFolder, limit: float) -> None:
    """Raise an AisleError with examples if more than `limit` of the pictures named are not in the folder."""
    named = [name for each in names for name in each]
    missing = [name for name in named if files.find(name)[0] is None]
    if named and len(missing) > limit * len(named):
        there = some(files.names, EXAMPLES) if files.names else "no file"
        raise AisleError(
            f"at most {limit:.0%} of the pictures named may be missing (images.max_missing_share); "
            f"{len(missing):,} of {len(named):,} are. Asked for: {some(missing, EXAMPLES)}. In {files.path}: "
            f"{there}. Check catalogue.images and which column names the pictures; those named by addresses "
            "are fetched first, by tools/download_pictures.py."
        )


def every(products: pd.DataFrame, embedded: Path) -> Iterator[images.Picture]:
    """Yield each picture of each product, those named and then those that came inside the table, in order.

    A product without any has one at place 0, which is None.

    Raises
    ------
    AisleError
        If the embedded pictures are not sorted by product_id and place, or of other products.
    """
    inside = _embedded(embedded)
    following = next(inside, None)
    for product_id, names in zip(products["product_id"], products["pictures"], strict=True):
        place = 0
        for name in names:
            yield product_id, place, name
            place += 1
        while following and following[0] == product_id:
            yield product_id, place, following[1]
            place, following = place + 1, next(inside, None)
        if not place:
            yield product_id, 0, None
    if following:
        raise AisleError(
            f"{embedded} must have pictures of products of data/products.parquet, in their order; "
            f"{following[0]} is none of them or out of order. `dvc repro ingest` makes both."
        )


def _embedded(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        raise AisleError(f"{path} must be there; it is not. `dvc repro ingest` makes it.") from None
    for batch in file.iter_batches(64, columns=[tables.KEY, "picture"]):
        yield from zip(batch[tables.KEY].to_pylist(), batch["picture"].to_pylist(), strict=True)


def write_rows(rows: Iterable[dict[str, Any]], path: Path, catalogue: str) -> list[dict[str, Any]]:
    """Write rows as they come, BATCH at a time; return them without the pictures."""
    summary: list[dict[str, Any]] = []
    batch: list[dict[str, Any]] = []
    schema = images.schema().with_metadata(tables.metadata(catalogue))
    with atomic.replacing(path) as part, pq.ParquetWriter(part, schema, **OPTIONS) as writer:
        for row in rows:
            batch.append(row)
            summary.append({key: value for key, value in row.items() if key != "picture"})
            if len(batch) == BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch.clear()
        writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return summary


def drop(path: Path, problems: Mapping[int, str]) -> None:
    """Write the file anew: the rows at these positions have a problem in the picture's place."""
    position, file = 0, pq.ParquetFile(path)
    with atomic.replacing(path) as part, pq.ParquetWriter(part, file.schema_arrow, **OPTIONS) as writer:
        for batch in file.iter_batches(BATCH):
            rows = batch.to_pylist()
            for i in range(len(rows)):
                if problem := problems.get(position + i):
                    kept = {name: rows[i][name] for name in ("product_id", "place", "sha256")}
                    rows[i] = kept | {"problem": problem}
            writer.write_table(pa.Table.from_pylist(rows, schema=file.schema_arrow))
            position += len(rows)


def counts(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of metrics/images.json: how many are readable, why others are not, medians."""
    problems = [row["problem"].partition(":")[0] for row in rows if row.get("problem")]
    readable = [row for row in rows if not row.get("problem")]
    return {
        "readable": len({row["product_id"] for row in readable}),
        "pictures": len(readable),
        **{reason.replace(" ", "_"): problems.count(reason) for reason in REASONS},
        "shared": sum(problem.startswith(SHARED) for problem in problems),
        "blank": sum(row["phash"] is None for row in readable),
        **{f"median_{n}": float(np.median([row[n] for row in readable])) for n in FIGURES if readable},
    }


def warnings(rows: Sequence[dict[str, Any]], figures: dict[str, Any], products: int) -> list[str]:
    """Return in words what is wrong with pictures of products that have others, and which are shared."""
    found = []
    readable = {row["product_id"] for row in rows if not row.get("problem")}
    partly = [row["product_id"] for row in rows if row.get("problem") and row["product_id"] in readable]
    if partly:
        found.append(
            f"{len(partly):,} pictures of products that have others cannot be used, such as of "
            f"{some(partly, 3)}"
        )
    if figures["shared"]:
        reasons = dict.fromkeys(r["problem"] for r in rows if (r.get("problem") or "").startswith(SHARED))
        found.append(
            f"{figures['shared']:,} pictures of {products:,} products count as none, being no product's own "
            f"(images.shared): {some(reasons)}"
        )
    return found
