"""Who is asked about which product: nobody about the same one at the same time, nobody twice."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, Select, delete, func, select, update

from aisle.service.review.keeping import DONE, OPEN
from aisle.service.store.tables import Assignment, Judgement, Review, ReviewItem, now
from aisle.service.store.writer import INSERT

TRIED = 50
"""Questions that are tried one after the other where others take them at the same time."""


@dataclass(frozen=True)
class Question:
    """What a person is asked.

    Attributes
    ----------
    product
        Row of `reviews` and `review_items`, without the picture; `has_picture` says whether there is one.
    others
        The same of its near-duplicates, which are decided together with it.
    """

    product: Any
    others: list[Any]


def free(who: str | None) -> Select[str]:
    """Return the query of the questions that a person may be asked, the first to be asked first.

    Those that they have said nothing of, and that nobody else has before them; all that wait if None.
    """
    query = (
        select(Review.id)
        .where(Review.state == OPEN, Review.leader.is_(None))
        .order_by(Review.place, Review.id)
    )
    if who is None:
        return query
    judged = select(Judgement.review_id).where(Judgement.who == who)
    taken = select(Assignment.review_id).where(Assignment.until > now(), Assignment.who != who)
    return query.where(Review.id.not_in(judged), Review.id.not_in(taken))


def lease(engine: Engine, who: str, seconds: float) -> Question | None:
    """Return the question that a person has, or give them the next one; None where there is none.

    Parameters
    ----------
    engine
        Of the store.
    who
        The person.
    seconds
        For how long nobody else is asked the same.
    """
    with engine.connect() as connection:
        mine = select(Assignment.review_id).where(Assignment.who == who)
        held = list(connection.execute(mine).scalars())
        waiting = list(connection.execute(free(who).limit(TRIED)).scalars())
    for review in [*held, *waiting]:
        with engine.begin() as connection:
            if _take(connection, review, who, seconds) and (found := _question(connection, review)):
                return found
    return None


def _take(connection: Connection, review: str, who: str, seconds: float) -> bool:
    """Take a question, unless another person has it, it was decided meanwhile, or one has judged it."""
    at = now()
    until = at + timedelta(seconds=seconds)
    statement = INSERT[connection.dialect.name](Assignment).values(
        review_id=review, who=who, at=at, until=until
    )
    statement = statement.on_conflict_do_update(
        index_elements=[Assignment.review_id],
        set_={"who": who, "at": at, "until": until},
        where=(Assignment.until <= at) | (Assignment.who == who),
    )
    if connection.execute(statement.returning(Assignment.review_id)).scalar() is None:
        return False
    # read after the row is ours: whoever had it before us has ended what they did
    still = select(Review.id).where(Review.id == review, Review.state == OPEN)
    said = select(Judgement.id).where(Judgement.review_id == review, Judgement.who == who)
    if connection.execute(still).scalar() and not connection.execute(said).scalar():
        return True
    connection.execute(delete(Assignment).where(Assignment.review_id == review))
    return False


def _question(connection: Connection, review: str) -> Question | None:
    def read(where: Any) -> list[Any]:
        query = select(Review, ReviewItem).join(ReviewItem, ReviewItem.review_id == Review.id).where(where)
        columns = [
            *Review.__table__.columns,
            *(c for c in ReviewItem.__table__.columns if c.name != "picture"),
        ]
        has = ReviewItem.picture.is_not(None).label("has_picture")
        return list(connection.execute(query.with_only_columns(*columns, has).order_by(Review.id)).all())

    own = read(Review.id == review)
    if not own:  # its text is gone: it was left open for longer than that is kept
        return None
    return Question(own[0], read((Review.leader == review) & (Review.state == OPEN)))


def decide(
    engine: Engine,
    who: str,
    review: str,
    category: str | None,
    together: Collection[str] | None = None,
    why: str = "",
) -> bool:
    """Write down what a person says of a question and of its near-duplicates.

    Parameters
    ----------
    engine
        Of the store.
    who, review
        Person and question.
    category
        What it is; None to skip it, which leaves it to another.
    together
        Near-duplicates of which it is true, too; None for all. The others become questions of their own.
    why
        In the person's words.

    Returns
    -------
    bool
        False if the person does not have the question (any more); nothing is written then.
    """
    with engine.begin() as connection:
        own = delete(Assignment).where(Assignment.review_id == review, Assignment.who == who)
        since = connection.execute(
            select(Assignment.at).where(Assignment.review_id == review, Assignment.who == who)
        ).scalar()
        if since is None or connection.execute(own).rowcount != 1:
            return False
        at = now()
        members = select(Review).where(Review.leader == review, Review.state == OPEN)
        found = select(Review).where(Review.id == review).union_all(members)
        rows: list[Any] = list(connection.execute(found).all())
        apart = [row.id for row in rows if row.id not in {review, *(together or ())}]
        apart = [] if together is None else apart
        if apart:
            connection.execute(update(Review).where(Review.id.in_(apart)).values(leader=None))
        decided: list[Any] = [row for row in rows if row.id not in apart]
        said = [
            {
                "id": uuid4().hex,
                "at": at,
                "review_id": row.id,
                "leader": review,
                "product_id": row.product_id,
                "who": who,
                "category": category,
                "why": why,
                "seconds": (at - since).total_seconds(),
            }
            for row in decided
        ]
        connection.execute(INSERT[engine.dialect.name](Judgement).on_conflict_do_nothing(), said)
        if category is not None:
            end(connection, [row.id for row in decided], who, category)
        return True


def end(connection: Connection, reviews: list[str], who: str, category: str) -> None:
    """End those reviews of which as many people as were wanted have said something."""
    for review in reviews:
        said = select(func.count()).where(Judgement.review_id == review, Judgement.category.is_not(None))
        n = int(connection.execute(said).scalar() or 0)
        values = {"category": category, "who": who, "ended": now(), "state": DONE}
        connection.execute(update(Review).where(Review.id == review, Review.wanted <= n).values(**values))


def undo(engine: Engine, who: str, seconds: float) -> bool:
    """Take back what a person has said last, and ask it again; return whether there was anything."""
    with engine.begin() as connection:
        last = (
            select(Judgement.leader)
            .where(Judgement.who == who)
            .order_by(Judgement.at.desc(), Judgement.id)
            .limit(1)
        )
        review = connection.execute(last).scalar()
        if review is None:
            return False
        mine = (Judgement.leader == review) & (Judgement.who == who)
        reviews = list(connection.execute(select(Judgement.review_id).where(mine)).scalars())
        connection.execute(delete(Judgement).where(mine))
        values = {"category": None, "who": None, "ended": None, "state": OPEN}
        connection.execute(update(Review).where(Review.id.in_(reviews)).values(**values))
        connection.execute(delete(Assignment).where(Assignment.who == who))
        _take(connection, review, who, seconds)  # another may have it: then it comes back later
        return True
