"""Predict many shards by a process for each processor, and go on where one dies.

Each process opens the package once and has processors of its own, so that an encoder starts no more requests
than it can run. The predictions' bytes do not depend on how many processes there are.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from typing import Any

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from aisle.deployment.batch import Counts, Job, predict_shard
from aisle.deployment.shards import Shard
from aisle.pipeline.cores import processors
from aisle.pipeline.errors import AisleError, some

TRIES = 2
"""Times that a shard is begun before it is given up: its process may have died of another's memory."""
EVERY = 30
"""Seconds between lines of progress where stderr is no terminal."""


class Progress:
    """How many products are done, how fast, and how long the rest takes: a bar, or now and then a line."""

    def __init__(self, shards: int, products: int) -> None:
        self._shards, self._products = shards, products
        self._done_shards = self._done = 0
        self._started = self._told = time.monotonic()
        self._bar = tqdm(total=products, unit="product", unit_scale=True, disable=None, smoothing=0.1)

    def add(self, products: int) -> None:
        """Count products; a negative number are those of a shard that is begun again."""
        self._done += products
        self._bar.update(products)
        if self._bar.disable and time.monotonic() - self._told > EVERY:
            print(self, file=sys.stderr, flush=True)
            self._told = time.monotonic()

    def shard(self) -> None:
        """Count a shard that is done."""
        self._done_shards += 1
        self._bar.set_postfix_str(f"{self._done_shards} of {self._shards} shards")

    def close(self) -> None:
        """End the bar."""
        self._bar.close()

    def __str__(self) -> str:
        """Return it in words."""
        rate = self._done / max(time.monotonic() - self._started, 1e-9)
        left = (self._products - self._done) / rate / 60 if rate else float("inf")
        return (
            f"{self._done_shards:,} of {self._shards:,} shards, {self._done:,} of {self._products:,} "
            f"products, {rate:,.0f} a second, {left:,.1f} minutes left"
        )


Outcome = tuple[Shard, Counts | str]
"""A shard, and what was predicted of it or why it could not be."""


@dataclass
class _Worker:
    process: Any
    pipe: Any
    shard: Shard
    told: int = 0
    began: bool = False
    done: int = 0


def predict_shards(job: Job, shards: Sequence[Shard], workers: int | None = None) -> Counts:
    """Predict shards and write their predictions, each as soon as it is whole.

    Parameters
    ----------
    job
        What is the same for all.
    shards
        Those to predict.
    workers
        Processes; None for one for each processor, as far as there are shards. One works here.

    Raises
    ------
    AisleError
        If a shard cannot be predicted: at the end, when the others are done.
    """
    workers = min(workers or processors(), len(shards))
    if workers < 2:
        return gathered(shards, lambda progress: _here(job, shards, progress))
    return gathered(shards, lambda progress: _elsewhere(job, shards, workers, progress))


def gathered(shards: Sequence[Shard], work: Callable[[Progress], Iterator[Outcome]]) -> Counts:
    """Return the sums of what shards' predictions come to, and show how far they are.

    Parameters
    ----------
    shards
        Those to predict.
    work
        Predicts them: yields each as it is done, and tells the progress how many products are.

    Raises
    ------
    AisleError
        If a shard cannot be predicted: at the end, when the others are done.
    """
    progress = Progress(len(shards), sum(shard.rows for shard in shards))
    try:
        total, failed = Counts(), dict[str, str]()
        for shard, result in work(progress):
            if isinstance(result, Counts):
                total += result
                progress.shard()
            else:
                failed[shard.address] = result
    finally:
        progress.close()
    if failed:
        raise AisleError(
            f"{len(failed)} of {len(shards)} shards could not be predicted, the others are; run again to try "
            f"them alone: {some((f'{address}: {why}' for address, why in failed.items()), 3)}"
        )
    return total


def _here(job: Job, shards: Sequence[Shard], progress: Progress) -> Iterator[Outcome]:
    from aisle.deployment.predictor import Predictor

    model = Predictor(job.package)
    for shard in shards:
        try:
            yield shard, predict_shard(model, job, shard, progress.add)
        except (AisleError, OSError) as error:
            yield shard, str(error)


def _elsewhere(job: Job, shards: Sequence[Shard], workers: int, progress: Progress) -> Iterator[Outcome]:
    waiting, tries = deque(shards), dict[str, int]()
    cores = sorted(os.sched_getaffinity(0))
    free = deque(cores[i::workers] for i in range(workers))
    busy: dict[Any, tuple[_Worker, list[int]]] = {}

    def start(own: list[int]) -> None:
        context = get_context("spawn")  # a fork would inherit Arrow's threads, which do not survive it
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, job, own), daemon=True)
        process.start()
        theirs.close()
        busy[ours] = _Worker(process, ours, _give(ours)), own

    def _give(pipe: Any) -> Shard:
        shard = waiting.popleft()
        tries[shard.place] = tries.get(shard.place, 0) + 1
        with suppress(BrokenPipeError, ConnectionResetError):  # it has died: its end of the pipe tells below
            pipe.send(shard)
        return shard

    try:
        while waiting or busy:
            while waiting and free:
                start(free.popleft())
            ready: list[Any] = connection.wait([*busy])
            for pipe in ready:
                worker, own = busy[pipe]
                try:
                    message = pipe.recv()
                except (EOFError, ConnectionResetError):
                    worker.process.join()
                    del busy[pipe]
                    free.append(own)
                    progress.add(-worker.told)
                    if worker.done and not worker.began:  # it died of none: it had not begun this one
                        tries[worker.shard.place] -= 1
                    if tries[worker.shard.place] < TRIES:
                        waiting.append(worker.shard)
                    else:
                        yield (
                            worker.shard,
                            f"its process died {TRIES} times, with status {worker.process.exitcode}",
                        )
                    continue
                if isinstance(message, int):
                    worker.began = True
                    worker.told += message
                    progress.add(message)
                    continue
                yield worker.shard, message
                worker.told, worker.began, worker.done = 0, False, worker.done + 1
                if waiting:
                    worker.shard = _give(pipe)
                else:
                    pipe.close()
                    worker.process.join()
                    del busy[pipe]
    finally:
        for worker, _ in busy.values():
            worker.process.terminate()


def _work(pipe: Any, job: Job, cores: list[int]) -> None:
    """Predict the shards that come through a pipe, until it is closed."""
    from aisle.deployment.predictor import Predictor

    os.sched_setaffinity(0, cores)
    try:
        with threadpool_limits(1):
            model = None
            while True:
                shard = pipe.recv()
                pipe.send(0)  # it is begun
                try:
                    model = model or Predictor(job.package)
                    result: Counts | str = predict_shard(model, job, shard, pipe.send)
                except (AisleError, OSError) as error:
                    result = str(error)
                pipe.send(result)
    except (EOFError, BrokenPipeError, KeyboardInterrupt):  # who gave the shards has ended
        return
