"""messaging 1.1: policies on every table, views that show what their reader may see."""

from ringfence.history import sqlfile

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
