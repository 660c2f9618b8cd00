"""How many processors there are, and pools of processes and of threads that use them."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

Result = TypeVar("Result")


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


_work: Callable[[Any], Any] | None = None
"""Of the pool: forked processes inherit it, with the arrays that it holds, so that nothing is pickled."""


def _call(item: Any) -> Any:
    assert _work is not None
    with threadpool_limits(1):
        return _work(item)


def in_processes(work: Callable[[Any], Result], items: Iterable[Any]) -> Iterator[Result]:
    """Yield `work(item)` of each item, in order, computed by a process for each processor.

    One thread of BLAS each: the bytes are the same on any number of processors. On one, or for one item, no
    process is started. Not for work with TensorFlow or torch, which do not survive a fork.

    Parameters
    ----------
    work
        May hold anything: it is inherited by the forked processes, not pickled. What it returns is pickled.
    items
        Small: they are pickled.
    """
    global _work
    items = list(items)
    workers = min(processors(), len(items))
    if workers < 2 or _work is not None:  # a worker does not fork again
        yield from map(work, items)
        return
    _work = work
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
            yield from pool.map(_call, items)
    finally:
        _work = None


def in_threads(work: Callable[[Any], Result], items: Iterable[Any]) -> Iterator[Result]:
    """Yield `work(item)` of each item, in order, a thread for each processor: for work that leaves Python."""
    with ThreadPoolExecutor(processors()) as pool:
        yield from pool.map(work, items)
