"""messaging 1.1: the tenant of each of the conversations there are."""

from ringfence.history import sqlfile

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
