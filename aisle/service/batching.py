"""One bounded queue and one micro-batcher: products of several requests are predicted together.

A batch begins at once where nothing was under way. After a batch of several requests their clients are about
to ask again, so the next one waits for them, but for 5 ms at most. Both threads share one interpreter: while
this one waits, the other reads what comes, and is not held up. Each request is answered by the model that was
served when it was accepted: a batch has one model, and a swap falls between two.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from aisle.deployment.predictor import BATCH
from aisle.service.answering import Answer, Product, ServedModel
from aisle.service.logs import logger
from aisle.service.metrics import Metrics
from aisle.service.problems import busy

LONGEST_WAIT = 0.005
"""Seconds that the first product of a batch waits for others."""
IDLE = 0.1
"""Seconds without a request after which nobody who was answered is expected to be about to ask again."""


class QueueFullError(Exception):
    """There is no room for as many products."""


@dataclass(eq=False)
class Job:
    """The products of one request.

    Attributes
    ----------
    products
        n.
    model
        That answers all of them.
    future
        Its result: `n` answers, or the exception of each that failed.
    """

    products: Sequence[Product]
    model: ServedModel
    future: "asyncio.Future[list[Answer | Exception]]"
    loop: asyncio.AbstractEventLoop
    accepted: float = field(default_factory=time.monotonic)
    taken: int = 0
    answers: list[Answer | Exception] = field(default_factory=list)
    queue_seconds: float = 0.0
    predict_seconds: float = 0.0


class Batcher:
    """The queue and the thread that empties it.

    Parameters
    ----------
    capacity
        Products that may wait.
    metrics
        What is counted.
    largest
        Products of a batch, at most.
    """

    def __init__(self, capacity: int, metrics: Metrics, largest: int = BATCH) -> None:
        self.capacity = capacity
        self._metrics = metrics
        self._largest = largest
        self._jobs: deque[Job] = deque()
        self._waiting = 0
        metrics.queue.set_function(lambda: self._waiting)
        self._changed = threading.Condition()
        self._closing = False
        self._last_jobs, self._wanted = 0, 1
        self._seconds_each = 0.01
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)

    def start(self) -> None:
        """Begin to predict."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether what is submitted is going to be answered."""
        return self._thread.is_alive() and not self._closing

    @property
    def waiting(self) -> int:
        """Products that wait."""
        return self._waiting

    def submit(self, products: Sequence[Product], model: ServedModel) -> Job:
        """Put the products of one request into the queue, all or none; call it in an event loop.

        Raises
        ------
        QueueFullError
            If there is no room.
        """
        loop = asyncio.get_running_loop()
        with self._changed:
            if self._closing or self._waiting + len(products) > self.capacity:
                raise QueueFullError
            job = Job(products, model, loop.create_future(), loop)
            self._jobs.append(job)
            self._waiting += len(products)
            if len(self._jobs) >= self._wanted or self._waiting >= self._largest:
                self._changed.notify()  # not each time: waking costs more than reading a request
        return job

    def wait_seconds(self) -> float:
        """Return about how long the queue takes to be empty."""
        return self._waiting * self._seconds_each

    def full(self) -> Exception:
        """Return what a client is told when there is no room."""
        told = f"the queue is full: {self._waiting} products wait, of at most {self.capacity}; send it later"
        return busy(told, self.wait_seconds())

    def close(self) -> None:
        """Answer what waits, then end; nothing is accepted any more."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        from sklearn import config_context

        with config_context(skip_parameter_validation=True):  # a tenth of a small batch; of this thread alone
            while batch := self._next():
                self._predict(batch)

    def _next(self) -> list[tuple[Job, int, int]]:
        """Return the next batch, as parts of jobs: from which product to which; [] when all is done."""
        with self._changed:
            free, waiting = time.monotonic(), len(self._jobs)
            while True:
                while not self._jobs:
                    if self._closing:
                        return []
                    self._changed.wait()
                self._gather(free, waiting + self._last_jobs)
                if batch := self._take():
                    return batch

    def _gather(self, free: float, expected: int) -> None:
        """Wait until so many requests are there, 5 ms at most, or enough products for a batch.

        Parameters
        ----------
        free
            When this thread was done with the last batch: what came before waits from then on.
        expected
            Those that waited then, and those that were just answered, whose clients are about to ask again.
        """
        first = self._jobs[0].accepted
        if self._last_jobs < 2 or first - free > IDLE:
            return
        until, self._wanted = max(free, first) + LONGEST_WAIT, expected
        while len(self._jobs) < expected and self._waiting < self._largest and not self._closing:
            left = until - time.monotonic()
            if left <= 0 or not self._changed.wait(left):
                break
        self._wanted = 1

    def _take(self) -> list[tuple[Job, int, int]]:
        """Take at most so many products of one model; what nobody waits for is left out."""
        parts: list[tuple[Job, int, int]] = []
        room, now = self._largest, time.monotonic()
        while self._jobs and room:
            job = self._jobs[0]
            left = len(job.products) - job.taken
            if job.future.cancelled():
                self._jobs.popleft()
                self._waiting -= left
                continue
            if parts and parts[0][0].model is not job.model:
                break
            if not job.taken:
                job.queue_seconds = now - job.accepted
            n = min(left, room)
            parts.append((job, job.taken, job.taken + n))
            job.taken += n
            room -= n
            self._waiting -= n
            if job.taken == len(job.products):
                self._jobs.popleft()
        return parts

    def _predict(self, parts: list[tuple[Job, int, int]]) -> None:
        products = [product for job, start, end in parts for product in job.products[start:end]]
        model, began = parts[0][0].model, time.monotonic()
        answers = self._answers(model, products)
        seconds = time.monotonic() - began
        self._seconds_each += 0.2 * (seconds / len(products) - self._seconds_each)
        self._last_jobs = len(parts)
        self._metrics.batch.observe(len(products))
        self._metrics.predict.observe(seconds)
        place, ended = 0, []
        for job, start, end in parts:
            job.answers += answers[place : place + end - start]
            job.predict_seconds += seconds
            place += end - start
            if len(job.answers) == len(job.products):
                ended.append(job)
        for loop in {job.loop for job in ended}:
            self._deliver(loop, [job for job in ended if job.loop is loop])

    def _answers(self, model: ServedModel, products: list[Product]) -> list[Answer | Exception]:
        """Return what the model says; one product that it fails on costs that product alone."""
        try:
            return list(model.answers(products))
        except Exception as error:
            if len(products) == 1:
                self._metrics.failures.inc()
                logger().error("predict_failed", model=model.version, exc_info=error)
                return [error]
        found: list[Answer | Exception] = []
        for product in products:
            found += self._answers(model, [product])
        return found

    @staticmethod
    def _deliver(loop: asyncio.AbstractEventLoop, jobs: list[Job]) -> None:
        def give() -> None:
            for job in jobs:
                if not job.future.done():
                    job.future.set_result(job.answers)

        try:
            loop.call_soon_threadsafe(give)
        except RuntimeError:  # the loop has ended, and with it whoever waited
            logger().warning("nobody_waits", jobs=len(jobs))
