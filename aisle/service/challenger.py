"""A second package predicts what the first one answers, in the shadow: nobody waits for it or sees it.

Its predictions go into the store beside the champion's, so that both are there of the same products. Where it
is slower than what comes in, it skips batches, which are counted: it never holds the champion up.
"""

import threading
from collections.abc import Callable
from queue import Full, Queue

from aisle.service.answering import Answer, Product
from aisle.service.logs import logger
from aisle.service.metrics import Metrics
from aisle.service.serving import Serving

WAITING = 4
"""Batches that may wait for the challenger."""
Shadowed = Callable[[list[Answer]], object]


class Challenger:
    """The thread in which the challenger predicts.

    Parameters
    ----------
    serving
        The challenger's package.
    metrics
        What is counted.
    """

    def __init__(self, serving: Serving, metrics: Metrics) -> None:
        self.serving = serving
        self._metrics = metrics
        self._queue: Queue[tuple[list[Product], list[Answer], Shadowed] | None] = Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name="challenger", daemon=True)

    def start(self) -> None:
        """Begin to predict."""
        self._thread.start()

    def offer(self, products: list[Product], answers: list[Answer], then: Shadowed) -> None:
        """Let it predict products that were answered; `then` gets its answers. Never waits."""
        try:
            self._queue.put_nowait((products, answers, then))
        except Full:
            self._metrics.challenger.labels("skipped").inc(len(products))

    def close(self) -> None:
        """Predict what waits, and end."""
        self._queue.put(None)
        self._thread.join()
        self.serving.close()

    def _run(self) -> None:
        while job := self._queue.get():
            products, answers, then = job
            try:
                found = self.serving.current.answers(products)
            except Exception as error:
                self._metrics.challenger.labels("failed").inc(len(products))
                logger().error("challenger_failed", exc_info=error)
                continue
            for own, other in zip(found, answers, strict=True):
                same = own["category"] == other["category"]
                self._metrics.challenger.labels("agrees" if same else "differs").inc()
            then(found)
