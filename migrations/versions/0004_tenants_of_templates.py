"""messaging 1.1: the tenant of each of the templates there are."""

from ringfence.history import sqlfile

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
