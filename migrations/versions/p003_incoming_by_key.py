"""messaging in months: process_incoming_message() asks the keys."""

from ringfence.history import sqlfile

revision = "p003"
down_revision = "p002"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
