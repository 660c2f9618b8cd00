"""Encoding: MiniLM's texts a second against sentence-transformers' `encode` at its defaults, in turns."""

from typing import Any

import pandas as pd

from aisle.pipeline.errors import AisleError
from tools import bench_encoders
from tools.measured import measured
from tools.scale.near_duplicates import REAL, SHARED

TEXTS, ROUNDS = 60, 2


def measure() -> dict[str, Any]:
    """Return the figures, of real descriptions.

    Raises
    ------
    AisleError
        If ../shared is not here.
    """
    place, column = REAL["flipkart1050_descriptions"]
    if not (SHARED / place).is_file():
        raise AisleError(f"{SHARED} must have {place}: real descriptions are encoded. Set AISLE_SHARED")
    every = pd.read_csv(SHARED / place, usecols=[column], keep_default_na=False)[column]
    texts = every.sample(TEXTS, random_state=0).tolist()
    run = measured(bench_encoders.texts, "minilm", texts, ROUNDS)
    return {"texts": TEXTS, "rounds": ROUNDS, "minilm": run.result, "peak_mb": run.peak_mb}
