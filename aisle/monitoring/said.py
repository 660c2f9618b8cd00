"""What people say of new products, who had which arm of an experiment, and how long answers took."""

from pathlib import Path

import pandas as pd

from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError, some

REVIEWS = [tables.KEY, "category", "strategy", "ended"]
TRAFFIC = ["experiment", "at", "unit", "arm", "success"]
ANSWERS = ["at", "queue_ms", "predict_ms"]
RANDOM = "random"
"""`strategy` of the reviews of products that were drawn at random: they alone say what share is wrong."""


def read(folder: Path, name: str, columns: list[str]) -> pd.DataFrame:
    """Return a table of a stream, empty where there is none."""
    found = [folder / f"{name}{suffix}" for suffix in (".csv", ".parquet")]
    found = [path for path in found if path.is_file()]
    if len(found) > 1:
        raise AisleError(
            f"{folder} must have one table of {name}; it has {some(path.name for path in found)}"
        )
    if not found:
        return pd.DataFrame(columns=columns, dtype=object)
    csv = found[0].suffix == ".csv"
    table = pd.read_csv(found[0], dtype=str, keep_default_na=False) if csv else pd.read_parquet(found[0])
    if missing := sorted({*columns} - {*table.columns}):
        raise AisleError(f"{found[0]} must have the columns {some(columns)}; it lacks {some(missing)}")
    return table[columns]


def reviews(folder: Path) -> pd.DataFrame:
    """Return what people said last of each product: `REVIEWS`, without those that wait for an answer."""
    table = read(folder, "reviews", REVIEWS)
    table = table[table["category"].notna() & (table["category"] != "")]
    table = table.assign(ended=table["ended"].astype(str).str[:10])
    return table.sort_values([tables.KEY, "ended"]).drop_duplicates(tables.KEY, keep="last")


def traffic(folder: Path) -> pd.DataFrame:
    """Return who had which arm of which experiment, and whether a success followed: `TRAFFIC`."""
    table = read(folder, "traffic", TRAFFIC)
    return table.assign(at=table["at"].astype(str).str[:10], success=table["success"].astype(int))


def answers(folder: Path) -> pd.DataFrame:
    """Return how long the service took for each product of its store: day, ms."""
    table = read(folder, "predictions", ANSWERS)
    took = table["queue_ms"].astype(float) + table["predict_ms"].astype(float)
    return pd.DataFrame({"day": table["at"].astype(str).str[:10], "ms": took})
