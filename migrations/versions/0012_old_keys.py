"""messaging 1.1: references by id alone, and indexes that repeat others, go."""

from ringfence.history import sqlfile

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
