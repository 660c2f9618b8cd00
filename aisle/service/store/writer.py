"""Write predictions in the background: in batches, bounded, counted when dropped. No answer waits for it.

Where the database cannot be written, rows wait and are tried again; when there are more than may wait the
oldest are dropped. A row that was written, though nobody was told, is not written twice.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from aisle.service.logs import logger
from aisle.service.metrics import Metrics
from aisle.service.store.tables import Base, Prediction, now

BATCH = 500
"""Rows of a transaction."""
PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""Seconds between two batches; between two attempts after failures, at most."""
SWEEP = 3600
"""Seconds between two looks for what is too old."""
ROWS = (StatementError, ValueError, TypeError)
"""What is wrong with a row, of StatementError but for what the database says of itself."""
INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert(engine: Engine, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Write rows that are not there yet, all or none."""
    statement = INSERT[engine.dialect.name](table).on_conflict_do_nothing()
    with engine.begin() as connection:
        connection.execute(statement, list(rows))


def forget(engine: Engine, days: float) -> int:
    """Delete predictions that are older, a batch at a time, so that nobody waits long; return how many."""
    limit, total = now() - timedelta(days=days), 0
    old = select(Prediction.id).where(Prediction.at < limit).limit(BATCH)
    while True:
        with engine.begin() as connection:
            n = connection.execute(delete(Prediction).where(Prediction.id.in_(old))).rowcount
        total += n
        if n < BATCH:
            return total


class Writer:
    """The thread that writes.

    Parameters
    ----------
    engine
        Of `database.open_store`.
    capacity
        Rows that may wait.
    retention
        Days that predictions are kept.
    metrics
        What is counted.
    """

    def __init__(self, engine: Engine, capacity: int, retention: float, metrics: Metrics) -> None:
        self._engine = engine
        self._capacity = capacity
        self._retention = retention
        self._metrics = metrics
        self._rows: deque[dict[str, Any]] = deque()
        metrics.waiting.set_function(lambda: len(self._rows))
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._failures = 0
        self._swept = float("-inf")
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Take rows of predictions to be written; the oldest that wait make room."""
        with self._lock:
            self._rows.extend(rows)
            dropped = max(0, len(self._rows) - self._capacity)
            for _ in range(dropped):
                self._rows.popleft()
        if dropped:
            self._metrics.dropped.inc(dropped)

    def close(self) -> None:
        """Write what waits, if it can be written, and end; what cannot be written is counted as dropped."""
        self._stop.set()
        self._thread.join()
        while self._rows and self._write():
            continue
        if self._rows:
            self._metrics.dropped.inc(len(self._rows))
            logger().error("store_lost", rows=len(self._rows))

    def _run(self) -> None:
        while not self._stop.wait(min(PAUSE * 2**self._failures, LONGEST_PAUSE)):
            while self._rows and self._write():
                continue
            self._sweep()

    def _write(self) -> bool:
        """Write one batch; return whether it is written."""
        with self._lock:
            rows = [self._rows[i] for i in range(min(BATCH, len(self._rows)))]
        try:
            n = self._insert(rows)
        except Exception as error:  # whatever it is, the rows stay, and the thread
            self._metrics.errors.inc()
            self._failures = min(self._failures + 1, 16)
            if self._failures in (1, 4, 16):
                logger().error(
                    "store", why=type(getattr(error, "orig", error)).__name__, waiting=len(self._rows)
                )
            return False
        self._failures = 0
        written = {id(row) for row in rows}
        with self._lock:
            while self._rows and id(self._rows[0]) in written:  # some may have been dropped meanwhile
                self._rows.popleft()
        self._metrics.written.inc(n)
        return True

    def _insert(self, rows: list[dict[str, Any]]) -> int:
        """Write rows, and return how many are written: one that no database takes is dropped, alone."""
        try:
            insert(self._engine, Prediction, rows)
            return len(rows)
        except ROWS as error:
            if isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError):
                raise
            if len(rows) == 1:
                self._metrics.dropped.inc()
                logger().error("store_refused", why=type(getattr(error, "orig", error)).__name__)
                return 0
        return sum(self._insert([row]) for row in rows)

    def _sweep(self) -> None:
        if time.monotonic() - self._swept < SWEEP:
            return
        self._swept = time.monotonic()
        try:
            if n := forget(self._engine, self._retention):
                logger().info("forgotten", predictions=n, days=self._retention)
        except SQLAlchemyError as error:
            self._metrics.errors.inc()
            logger().error("store", why=type(getattr(error, "orig", error)).__name__)
