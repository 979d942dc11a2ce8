"""messaging in months: a table of what is unique about messages."""

from ringfence.history import sqlfile

revision = "p001"
down_revision = None
branch_labels = ("partitioned",)
depends_on = "0014"
opt_in = True

upgrade, downgrade = sqlfile(__file__)
