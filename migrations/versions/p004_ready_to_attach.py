"""messaging in months: what lets the old table become a partition at once."""

from ringfence.history import sqlfile

revision = "p004"
down_revision = "p003"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
