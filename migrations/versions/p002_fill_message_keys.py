"""messaging in months: the keys of messages that are there."""

from ringfence.history import sqlfile

revision = "p002"
down_revision = "p001"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
