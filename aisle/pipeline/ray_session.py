"""Ray on this machine or at RAY_ADDRESS: the connection, and a function of many items by its processes.

Whoever asks for it imports this; nothing here imports Ray before it is asked for.
"""

import os
import secrets
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from tempfile import TemporaryDirectory
from typing import Any

from aisle.pipeline.errors import AisleError

TRIES = 2
"""Times that an item is begun before it is given up: its process may have died of another's memory."""
STORE = 80 << 20
"""Bytes of Ray's shared memory where it is started here, about the least it takes: little goes through."""
WAITED = 10
"""Seconds for a cluster's head to answer."""
SILENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1", "RAY_SCHEDULER_EVENTS": "0"}
"""No statistics are sent to Ray's makers, and stderr is ours."""


QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}


@contextmanager
def running(workers: int, asked: str = "--engine ray") -> Iterator[Any]:
    """Connect to Ray at RAY_ADDRESS, or start one here for so many processes; give its module.

    One that this process is connected to already is taken, and left as it is.

    Parameters
    ----------
    workers
        Processes, where it is started here.
    asked
        How it was asked for, in an error.

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
            f"{asked} takes the packages of the group `ray`: pip install '.[batch,ray]' ({error})"
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
            raise AisleError(f"Ray {what}: {type(error).__name__}: {line(error)}") from None
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


def line(error: BaseException) -> str:
    """Return what an error says in one line, cut."""
    return " ".join(str(error).split())[:300]


def mapped(
    ray: Any, work: Callable[..., Any], items: Iterable[tuple[Any, ...]], at_once: int
) -> Iterator[Any]:
    """Yield `work(*item)` of each item, in order, by Ray's processes; `at_once` are under way or done.

    Parameters
    ----------
    ray
        Of `running`.
    work
        A function of a module, or one that can be pickled whole.
    items
        Arguments of each call.
    at_once
        How many results there is room for.

    Raises
    ------
    AisleError
        What `work` raises; or if an item's process died `TRIES` times.
    """
    task = ray.remote(num_cpus=1, max_retries=0)(work)
    rest, under_way = iter(items), deque[tuple[Any, tuple[Any, ...]]]()
    while True:
        while len(under_way) < at_once and (item := next(rest, None)) is not None:
            under_way.append((task.remote(*item), item))
        if not under_way:
            return
        yield _result(ray, task, *under_way.popleft())


def _result(ray: Any, task: Any, done: Any, item: tuple[Any, ...]) -> Any:
    died = Counter[str]()
    while True:
        try:
            return ray.get(done)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, AisleError):
                raise AisleError(str(error.cause)) from None
            raise AisleError(f"{type(error.cause).__name__}: {line(error.cause)}") from None
        except ray.exceptions.RayError as error:  # its process, or its node, is no more
            died[type(error).__name__] += 1
            if died.total() >= TRIES:
                raise AisleError(
                    f"a process of Ray's died {TRIES} times, at last by {type(error).__name__}"
                ) from None
            done = task.remote(*item)


def processors_of(ray: Any) -> int:
    """Return how many processors the nodes of Ray have together."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


_place: list[socket.socket] = []
"""Held as long as the process lives."""


def keep_to_own_processors() -> None:
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
