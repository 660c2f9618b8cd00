"""Decode every picture safely, re-encode it at a bounded size, measure its quality.

Inputs: data/products.parquet; the folder of pictures.
Outputs: data/images.parquet, one row per product: sha256, width, height, quality figures, perceptual hash and
JPEG bytes, or the `problem` in words; metrics/images.json, counts. An unreadable picture costs that picture.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from aisle import cli, images, tables
from aisle.params import load_params

BATCH = 256
"""Rows in memory at a time, and in a row group of the file."""


def write_rows(rows: Iterable[dict[str, Any]], path: Path, catalogue: str) -> list[dict[str, Any]]:
    """Write rows as they come, BATCH at a time; return them without the pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    summary: list[dict[str, Any]] = []
    batch: list[dict[str, Any]] = []
    schema = images.SCHEMA.with_metadata(tables.metadata(catalogue))
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for row in rows:
            batch.append(row)
            summary.append({key: value for key, value in row.items() if key != "picture"})
            if len(batch) == BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch.clear()
        writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return summary


def count(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of metrics/images.json."""
    problems = [row["problem"].partition(":")[0] for row in rows if row.get("problem")]
    readable = [row for row in rows if not row.get("problem")]
    names = ("width", "height", "brightness", "contrast", "sharpness", "background")
    return {
        "readable": len(readable),
        **{
            reason.replace(" ", "_"): problems.count(reason)
            for reason in ["no picture named", "file missing", "not a picture in a known format", "damaged"]
        },
        "too_large": problems.count("too large"),
        "blank": sum(row["phash"] is None for row in readable),
        **{f"median_{n}": float(np.median([row[n] for row in readable])) for n in names if readable},
    }


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        products="products",
        images="folder of pictures",
        output="output: pictures",
        metrics="output: counts",
    )
    args = parser.parse_args()
    params = load_params(args.params, "images", images.ImagesParams)
    products = tables.read(args.products, ["product_id", "image"])
    label = products.attrs["catalogue"]
    pairs = list(zip(products["product_id"], products["image"], strict=True))
    rows = images.prepare_all(pairs, Path(args.images), params)
    progress = tqdm(rows, total=len(pairs), desc="pictures", unit="picture", disable=None)
    summary = write_rows(progress, Path(args.output), label)
    metrics = count(summary)
    tables.write_metrics(metrics, args.metrics, label)
    print(f"{metrics['readable']} of {len(pairs)} products have a readable picture")


if __name__ == "__main__":
    cli.run(main)
