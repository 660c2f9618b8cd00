"""The store's tables: what was predicted, what people say of it, and who looks at what.

A product is its shop's key and a digest of what was given of it; its text and a small picture are in
`review_items` alone, while it waits for a person and for some days after (`review/keeping.py`). Times are
UTC, ids are random, so that rows of several services fit into one table.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


class Utc(TypeDecorator[datetime]):
    """A time with its zone, whatever the database makes of it: SQLite keeps none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what is kept."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return what was kept."""
        if value is None:
            return None
        found: datetime = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return found


class Base(DeclarativeBase):
    """Base of the tables."""

    metadata = MetaData(naming_convention=NAMES)


class Prediction(Base):
    """What was answered of one product, and by whom."""

    __tablename__ = "predictions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, index=True)
    request_id: Mapped[str] = mapped_column(String(64), index=True)
    place: Mapped[int] = mapped_column(Integer)
    client: Mapped[str] = mapped_column(String(64))
    product_id: Mapped[str | None] = mapped_column(String(200), index=True)
    input_digest: Mapped[str] = mapped_column(String(64), index=True)
    model: Mapped[str] = mapped_column(String(200))
    model_digest: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    category: Mapped[str] = mapped_column(Text)
    probability: Mapped[float] = mapped_column(Float(53))
    probabilities: Mapped[dict[str, float]] = mapped_column(JSON)
    threshold: Mapped[float | None] = mapped_column(Float(53))
    needs_person: Mapped[bool] = mapped_column(Boolean)
    reasons: Mapped[list[str]] = mapped_column(JSON)
    queue_ms: Mapped[float] = mapped_column(Float(53))
    predict_ms: Mapped[float] = mapped_column(Float(53))


class Feedback(Base):
    """What a person said of a prediction; it stays when the prediction has gone."""

    __tablename__ = "feedback"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, index=True)
    prediction_id: Mapped[str] = mapped_column(String(32), index=True)
    product_id: Mapped[str | None] = mapped_column(String(200))
    category: Mapped[str] = mapped_column(Text)
    who: Mapped[str] = mapped_column(String(64))
    comment: Mapped[str] = mapped_column(Text)


class Review(Base):
    """A product that a person may be asked about, and what came of it.

    `state` is candidate (in the pool), open (in the queue) or done. `weight` is the inverse of the
    probability with which chance put it into the queue, 0 where something else did: it counts in no
    estimate. `admitted` is the probability with which it came into the pool; `drawn`, whether chance has had
    its turn. One with a `leader` is a near-duplicate, decided together with that review. `wanted` is how many
    people are asked.
    """

    __tablename__ = "reviews"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, index=True)
    prediction_id: Mapped[str] = mapped_column(String(32), unique=True)
    product_id: Mapped[str | None] = mapped_column(String(200))
    strategy: Mapped[str] = mapped_column(String(64))
    weight: Mapped[float] = mapped_column(Float(53))
    state: Mapped[str] = mapped_column(String(16), index=True)
    category: Mapped[str | None] = mapped_column(Text)
    who: Mapped[str | None] = mapped_column(String(64))
    ended: Mapped[datetime | None] = mapped_column(Utc)
    admitted: Mapped[float] = mapped_column(Float(53), server_default="1")
    drawn: Mapped[bool] = mapped_column(Boolean, server_default=false())
    wanted: Mapped[int] = mapped_column(Integer, server_default="1")
    place: Mapped[int | None] = mapped_column(Integer)
    leader: Mapped[str | None] = mapped_column(String(32), index=True)


class ReviewItem(Base):
    """What a person sees of a product; deleted some days after it was decided."""

    __tablename__ = "review_items"

    review_id: Mapped[str] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    specifications: Mapped[str] = mapped_column(Text)
    picture: Mapped[bytes | None] = mapped_column(LargeBinary)
    predicted: Mapped[str] = mapped_column(Text)
    probabilities: Mapped[dict[str, float]] = mapped_column(JSON)
    needs_person: Mapped[bool] = mapped_column(Boolean)
    reasons: Mapped[list[str]] = mapped_column(JSON)


class Judgement(Base):
    """What one person said of a review: a category, or none where it was skipped."""

    __tablename__ = "judgements"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, index=True)
    review_id: Mapped[str] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"))
    leader: Mapped[str] = mapped_column(String(32), index=True)
    product_id: Mapped[str | None] = mapped_column(String(200))
    who: Mapped[str] = mapped_column(String(64))
    category: Mapped[str | None] = mapped_column(Text)
    why: Mapped[str] = mapped_column(Text)
    seconds: Mapped[float] = mapped_column(Float(53))

    __table_args__ = (UniqueConstraint("review_id", "who", name="uq_judgements_review_id"),)


class Assignment(Base):
    """Who looks at a review now, and until when nobody else gets it."""

    __tablename__ = "assignments"

    review_id: Mapped[str] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True)
    who: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(Utc)
    until: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (Index("ix_assignments_who", "who"),)


TABLES = {
    table.__tablename__: table for table in (Prediction, Feedback, Review, ReviewItem, Judgement, Assignment)
}
