"""messaging in months: whatsapp_messages is partitioned."""

from ringfence.history import sqlfile

revision = "p005"
down_revision = "p004"
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
