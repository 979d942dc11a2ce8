"""messaging 1.1: functions to be called twice and at once, triggers for soft references."""

from ringfence.history import sqlfile

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
