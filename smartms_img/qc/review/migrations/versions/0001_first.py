"""Readers, their order, drafts, and the copy of the ratings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "reader",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
    )
    op.create_table(
        "slot",
        sa.Column("reader", sa.String, sa.ForeignKey("reader.name"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("key", sa.String, nullable=False, unique=True),
        sa.Column("unit", sa.String, nullable=False),
        sa.Column("element", sa.String, nullable=False),
        sa.Column("repeat", sa.Boolean, nullable=False),
    )
    op.create_table(
        "draft",
        sa.Column("key", sa.String, sa.ForeignKey("slot.key"), primary_key=True),
        sa.Column("content", sa.String, nullable=False),
    )
    op.create_table(
        "rating",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("time", sa.String, nullable=False),
        sa.Column("reader", sa.String, nullable=False),
        sa.Column("unit", sa.String, nullable=False),
        sa.Column("element", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("content", sa.String, nullable=False),
    )


def downgrade() -> None:
    """Take the tables away."""
    for name in ("rating", "draft", "slot", "reader"):
        op.drop_table(name)
