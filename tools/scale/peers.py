"""Other programs for the same work in the same run: near-duplicates by text-dedup and rensa, Ray Data."""

import os
import shlex
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from aisle.catalogue import character_vectors, cosine_pairs, near_duplicates
from aisle.deployment import manifest, ray_engine, shard_pool, shards
from aisle.deployment.batch import Job
from tools import bench_service, make_catalogue
from tools.measured import Measured, cores, measured, measured_command
from tools.scale.near_duplicates import REAL, SHARED
from tools.stage_times import ROOT

LETTERS = 4
"""Of MinHash whose pairs are checked: letters in a row."""
MANY, TEXTS, PRODUCTS, SHARDS = 100_000, 10_000, 20_000, 8
TEXT_DEDUP = "text-dedup==0.4.0"
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
        found = WAYS[how](texts)
    both = found.merge(planted.drop_duplicates(), on=["left", "right"])
    return {"pairs": len(found), "recall_of_planted": round(len(both) / len(planted.drop_duplicates()), 4)}


def exact(texts: pd.Series) -> pd.DataFrame:
    """Return the pairs that the pipeline finds."""
    return near_duplicates.text_pairs(texts, SIMILARITY)


def by_minhash(texts: pd.Series) -> pd.DataFrame:
    """Return the pairs that rensa's MinHash finds by its bands, checked by its estimate: left, right."""

    def parts(text: str) -> list[str]:
        words = text.split()
        return [" ".join(words[i : i + WORDS]) for i in range(max(len(words) - WORDS + 1, 1))]

    return _found(texts, parts, BANDS, JACCARD)


def checked(texts: pd.Series) -> pd.DataFrame:
    """Return the pairs whose exact cosine is `SIMILARITY`, of those that MinHash of letters finds.

    What the pipeline would do by MinHash instead of its prefixes: every text needs its vector all the same,
    for a cosine weighs an n-gram by how many texts have it.
    """
    vectors = character_vectors.vectors(texts)
    pairs = _found(
        texts, lambda text: [text[i : i + LETTERS] for i in range(len(text))], PERMUTATIONS // 2, 0
    )
    left, right = (pairs[side].to_numpy(int) for side in ("left", "right"))
    return pairs[cosine_pairs.cosines(vectors, left, right) >= np.float32(SIMILARITY - 1e-6)]


def _found(texts: pd.Series, parts: Callable[[str], list[str]], bands: int, least: float) -> pd.DataFrame:
    """Return the pairs that share a band of MinHash and have this estimate of the Jaccard index."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(JACCARD, PERMUTATIONS, bands)
    hashes: list[Any] = []
    found: list[tuple[int, int]] = []
    for number, text in enumerate(texts):
        sketch = RMinHash(PERMUTATIONS, 0)
        hashes.append(sketch)
        if not text.split():
            continue
        sketch.update(parts(text))
        found += [(other, number) for other in index.query(sketch) if hashes[other].jaccard(sketch) >= least]
        index.insert(number, sketch)
    return pd.DataFrame(found, columns=["left", "right"], dtype=int).drop_duplicates()


WAYS = {"aisle": exact, "rensa": by_minhash, "rensa_checked": checked}
"""How near-duplicates are looked for."""


def programs(folder: Path) -> dict[str, Any]:
    """Return what two programs cost from their start to their end: ours, and text-dedup's MinHash.

    Text-dedup gets all processors and an environment of its own, since it wants other libraries than ours. It
    looks for half as much in common, its default being 0.7 of words in a row, and writes what is left.
    """
    make_catalogue.write(folder, MANY, 0, pictures=False)
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", TEXT_DEDUP], check=True)
    given = shlex.quote(str(folder / "products.parquet"))
    commands = {
        "aisle": f"{shlex.quote(sys.executable)} -m tools.scale.peers {shlex.quote(str(folder))}",
        "text_dedup": f"{shlex.quote(str(python))} -m text_dedup.minhash --path parquet --data_files {given} "
        f"--split train --column description --ngram {WORDS} --min_length 1 --threshold {JACCARD} "
        f"--num_proc {cores()} --output {shlex.quote(str(folder / 'left'))}",
    }
    home = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home")}
    runs = {how: measured_command(command, ROOT, home) for how, command in commands.items()}
    ratio = round(runs["text_dedup"].seconds / runs["aisle"].seconds, 2)
    return {"texts": MANY, **{how: costs(run) for how, run in runs.items()}, "text_dedup_ratio": ratio}


def names(how: str) -> pd.DataFrame:
    """Return the pairs of the different names of the real catalogue."""
    place, column = REAL["flipkart20k_names"]
    texts = pd.read_csv(SHARED / place, usecols=[column], keep_default_na=False)[column].drop_duplicates()
    with threadpool_limits(1):
        return WAYS[how](texts.reset_index(drop=True))


def of_names() -> dict[str, Any]:
    """Return what the exact way and MinHash's candidates cost on real names, and the recall of the latter."""
    runs = {how: measured(names, how) for how in ("aisle", "rensa_checked")}
    pairs = {how: {*zip(run.result["left"], run.result["right"], strict=True)} for how, run in runs.items()}
    both = pairs["aisle"] & pairs["rensa_checked"]
    return {
        **{how: {**costs(run), "pairs": len(pairs[how])} for how, run in runs.items()},
        "recall": round(len(both) / max(len(pairs["aisle"]), 1), 4),
    }


def predicted(how: str, package: str, folder: str, out: str) -> None:
    """Predict shards by processes, or by `map_batches` of Ray Data with a plain function."""
    if how == "aisle":
        job = Job(package, folder, out, {}, {"package": manifest.identity(Path(package))})
        shard_pool.predict_shards(job, shards.find(f"{folder}/*.parquet"))
        return
    workers = ray_engine.processors()
    with ray_engine.running(workers + 1) as ray:  # the actors keep theirs: none would be left to read
        import ray.data as ray_data

        ray_data.DataContext.get_current().enable_progress_bars = False
        pool = ray_data.ActorPoolStrategy(size=workers)
        options = {"fn_constructor_args": [package], "batch_size": 512, "batch_format": "pandas"}
        ray.data.read_parquet(folder).map_batches(Plain, compute=pool, **options).write_parquet(out)


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


def measure() -> dict[str, Any]:
    """Return the figures; a ratio is the other's seconds to ours: above 1 ours is faster."""
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        result["near_duplicates_programs"] = programs(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        package = bench_service.text_package("champion", Path(folder))
        make_catalogue.write(Path(folder), TEXTS, 0, pictures=False)
        runs = {how: measured(pairs, how, folder) for how in WAYS}
        result["near_duplicates"] = {
            "texts": TEXTS,
            **{how: {**costs(run), **run.result} for how, run in runs.items()},
            **{
                f"{how}_ratio": round(run.cpu_seconds / runs["aisle"].cpu_seconds, 2)
                for how, run in runs.items()
                if how != "aisle"
            },
        }
        if (SHARED / REAL["flipkart20k_names"][0]).is_file():
            result["near_duplicates_of_names"] = of_names()
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


if __name__ == "__main__":
    print(pairs("aisle", sys.argv[1]))
