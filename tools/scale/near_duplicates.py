"""Near-duplicates: all pairs at 20,000 products against what the pipeline does, there and at 100,000."""

import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from aisle.catalogue import near_duplicates
from tools import all_pairs
from tools.measured import Measured, measured
from tools.scale import drawn

SMALL, LARGE = 20_000, 100_000
SIMILARITY, DISTANCE = 0.8, 24
"""Of params.yaml."""
SHARED = Path(os.environ.get("AISLE_SHARED") or Path(__file__).resolve().parents[3] / "shared") / "catalogues"
REAL = {
    "flipkart20k_names": ("flipkart20k/flipkart_20k.csv", "product_name"),
    "flipkart1050_descriptions": ("flipkart1050/flipkart_com-ecommerce_sample_1050.csv", "description"),
}


def found(kind: str, how: str, n: int) -> pd.DataFrame:
    """Return the pairs of n drawn products, or of a real catalogue's texts where `kind` is one of `REAL`."""
    module = {"all_pairs": all_pairs, "aisle": near_duplicates}[how]
    with threadpool_limits(1):
        if kind == "pictures":
            return module.picture_pairs(drawn.hashes(n), DISTANCE)
        return module.text_pairs(given(kind, n), SIMILARITY)


def given(kind: str, n: int) -> pd.Series:
    """Return the texts."""
    if kind == "texts":
        return drawn.texts(n)
    place, column = REAL[kind]
    return pd.read_csv(SHARED / place, usecols=[column], keep_default_na=False)[column]


def counting(kind: str, n: int) -> None:
    """Do what grows with n alone: draw or read what `found` is given and, of texts, make vectors."""
    if kind == "pictures":
        drawn.hashes(n)
    else:
        with threadpool_limits(1):
            all_pairs.vectors(given(kind, n))


def costs(run: Measured) -> dict[str, float]:
    """Return what a run cost."""
    return {name: getattr(run, name) for name in ("seconds", "cpu_seconds", "peak_mb")}


def measure() -> dict[str, Any]:
    """Return the figures.

    All pairs at 100,000 are extrapolated, in seconds of the processors: what grows with n (drawing the
    products, and of texts the vectors) five times, the rest 25 times.
    """
    result: dict[str, Any] = {}
    for kind in ("texts", "pictures", *(kind for kind in REAL if (SHARED / REAL[kind][0]).is_file())):
        small = SMALL if kind in ("texts", "pictures") else len(given(kind, 0))
        old, new = (measured(found, kind, how, small) for how in ("all_pairs", "aisle"))
        both = old.result.merge(new.result, on=["left", "right"])
        figures = {
            "products": small,
            **{f"all_pairs_{name}": value for name, value in costs(old).items()},
            **costs(new),
            "pairs": len(new.result),
            "equal": old.result.astype(new.result.dtypes).equals(new.result),
            "recall": round(len(both) / max(len(old.result), 1), 6),
        }
        if kind not in REAL:
            linear, times = measured(counting, kind, small).cpu_seconds, LARGE / small
            extrapolated = linear * times + (old.cpu_seconds - linear) * times**2
            large = measured(found, kind, "aisle", LARGE)
            figures |= {f"{name}_large": value for name, value in costs(large).items()}
            figures |= {
                "products_large": LARGE,
                "pairs_large": len(large.result),
                "all_pairs_cpu_seconds_large_extrapolated": round(extrapolated, 1),
                "share_of_all_pairs_large": round(large.cpu_seconds / extrapolated, 4),
            }
        result[kind] = figures
        print(kind, figures, file=sys.stderr, flush=True)
    return result
