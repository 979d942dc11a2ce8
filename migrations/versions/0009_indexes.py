"""messaging 1.1: indexes that begin with the tenant."""

from ringfence.history import sqlfile

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
