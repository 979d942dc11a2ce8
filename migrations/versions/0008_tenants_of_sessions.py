"""messaging 1.1: the tenant of each of the sessions there are."""

from ringfence.history import sqlfile

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
