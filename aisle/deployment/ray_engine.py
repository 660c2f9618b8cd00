"""Predict many shards by Ray, on this machine or the cluster at RAY_ADDRESS: the bytes of processes here.

A task of Ray is a shard; it reads and writes itself, and nothing but the counts comes back. Its process keeps
the package open for the next one. What a shard needs must be on storage that every node sees.
"""

import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from aisle.deployment import manifest
from aisle.deployment.batch import Counts, Job, predict_shard
from aisle.deployment.shard_pool import TRIES, Outcome, Progress, gathered
from aisle.deployment.shards import Results, Shard, system
from aisle.pipeline.cores import processors
from aisle.pipeline.errors import AisleError
from aisle.pipeline.ray_session import keep_to_own_processors, line, running

if TYPE_CHECKING:
    from aisle.deployment.predictor import Predictor


def predict_shards(job: Job, shards: Sequence[Shard], workers: int | None = None) -> Counts:
    """Predict shards and write their predictions, each as soon as it is whole.

    Parameters
    ----------
    job
        What is the same for all.
    shards
        Those to predict.
    workers
        Shards at a time; None for as many as there are processors here or, at RAY_ADDRESS, in the cluster.

    Raises
    ------
    AisleError
        If Ray is not installed or cannot be reached; if a shard cannot be predicted: at the end, when the
        others are done.
    """
    with running(min(workers or processors(), len(shards))):
        return gathered(shards, lambda progress: _on_nodes(_absolute(job), shards, workers, progress))


def _absolute(job: Job) -> Job:
    """Return a job whose places are the same from any working directory."""
    files, path = system(job.output)
    package, images = (str(Path(place).resolve()) for place in (job.package, job.images))
    return replace(job, package=package, images=images, output=files.unstrip_protocol(path))


def _on_nodes(
    job: Job, shards: Sequence[Shard], workers: int | None, progress: Progress
) -> Iterator[Outcome]:
    import ray

    # Ray would begin one that ran out of memory again for ever; `TRIES` is for whatever ends a process.
    task = ray.remote(num_cpus=1, max_retries=0)(on_worker)
    results, tries = Results(job.output, job.key), Counter[str]()
    waiting, busy = [*reversed(shards)], dict[Any, Shard]()
    while waiting or busy:
        while waiting and len(busy) < (workers or len(shards)):
            shard = waiting.pop()
            tries[shard.place] += 1
            busy[task.remote(job, shard)] = shard
        (done,), _ = ray.wait([*busy], num_returns=1)
        shard = busy.pop(done)
        try:
            result: Counts | str = ray.get(done)
        except ray.exceptions.RayTaskError as error:
            result = f"{type(error.cause).__name__}: {line(error.cause)}"
        except ray.exceptions.RayError as error:  # its process, or its node, is no more
            if tries[shard.place] < TRIES:
                waiting.append(shard)
                continue
            result = f"its process died {TRIES} times, at last by {type(error).__name__}"
        if isinstance(result, Counts):
            progress.add(result.products)
            if results.missing([shard]):
                result = (
                    f"it was predicted, and is not in {job.output} as seen from here: that must be {SHARED}"
                )
        yield shard, result


SHARED = "on storage that every node sees, under the same path"


def on_worker(job: Job, shard: Shard, tell: Callable[[int], object] = lambda _: None) -> Counts | str:
    """Predict a shard in a process of Ray's; return the counts, or why it cannot be predicted.

    `tell` is told how many more products are written.
    """
    try:
        with TemporaryDirectory(prefix="aisle-") as nowhere, threadpool_limits(1):
            if not Path(job.images).is_dir():
                if job.key.get("images"):
                    raise AisleError(f"--images must be {SHARED}; {job.images} is not there")
                job = replace(job, images=nowhere)
            return predict_shard(opened(job.package, job.key.get("package")), job, shard, tell)
    except (AisleError, OSError) as error:
        return f"{error} (on {socket.gethostname()})"


@lru_cache(maxsize=1)
def opened(package: str, digest: str | None) -> "Predictor":
    """Return the package, opened once in a process, which then keeps to processors of its own.

    Parameters
    ----------
    package
        Folder.
    digest
        SHA-256 of its manifest as it is where the shards are given out; None to take any.

    Raises
    ------
    AisleError
        If it is not there, or another.
    """
    from aisle.deployment.predictor import Predictor

    file = Path(package, manifest.FILE)
    if not file.is_file():
        raise AisleError(f"the package must be {SHARED}; there is no {file}")
    if digest and manifest.identity(package) != digest:
        raise AisleError(f"the package must be the same on every node; {package} is another one")
    keep_to_own_processors()
    return Predictor(package)
