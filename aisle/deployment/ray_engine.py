"""Predict many shards by Ray, on this machine or the cluster at RAY_ADDRESS: the bytes of processes here.

A task of Ray is a shard; it reads and writes itself, and nothing but the counts comes back. Its process keeps
the package open for the next one. What a shard needs must be on storage that every node sees.
"""

import os
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from functools import lru_cache
from io import StringIO
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

if TYPE_CHECKING:
    from aisle.deployment.predictor import Predictor

STORE = 80 << 20
"""Bytes of Ray's shared memory where it is started here, about the least it takes: only counts go through."""
WAITED = 10
"""Seconds for a cluster's head to answer."""
SILENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1", "RAY_SCHEDULER_EVENTS": "0"}
"""No statistics are sent to Ray's makers, and stderr is ours."""


QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}


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


@contextmanager
def running(workers: int) -> Iterator[Any]:
    """Connect to Ray at RAY_ADDRESS, or start one here for so many processes; give its module.

    One that this process is connected to already is taken, and left as it is.

    Raises
    ------
    AisleError
        If it is not installed, does not start or cannot be reached.
    """
    address = os.environ.get("RAY_ADDRESS", "").strip()
    os.environ.update({name: os.environ.get(name, value) for name, value in SILENT.items()})
    if not address and "RAY_AUTH_MODE" not in os.environ:  # Ray reads it when it is imported
        os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)})
    try:
        import ray
    except ImportError as error:
        raise AisleError(
            f"--engine ray takes the packages of the group `ray`: pip install '.[batch,ray]' ({error})"
        ) from None
    if ray.is_initialized():
        yield ray
        return
    check_answers(address)
    with (
        TemporaryDirectory(prefix="aisle-", ignore_cleanup_errors=True) as folder,
        redirect_stdout(StringIO()),  # where Ray tells of workers that die
    ):
        try:
            if address:
                ray.init(address, **QUIET)
            else:
                _start(workers, folder)
        except Exception as error:  # of many kinds, a bare Exception among them
            ray.shutdown()
            what = f"at RAY_ADDRESS={address} must be one to connect to" if address else "must start here"
            raise AisleError(f"Ray {what}: {type(error).__name__}: {_line(error)}") from None
        try:
            yield ray
        finally:
            ray.shutdown()


def check_answers(address: str) -> None:
    """Raise an AisleError if nothing answers at a `host:port`: Ray would try for minutes, and say nothing."""
    host, _, port = address.rpartition(":")
    if "://" in address or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), WAITED).close()
    except (OSError, OverflowError) as error:
        raise AisleError(
            f"RAY_ADDRESS must be the host:port of a cluster's head; nothing answers at {address} ({error})"
        ) from None


def _start(workers: int, folder: str) -> None:
    """Start Ray for this process alone: whoever reaches its ports can run code, so they are on loopback."""
    import ray
    from ray._private import ray_constants

    before, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False  # no public way
    try:
        ray.init(
            "local",
            num_cpus=workers,
            include_dashboard=False,
            object_store_memory=STORE,
            _temp_dir=folder,
            _node_ip_address="127.0.0.1",
            **QUIET,
        )
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


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
            result = f"{type(error.cause).__name__}: {_line(error.cause)}"
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
    _keep_to_own_processors()
    return Predictor(package)


_place: list[socket.socket] = []
"""Held as long as the process lives."""


def _keep_to_own_processors() -> None:
    """Take a share of the node's processors that no other process of this run on it has.

    Ray counts processors and binds nobody to one, and OpenVINO makes as many streams as it sees processors.
    Which share is free is told by abstract sockets: a name is its holder's until that ends, however it ends.
    """
    import ray

    context, cores = ray.get_runtime_context(), sorted(os.sched_getaffinity(0))
    node = next(each for each in ray.nodes() if each["NodeID"] == context.get_node_id())
    shares = max(1, int(node["Resources"].get("CPU", 1)))
    for i in range(shares):
        place = socket.socket(socket.AF_UNIX)
        try:
            place.bind(f"\0aisle {context.get_node_id()} {context.get_job_id()} {i}")
        except OSError:  # another's
            place.close()
            continue
        _place.append(place)
        os.sched_setaffinity(0, cores[i::shares] or [cores[i % len(cores)]])
        return
