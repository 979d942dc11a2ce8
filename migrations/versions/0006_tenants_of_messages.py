"""messaging 1.1: the tenant of each of the messages there are."""

from ringfence.history import sqlfile

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
