"""core: tenants, users, contacts and the two roles."""

from ringfence.history import sqlfile

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
