"""How far the review is: what waits, what was said, how far people agree, how often the model is right."""

from collections import defaultdict
from dataclasses import dataclass
from math import sqrt

import numpy as np
from sqlalchemy import Engine, func, select

from aisle.service.review.keeping import CANDIDATE, OPEN
from aisle.service.store.tables import Judgement, Review, ReviewItem

Z = 1.959964
"""Standard deviations on each side in 95 % of a normal distribution."""


@dataclass(frozen=True)
class Progress:
    """The figures of the page.

    Attributes
    ----------
    pool, waiting
        Products that may be chosen; questions that wait.
    decided, own
        Products that were decided; by this person.
    seconds
        Median time of this person's last hundred answers, None before the first.
    pairs, kappa
        Products that two people have judged; Cohen's kappa of these, None where it is not defined.
    sampled
        Products that chance has chosen and a person has decided.
    right, low, high
        Share of the products that came in of which the model was right, with its interval of 95 %; None
        before there are two.
    """

    pool: int
    waiting: int
    decided: int
    own: int
    seconds: float | None
    pairs: int
    kappa: float | None
    sampled: int
    right: float | None
    low: float | None
    high: float | None


def progress(engine: Engine, who: str) -> Progress:
    """Return how far the review is, for one person."""
    with engine.connect() as connection:

        def count(*where: object) -> int:
            query = select(func.count()).select_from(Review).where(*where)  # type: ignore[arg-type]
            return int(connection.execute(query).scalar() or 0)

        said = connection.execute(
            select(
                Judgement.review_id, Judgement.who, Judgement.category, Judgement.seconds, Judgement.leader
            )
            .where(Judgement.category.is_not(None))
            .order_by(Judgement.at)
        ).all()
        drawn = connection.execute(
            select(Review.weight, Review.category, ReviewItem.predicted)
            .join(ReviewItem, ReviewItem.review_id == Review.id)
            .where(Review.weight > 0, Review.category.is_not(None))
        ).all()
        pool = count(Review.state == CANDIDATE)
        waiting = count(Review.state == OPEN, Review.leader.is_(None))
    own = [row for row in said if row.who == who]
    questions = [row.seconds for row in own if row.review_id == row.leader]
    pairs = both([(row.review_id, row.who, row.category) for row in said])
    right = np.array([row.category == row.predicted for row in drawn], float)
    estimate = weighted_share(right, np.array([row.weight for row in drawn]))
    return Progress(
        pool=pool,
        waiting=waiting,
        decided=len({row.review_id for row in said}),
        own=len(own),
        seconds=float(np.median(questions[-100:])) if questions else None,
        pairs=len(pairs),
        kappa=kappa(pairs),
        sampled=len(drawn),
        right=estimate[0] if estimate else None,
        low=estimate[1] if estimate else None,
        high=estimate[2] if estimate else None,
    )


def both(said: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Return what the first two people said of each product that two have judged.

    Parameters
    ----------
    said
        Product, person and category of each judgement, in the order in which they were given.
    """
    of: dict[str, list[str]] = defaultdict(list)
    for product, _, category in said:
        of[product].append(category)
    return [(each[0], each[1]) for each in of.values() if len(each) > 1]


def kappa(pairs: list[tuple[str, str]]) -> float | None:
    """Return Cohen's kappa: agreement beyond chance, 1 at most; None where one category is all there is."""
    from sklearn.metrics import cohen_kappa_score

    if len({category for pair in pairs for category in pair}) < 2:
        return None
    return float(cohen_kappa_score(*zip(*pairs, strict=True)))


def horvitz_thompson(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the estimated total of a population of which chance has chosen n.

    Parameters
    ----------
    values
        Of those that were chosen, (n,).
    weights
        Inverse of the probability with which each was, (n,).
    """
    return float((values * weights).sum())


def weighted_share(values: np.ndarray, weights: np.ndarray) -> tuple[float, float, float] | None:
    """Return the estimated share of a population with a property, and its interval of 95 %.

    The ratio of two Horvitz-Thompson totals (Hajek 1971); Wilson's interval, which is within 0 to 1, of as
    many products as the weights are worth (Kish 1965: the square of their sum by the sum of their squares).

    Parameters
    ----------
    values
        0 or 1, (n,).
    weights
        Inverse of the probability with which each was chosen, (n,).

    Returns
    -------
    tuple of float
        Share, lower and upper bound; None of fewer than two.
    """
    if len(values) < 2:
        return None
    share = horvitz_thompson(values, weights) / float(weights.sum())
    n = float(weights.sum() ** 2 / (weights**2).sum())
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return share, max(0.0, centre - half), min(1.0, centre + half)
