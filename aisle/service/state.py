"""What the routes share: one of each, made when the service starts."""

import asyncio
from dataclasses import dataclass, field

from sqlalchemy import Engine

from aisle.pipeline.errors import AisleError
from aisle.service.admission import Admission
from aisle.service.batching import Batcher
from aisle.service.challenger import Challenger
from aisle.service.classifying import Classifier
from aisle.service.metrics import Metrics
from aisle.service.queue import registry
from aisle.service.review.keeping import Keeper
from aisle.service.review.sessions import Sessions
from aisle.service.serving import Serving
from aisle.service.settings import LOOPBACK, Limits, Settings
from aisle.service.store.database import open_store
from aisle.service.store.writer import Writer


@dataclass
class State:
    """The parts of one service."""

    settings: Settings
    metrics: Metrics
    admission: Admission
    serving: Serving
    challenger: Challenger | None
    batcher: Batcher
    writer: Writer
    classifier: Classifier
    engine: Engine
    keeper: Keeper
    sessions: Sessions
    files: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    @property
    def limits(self) -> Limits:
        """How much may be asked."""
        return self.settings.limits

    def start(self) -> None:
        """Begin to answer."""
        self.writer.start()
        self.keeper.start()
        self.batcher.start()
        if self.challenger:
            self.challenger.start()
        if self.settings.watch:
            for each in self._served():
                each.watch(self.settings.watch)

    def stop(self) -> None:
        """Answer what was accepted, write what was answered, and end."""
        self.serving.close()
        self.batcher.close()
        if self.challenger:
            self.challenger.close()
        self.keeper.close()
        self.writer.close()
        self.engine.dispose()

    def _served(self) -> list[Serving]:
        return [self.serving, *([self.challenger.serving] if self.challenger else [])]


def make(settings: Settings) -> State:
    """Open the packages and the store.

    Raises
    ------
    AisleError
        If one cannot be opened, or the service would be open to others than this machine without keys.
    """
    if not settings.keys and settings.host not in LOOPBACK:
        raise AisleError(
            f"a service on {settings.host} must have API keys (--keys FILE, or AISLE_API_KEYS); without any "
            "it answers this machine alone, --host 127.0.0.1. `python -m aisle.service.keys NAME` makes one."
        )
    limits, metrics = settings.limits, Metrics()
    engine = open_store(settings.database)
    serving = Serving(settings.model, settings.packages, metrics)
    challenger = None
    if settings.challenger:
        other = Serving(settings.challenger, settings.packages, metrics, "challenger")
        challenger = Challenger(other, metrics)
    batcher = Batcher(limits.queue, metrics, limits.batch)
    writer = Writer(engine, settings.buffer, settings.retention, metrics)
    keeper = Keeper(engine, settings.review, metrics)
    registry.create(settings.review.strategy)  # a wrong name is told at the start
    return State(
        settings=settings,
        metrics=metrics,
        admission=Admission(settings.keys, limits, metrics),
        serving=serving,
        challenger=challenger,
        batcher=batcher,
        writer=writer,
        classifier=Classifier(batcher, writer, challenger, metrics, keeper),
        engine=engine,
        keeper=keeper,
        sessions=Sessions(),
        files=asyncio.Semaphore(limits.files),
    )
