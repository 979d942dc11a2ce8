"""messaging 1.1: the same keys and checks, for what was there."""

from ringfence.history import sqlfile

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
