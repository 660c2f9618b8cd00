"""Prediction of drawn shards by Ray on this machine against processes: seconds, memory, the same bytes."""

import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.deployment import manifest, ray_engine, shard_pool, shards
from aisle.deployment.batch import Job
from tools.bench_service import text_package
from tools.measured import measured
from tools.scale import drawn

PRODUCTS, SHARDS = 100_000, 16


def predicted(engine: str, package: str, given: str, out: str) -> float:
    """Predict the shards of a folder; return the seconds until the engine was ready, 0 for processes."""
    every = shards.find(f"{given}/*.parquet")
    job = Job(package, given, out, {}, {"package": manifest.identity(Path(package))})
    if engine == "processes":
        shard_pool.predict_shards(job, every)
        return 0.0
    started = time.perf_counter()
    with ray_engine.running(min(ray_engine.processors(), len(every))):
        ready = time.perf_counter() - started
        ray_engine.predict_shards(job, every)
    return round(ready, 2)


def measure() -> dict[str, Any]:
    """Return the figures of `PRODUCTS` drawn texts in `SHARDS` files, by the champion of texts."""
    with tempfile.TemporaryDirectory() as folder:
        package = str(text_package("champion", Path(folder)))
        given = Path(folder, "given")
        given.mkdir()
        texts = drawn.texts(PRODUCTS)
        for i in range(SHARDS):
            rows = pd.DataFrame({"title": texts.str.slice(0, 40), "description": texts}).iloc[i::SHARDS]
            rows.to_parquet(given / f"{i}.parquet", index=False)
        runs, files = {}, {}
        for engine in ("processes", "ray"):
            runs[engine] = measured(predicted, engine, package, str(given), str(Path(folder, engine)))
            files[engine] = {each.name: each.read_bytes() for each in Path(folder, engine).iterdir()}
    ours, theirs = runs["processes"], runs["ray"]
    return {
        "products": PRODUCTS,
        "shards": SHARDS,
        "processes_seconds": ours.seconds,
        "processes_peak_mb": ours.peak_mb,
        "seconds": theirs.seconds,
        "seconds_to_start": theirs.result,
        "peak_mb": theirs.peak_mb,
        "ratio": round(theirs.seconds / ours.seconds, 2),
        "ratio_once_started": round((theirs.seconds - theirs.result) / ours.seconds, 2),
        "equal": files["processes"] == files["ray"] and len(files["ray"]) == SHARDS,
    }
