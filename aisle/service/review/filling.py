"""Put products of the pool into the queue: some by chance, others by a strategy, near-duplicates together.

Chance goes first, and has its turn once with each product, when the product is new in the pool. So the
probability with which it chooses a product depends on nothing that is known of the product but how it came
into the pool, and that is written down: what people say of these, weighted by the inverse, is true of
everything that the service answers (Horvitz and Thompson 1952).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, func, select, update

from aisle.service.queue import registry
from aisle.service.queue.registry import NEAR, Candidates
from aisle.service.review.assigning import free
from aisle.service.review.keeping import CANDIDATE, OPEN
from aisle.service.settings import Review as ReviewSettings
from aisle.service.store.database import exclusive
from aisle.service.store.tables import Review, ReviewItem

RANDOM = "random_share"
"""The strategy that chance is."""
TOGETHER = "near_duplicate"
"""What stands for the strategy of a product that is there because another one is."""
_LOCK = 72616_1811


@dataclass
class Plan:
    """What becomes of the pool's products, by their places.

    Attributes
    ----------
    leaders
        Products to be asked about, in order.
    weights, strategies
        Of products that are chosen.
    members
        Near-duplicate to its leader.
    """

    leaders: list[int] = field(default_factory=list)
    weights: dict[int, float] = field(default_factory=dict)
    strategies: dict[int, str] = field(default_factory=dict)
    members: dict[int, int] = field(default_factory=dict)


def plan(
    candidates: Candidates,
    fresh: np.ndarray,
    admitted: np.ndarray,
    settings: ReviewSettings,
    rng: np.random.Generator,
) -> Plan:
    """Choose from the pool.

    Parameters
    ----------
    candidates
        The n products of the pool.
    fresh
        Those with which chance has not had its turn, boolean (n,).
    admitted
        Probability with which each came into the pool, (n,).
    settings
        Shares, the strategy's name and how many are chosen.
    rng
        Of chance.
    """
    found, places = Plan(), np.flatnonzero(fresh)
    chance = registry.create(RANDOM).choose(candidates.part(places), ceil(settings.share * len(places)), rng)
    drawn = places[chance.places]
    for place, weight in zip(drawn.tolist(), chance.weights.tolist(), strict=True):
        found.weights[place], found.strategies[place] = weight / admitted[place], RANDOM
    left = np.setdiff1d(np.arange(len(candidates)), drawn)
    others = registry.create(settings.strategy).choose(
        candidates.part(left), max(settings.batch - len(drawn), 0), rng
    )
    chosen = left[others.places]
    for place in chosen.tolist():
        found.weights[place], found.strategies[place] = 0.0, settings.strategy
    picked = np.concatenate([drawn, chosen]).astype(int)
    alike = (candidates.vectors[picked] @ candidates.vectors.T).toarray() >= NEAR
    for place, near in zip(picked.tolist(), alike, strict=True):
        if place in found.members:
            continue
        found.leaders.append(place)
        for other in np.flatnonzero(near).tolist():
            if other != place and other not in found.members and other not in found.leaders:
                found.members[other] = place
                found.weights.setdefault(other, 0.0)
                found.strategies.setdefault(other, TOGETHER)
    return found


def fill(engine: Engine, settings: ReviewSettings, rng: np.random.Generator, who: str | None = None) -> int:
    """Put products into the queue, where nothing waits for a person; return how many questions that are.

    Services of one store do so one after the other.

    Parameters
    ----------
    engine
        Of the store.
    settings
        How many, and which.
    rng
        Of chance.
    who
        The person: what they have judged or skipped, and what others have before them, waits for others.
    """
    with exclusive(engine, _LOCK) as connection:
        if connection.execute(free(who).limit(1)).scalar() is not None:
            return 0
        query = (
            select(Review, ReviewItem)
            .join(ReviewItem, ReviewItem.review_id == Review.id)
            .where(Review.state == CANDIDATE)
            .order_by(Review.at, Review.id)
        )
        columns = (
            Review.id, Review.drawn, Review.admitted, ReviewItem.probabilities, ReviewItem.title,
            ReviewItem.description,
        )  # fmt: skip
        rows = connection.execute(query.with_only_columns(*columns)).all()
        if not rows:
            return 0
        candidates = Candidates(
            _probabilities([row.probabilities for row in rows]),
            registry.vectors([row.title for row in rows], [row.description for row in rows]),
        )
        fresh = np.array([not row.drawn for row in rows])
        admitted = np.array([row.admitted for row in rows])
        found = plan(candidates, fresh, admitted, settings, rng)
        _write(connection, [row.id for row in rows], found, settings, rng)
        return len(found.leaders)


def _probabilities(given: Sequence[dict[str, float]]) -> np.ndarray:
    width = max(map(len, given), default=0)
    values = np.zeros((len(given), max(width, 1)))
    for i, each in enumerate(given):
        values[i, : len(each)] = sorted(each.values(), reverse=True)
    return values


def _write(
    connection: Connection, ids: list[str], found: Plan, settings: ReviewSettings, rng: np.random.Generator
) -> None:
    first = int(connection.execute(select(func.coalesce(func.max(Review.place), 0))).scalar() or 0) + 1
    seconds = rng.random(len(found.leaders)) < settings.second
    order = {place: (first + i, 2 if seconds[i] else 1) for i, place in enumerate(found.leaders)}
    connection.execute(update(Review).where(Review.id.in_(ids)).values(drawn=True))
    for place, own in enumerate(ids):
        if place not in found.weights:
            continue
        leader = found.members.get(place)
        at, wanted = order[place if leader is None else leader]
        values: dict[str, Any] = {
            "state": OPEN,
            "strategy": found.strategies[place],
            "weight": found.weights[place],
            "place": at,
            "wanted": wanted,
            "leader": None if leader is None else ids[leader],
        }
        connection.execute(update(Review).where(Review.id == own).values(**values))
