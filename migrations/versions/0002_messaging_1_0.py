"""messaging 1.0: accounts, conversations, messages, templates, campaigns and chatbots."""

from ringfence.history import sqlfile

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
