"""The review: what people see of a product, and what each of them said."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TIME = sa.DateTime(timezone=True)


def columns() -> list[sa.Column]:
    """Return the columns that `reviews` gets: new ones each time, since a table keeps what it is given."""
    return [
        sa.Column("admitted", sa.Float(53), nullable=False, server_default="1"),
        sa.Column("drawn", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("wanted", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("place", sa.Integer()),
        sa.Column("leader", sa.String(32)),
    ]


def upgrade() -> None:
    """Add the columns of the queue, and make the tables."""
    for column in columns():
        op.add_column("reviews", column)
    op.create_index("ix_reviews_leader", "reviews", ["leader"])
    op.create_table(
        "review_items",
        sa.Column("review_id", sa.String(32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("specifications", sa.Text(), nullable=False),
        sa.Column("picture", sa.LargeBinary()),
        sa.Column("predicted", sa.Text(), nullable=False),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.Column("needs_person", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("review_id", name="pk_review_items"),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name="fk_review_items_review_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "judgements",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("review_id", sa.String(32), nullable=False),
        sa.Column("leader", sa.String(32), nullable=False),
        sa.Column("product_id", sa.String(200)),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("category", sa.Text()),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_judgements"),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name="fk_judgements_review_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("review_id", "who", name="uq_judgements_review_id"),
    )
    for name in ("at", "leader"):
        op.create_index(f"ix_judgements_{name}", "judgements", [name])


def downgrade() -> None:
    """Take them away."""
    op.drop_table("judgements")
    op.drop_table("review_items")
    op.drop_index("ix_reviews_leader", "reviews")
    for column in reversed(columns()):
        op.drop_column("reviews", column.name)
