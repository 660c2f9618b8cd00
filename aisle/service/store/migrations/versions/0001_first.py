"""The first tables: predictions, feedback, reviews, assignments."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "predictions",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("product_id", sa.String(200)),
        sa.Column("input_digest", sa.String(64), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("model_digest", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("probability", sa.Float(53), nullable=False),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.Column("threshold", sa.Float(53)),
        sa.Column("needs_person", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("queue_ms", sa.Float(53), nullable=False),
        sa.Column("predict_ms", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_predictions"),
    )
    for column in ("at", "request_id", "product_id", "input_digest"):
        op.create_index(f"ix_predictions_{column}", "predictions", [column])
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("prediction_id", sa.String(32), nullable=False),
        sa.Column("product_id", sa.String(200)),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
    )
    for column in ("at", "prediction_id"):
        op.create_index(f"ix_feedback_{column}", "feedback", [column])
    op.create_table(
        "reviews",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("prediction_id", sa.String(32), nullable=False),
        sa.Column("product_id", sa.String(200)),
        sa.Column("strategy", sa.String(64), nullable=False),
        sa.Column("weight", sa.Float(53), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("category", sa.Text()),
        sa.Column("who", sa.String(64)),
        sa.Column("ended", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        sa.UniqueConstraint("prediction_id", name="uq_reviews_prediction_id"),
    )
    for column in ("at", "state"):
        op.create_index(f"ix_reviews_{column}", "reviews", [column])
    op.create_table(
        "assignments",
        sa.Column("review_id", sa.String(32), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.PrimaryKeyConstraint("review_id", name="pk_assignments"),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name="fk_assignments_review_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_assignments_who", "assignments", ["who"])


def downgrade() -> None:
    """Take the tables away."""
    for name in ("assignments", "reviews", "feedback", "predictions"):
        op.drop_table(name)
