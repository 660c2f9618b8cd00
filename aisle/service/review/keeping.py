"""Keep what a person needs to see of a product that may be asked about: its text and a small picture.

This is the only place where the service writes down what a product says. It is bounded: so many products, a
text of so many characters, one picture of so many pixels; and it goes away some days after it was decided.
No answer waits for it: what does not fit is counted and left out.
"""

import random
import threading
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, delete, func, insert, or_, select
from sqlalchemy.exc import SQLAlchemyError

from aisle.catalogue import specifications
from aisle.catalogue.markup import strip_html
from aisle.service.answering import Answer, Product
from aisle.service.logs import logger
from aisle.service.metrics import Metrics
from aisle.service.problems import plain
from aisle.service.settings import MEGABYTE
from aisle.service.settings import Review as ReviewSettings
from aisle.service.store.tables import Review, ReviewItem, now

CANDIDATE, OPEN, DONE = "candidate", "open", "done"
"""States of a review."""
TITLE, TEXT = 300, 3000
"""Characters of a title, and of another text, that are kept."""
MEGAPIXELS = 25.0
"""Of a picture that is decoded."""
WAITING_BYTES = 32 * MEGABYTE
"""Of pictures that wait to be made small."""
KEPT = 20
"""Categories whose probabilities are kept."""
SWEEP = 3600.0
"""Seconds between two looks for what is too old."""


class Keeper:
    """The thread that keeps products for the review.

    Parameters
    ----------
    engine
        Of the store.
    settings
        How many are kept, and of which.
    metrics
        What is counted.
    seed
        Of the draw; None for one that nobody knows.
    """

    def __init__(
        self, engine: Engine, settings: ReviewSettings, metrics: Metrics, seed: int | None = None
    ) -> None:
        self._engine, self._settings, self._metrics = engine, settings, metrics
        self._random = random.Random(seed) if seed is not None else random.SystemRandom()
        self._waiting: deque[tuple[Product, str, str, Answer, float]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin to keep."""
        if self._settings.pool:
            self._thread.start()

    def close(self) -> None:
        """Keep what waits, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def offer(
        self,
        products: Sequence[Product],
        ids: Sequence[str | None],
        made: Sequence[str],
        answers: Sequence[Answer],
    ) -> None:
        """Take the products that a person must look at, and some of the others, by chance.

        Parameters
        ----------
        products, ids, made, answers
            n products, the shop's keys of them, the predictions' ids and what was answered. One without a key
            cannot be labelled, and is left out.
        """
        if not self._settings.pool:
            return
        for product, key, prediction, answer in zip(products, ids, made, answers, strict=True):
            must = bool(answer["send_to_person"])
            if key is None or not (must or self._random.random() < self._settings.others):
                continue
            size = _size(product)
            with self._changed:
                fits = self._bytes + size <= WAITING_BYTES and len(self._waiting) < self._settings.pool
                if fits and not self._closing:
                    admitted = 1.0 if must else self._settings.others
                    self._waiting.append((product, key, prediction, answer, admitted))
                    self._bytes += size
                    self._changed.notify()
                else:
                    self._metrics.kept.labels("dropped").inc()

    def _run(self) -> None:
        swept = now() - timedelta(seconds=SWEEP)
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait(SWEEP)
                if not self._waiting and self._closing:
                    return
                taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), 32))]
                self._bytes -= sum(_size(each[0]) for each in taken)
            try:
                self._keep(taken)
                if now() - swept > timedelta(seconds=SWEEP):
                    forget(self._engine, self._settings.days)
                    swept = now()
            except Exception as error:  # whatever it is, the thread stays, and the answers are not touched
                self._metrics.kept.labels("dropped").inc(len(taken))
                self._metrics.errors.inc()
                logger().error("review", why=type(getattr(error, "orig", error)).__name__)

    def _keep(self, taken: list[tuple[Product, str, str, Answer, float]]) -> None:
        """Write what is not known yet, as far as there is room."""
        latest = {each[1]: each for each in taken}
        with self._engine.connect() as connection:
            pool = select(func.count()).select_from(Review).where(Review.state == CANDIDATE)
            room = self._settings.pool - int(connection.execute(pool).scalar() or 0)
            query = select(Review.product_id).where(Review.product_id.in_(list(latest)))
            known = set(connection.execute(query).scalars())
        new = [each for key, each in latest.items() if key not in known]
        kept = new[: max(room, 0)]
        rows = [_rows(*each, self._settings) for each in kept]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(insert(Review), [review for review, _ in rows])
                connection.execute(insert(ReviewItem), [item for _, item in rows])
        for outcome, n in (
            ("kept", len(kept)),
            ("known", len(taken) - len(new)),
            ("dropped", len(new) - len(kept)),
        ):
            if n:
                self._metrics.kept.labels(outcome).inc(n)


def _size(product: Product) -> int:
    image = product.get("image")
    return sum(
        len(each) for each in (image if isinstance(image, list) else [image]) if isinstance(each, bytes)
    )


def _rows(
    product: Product, key: str, prediction: str, answer: Answer, admitted: float, settings: ReviewSettings
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the rows of a review and of what is seen of it."""
    own, probabilities = uuid4().hex, answer["probabilities"]
    order = sorted(probabilities, key=lambda name: (-probabilities[name], name))[:KEPT]
    review = {
        "id": own,
        "at": now(),
        "prediction_id": prediction,
        "product_id": key,
        "strategy": "",
        "weight": 0.0,
        "state": CANDIDATE,
        "admitted": admitted,
        "drawn": False,
        "wanted": 1,
    }
    item = {
        "review_id": own,
        "title": _text(product.get("title"), TITLE),
        "description": _text(product.get("description"), TEXT),
        "specifications": _specifications(product.get("specifications")),
        "picture": thumbnail(product.get("image"), settings.side, settings.quality),
        "predicted": answer["category"],
        "probabilities": {name: probabilities[name] for name in order},
        "needs_person": bool(answer["send_to_person"]),
        "reasons": [reason["message"] for reason in answer["reasons"]],
    }
    return review, item


def _text(value: Any, most: int) -> str:
    """Return a text without markup, of whole characters, as far as it is kept."""
    text = plain(strip_html(str(value or "")[: 4 * most]).replace("\0", " "))
    return text if len(text) <= most else f"{text[:most].rstrip()}…"


def _specifications(value: Any) -> str:
    """Return specifications as `key: value; key: value`; as they came where they are none."""
    try:
        pairs = specifications.parse(str(value or ""))
    except ValueError:
        return _text(value, TEXT)
    return _text("; ".join(f"{name}: {said}" if name else said for name, said in pairs), TEXT)


def thumbnail(image: Any, side: int, quality: int) -> bytes | None:
    """Return the first picture that can be read, small, as JPEG without what a file says of its origin."""
    from aisle.catalogue.images import UnreadablePictureError, decode, encode

    for data in image if isinstance(image, list) else [image]:
        if not isinstance(data, bytes):
            continue
        try:
            return encode(decode(BytesIO(data), side, MEGAPIXELS)[0], quality)
        except UnreadablePictureError:
            continue
    return None


def forget(engine: Engine, days: float) -> int:
    """Delete what was kept of products that were decided, or not chosen, more than `days` ago.

    Returns
    -------
    int
        Products whose text and picture are gone; what was said of them stays.
    """
    limit = now() - timedelta(days=days)
    old = select(Review.id).where(
        or_(Review.ended < limit, (Review.state == CANDIDATE) & (Review.at < limit))
    )
    try:
        with engine.begin() as connection:
            n = connection.execute(delete(ReviewItem).where(ReviewItem.review_id.in_(old))).rowcount
            unasked = (Review.state == CANDIDATE) & (Review.at < limit)
            connection.execute(delete(Review).where(unasked))
    except SQLAlchemyError as error:
        logger().error("store", why=type(getattr(error, "orig", error)).__name__)
        return 0
    return int(n)
