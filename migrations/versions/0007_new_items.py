"""When an item was added: the newest ones may be listed before a release is trained on them.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null for what was there before: nobody knows.
    op.add_column("items", sa.Column("added_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("items", "added_at")
