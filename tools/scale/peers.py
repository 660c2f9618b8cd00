"""Other programs for the same work in the same run: near-duplicates by rensa, prediction by Ray Data."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from aisle.catalogue import near_duplicates
from aisle.deployment import manifest, ray_engine, shard_pool, shards
from aisle.deployment.batch import Job
from tools import make_catalogue
from tools.measured import Measured, measured
from tools.scale.ray_engine import PACKAGE

TEXTS, PRODUCTS, SHARDS = 10_000, 2_000, 4
SIMILARITY = 0.8
"""Of params.yaml."""
WORDS, JACCARD, PERMUTATIONS, BANDS = 3, 0.5, 128, 32
"""Of MinHash: words in a row that are compared, and bands by which pairs of half as many in common are found
with a probability of 0.87, and those of three quarters nearly always."""


def given(folder: str) -> tuple[pd.Series, pd.DataFrame]:
    """Return the descriptions of the generated products, and which pairs of them are planted."""
    products = pd.read_parquet(Path(folder, "products.parquet"), columns=["id", "description"])
    planted = pd.read_parquet(Path(folder, "planted.parquet"))
    place = pd.Series(np.arange(len(products)), index=products["id"])
    rows = planted[planted["kind"] == "text"]
    sides = np.sort([place[rows["id"]], place[rows["original"]]], axis=0)
    return products["description"], pd.DataFrame({"left": sides[0], "right": sides[1]})


def pairs(how: str, folder: str) -> dict[str, float]:
    """Look for the near-duplicates of generated texts; return how many, and the share of the planted ones."""
    texts, planted = given(folder)
    with threadpool_limits(1):
        found = near_duplicates.text_pairs(texts, SIMILARITY) if how == "aisle" else by_minhash(texts)
    both = found.merge(planted.drop_duplicates(), on=["left", "right"])
    return {"pairs": len(found), "recall_of_planted": round(len(both) / len(planted.drop_duplicates()), 4)}


def by_minhash(texts: pd.Series) -> pd.DataFrame:
    """Return the pairs that rensa's MinHash finds by its bands, checked by its estimate: left, right."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(JACCARD, PERMUTATIONS, BANDS)
    hashes: list[Any] = []
    found: list[tuple[int, int]] = []
    for number, text in enumerate(texts):
        words = text.split()
        sketch = RMinHash(PERMUTATIONS, 0)
        sketch.update([" ".join(words[i : i + WORDS]) for i in range(max(len(words) - WORDS + 1, 1))])
        near = index.query(sketch) if words else []
        found += [(other, number) for other in near if hashes[other].jaccard(sketch) >= JACCARD]
        if words:
            index.insert(number, sketch)
        hashes.append(sketch)
    return pd.DataFrame(found, columns=["left", "right"]).drop_duplicates()


def predicted(how: str, package: str, folder: str, out: str) -> None:
    """Predict shards by processes, or by `map_batches` of Ray Data with a plain function."""
    if how == "aisle":
        job = Job(package, folder, out, {}, {"package": manifest.identity(Path(package))})
        shard_pool.predict_shards(job, shards.find(f"{folder}/*.parquet"))
        return
    with ray_engine.running(ray_engine.processors()) as ray:
        import ray.data as ray_data

        ray_data.DataContext.get_current().enable_progress_bars = False
        data = ray.data.read_parquet(folder)
        data.map_batches(
            Plain, fn_constructor_args=[package], batch_size=512, batch_format="pandas", concurrency=2
        ).write_parquet(out)


class Plain:
    """What a user of Ray Data would write: the package's predictor on each batch."""

    def __init__(self, package: str) -> None:
        from aisle.deployment.predictor import Predictor

        self.predictor = Predictor(package)

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        """Return a batch with its predictions."""
        products = batch[["title", "description"]].reset_index(drop=True)
        return pd.concat([batch.reset_index(drop=True), self.predictor.predict(products)], axis=1)


def costs(run: Measured) -> dict[str, float]:
    """Return what a run cost."""
    return {"seconds": run.seconds, "cpu_seconds": run.cpu_seconds, "peak_mb": run.peak_mb}


def measure(package: Path = PACKAGE) -> dict[str, Any]:
    """Return the figures; a ratio is the other's seconds to ours: above 1 ours is faster."""
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        make_catalogue.write(Path(folder), TEXTS, 0, pictures=False)
        runs = {how: measured(pairs, how, folder) for how in ("aisle", "rensa")}
        result["near_duplicates"] = {
            "texts": TEXTS,
            **{how: {**costs(run), **run.result} for how, run in runs.items()},
            "rensa_ratio": round(runs["rensa"].cpu_seconds / runs["aisle"].cpu_seconds, 2),
        }
        products = pq.read_table(Path(folder, "products.parquet"))[:PRODUCTS]
        there = Path(folder, "shards")
        there.mkdir()
        for number in range(SHARDS):
            part = products[number * PRODUCTS // SHARDS : (number + 1) * PRODUCTS // SHARDS]
            pq.write_table(part, there / f"{number}.parquet")
        made = {
            how: measured(predicted, how, str(package), str(there), str(Path(folder, how)))
            for how in ("aisle", "ray_data")
        }
        result["batch_prediction"] = {
            "products": PRODUCTS,
            **{how: costs(run) for how, run in made.items()},
            "ray_data_ratio": round(made["ray_data"].seconds / made["aisle"].seconds, 2),
        }
    return result
