"""messaging in months: the old keys go."""

from ringfence.history import sqlfile

revision = "p006"
down_revision = "p005"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
