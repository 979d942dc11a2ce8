"""messaging 1.1: the tenant of each of the nodes there are."""

from ringfence.history import sqlfile

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
