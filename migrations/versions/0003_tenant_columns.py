"""messaging 1.1: a tenant_id on every table, filled in what is written."""

from ringfence.history import sqlfile

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
