"""What row security costs, and how long it takes to try it."""

from __future__ import annotations

import re
import statistics
import time
from typing import TYPE_CHECKING, Any

from bench.lab import RINGFENCE, Lab, bench
from bench.seeding import TABLE, database
from ringfence import project, seed

if TYPE_CHECKING:
    from psycopg import Connection

ROWS = 250_000
"""Messages of each of the two tenants."""

RUNS = 9

# Each as an application asks, and with the condition that it would have to write without policies.
QUERIES = """
SELECT count(*), max(sent_at) FROM messaging.whatsapp_messages AS m
SELECT m.message_type, count(*) FROM messaging.whatsapp_messages AS m WHERE m.direction = 'inbound' GROUP BY m.message_type
SELECT m.* FROM messaging.whatsapp_messages AS m WHERE m.conversation_id = {conversation} ORDER BY m.sent_at DESC LIMIT 50
SELECT c.id, count(m.id) FROM messaging.whatsapp_conversations AS c LEFT JOIN messaging.whatsapp_messages AS m ON m.conversation_id = c.id GROUP BY c.id
SELECT c.* FROM messaging.whatsapp_conversations AS c WHERE c.status = 'open' ORDER BY c.last_message_at DESC LIMIT 100
""".strip().splitlines()


@bench("queries under policies ÷ the same with their conditions written out, 500,000 messages", limit=1.3, unit="×")  # fmt: skip
def policies(lab: Lab) -> float:
    """The worst of several queries, each the median of runs in turns."""
    with database(lab) as conn:
        rows = {TABLE: ROWS, "messaging.whatsapp_conversations": ROWS // 20}
        tenancy = project.need(lab.project).config.tenancy
        seeded = seed.seed(
            conn, rows=100, profile="load", tenancy=tenancy, settings=seed.Settings(rows=rows)
        )
        conn.execute("VACUUM ANALYZE")
        tenant = seeded.tenants[0]
        row = conn.execute(
            "SELECT conversation_id FROM messaging.whatsapp_messages WHERE tenant_id = %s LIMIT 1",
            [tenant],
        ).fetchone()
        assert row is not None
        return max(_ratio(conn, tenant, said, str(row[0])) for said in QUERIES)


def _ratio(conn: Connection[Any], tenant: str, said: str, conversation: str) -> float:
    text = said.format(conversation=f"'{conversation}'")
    bound: list[float] = []
    free: list[float] = []
    conn.execute("SELECT set_config('app.tenant_id', %s, false)", [tenant])
    for round_ in range(RUNS + 1):
        for role, query, seen in (
            ("app_user", text, bound),
            ("none", _written_out(text, tenant), free),
        ):
            conn.execute("SELECT set_config('role', %s, false)", [role])
            began = time.perf_counter()
            conn.execute(query.encode(), prepare=False).fetchall()
            if round_:
                seen.append(time.perf_counter() - began)
    conn.execute("RESET ROLE")
    return float(statistics.median(bound) / statistics.median(free))


def _written_out(text: str, tenant: str) -> str:
    """The query as somebody writes it who has no policies: with the tenant in it."""
    for alias in re.findall(r" AS (\w)\b", text):
        said = f"{alias}.tenant_id = '{tenant}'"
        if f"AS {alias} ON " in text:
            text = text.replace(f"AS {alias} ON ", f"AS {alias} ON {said} AND ")
        elif f"AS {alias} WHERE " in text:
            text = text.replace(f"AS {alias} WHERE ", f"AS {alias} WHERE {said} AND ")
        elif " GROUP BY" in text:
            text = text.replace(" GROUP BY", f" WHERE {said} GROUP BY")
        else:
            text += f" WHERE {said}"
    return text


@bench("`ringfence verify --claim isolation` at messaging's head", limit=10, unit="s")
def probes(lab: Lab) -> float:
    """The median of three runs."""
    with database(lab):
        times = [lab.run([*RINGFENCE, "verify", "--claim", "isolation"]) for _ in range(3)]
    return statistics.median(times)


@bench("`ringfence verify --claim self-test` at messaging's head: every mutant", limit=60, unit="s")
def mutants(lab: Lab) -> float:
    """One run."""
    with database(lab):
        return lab.run([*RINGFENCE, "verify", "--claim", "self-test"])
