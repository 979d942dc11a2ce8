"""messaging 1.1: keys that hold the tenant, and checks, for what is written."""

from ringfence.history import sqlfile

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
