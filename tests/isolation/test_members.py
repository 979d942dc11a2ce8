"""A role that people work as and that is a member of who owns the tables: it may switch policies off."""

from __future__ import annotations

import psycopg

from ringfence.config import Tenancy
from ringfence.isolation import owners_members, who

SCHEMA = """
CREATE TABLE firm (id INT PRIMARY KEY);
CREATE TABLE doc (id INT PRIMARY KEY, firm INT NOT NULL REFERENCES firm);
ALTER TABLE doc ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON doc USING (firm = nullif(current_setting('a.firm', true), '')::int);
"""


def test_members_of_the_owner_are_named(database: str) -> None:
    with psycopg.connect(database) as conn:
        conn.execute(SCHEMA)
        for role in ("rf_own", "rf_app", "rf_job", "rf_other"):
            conn.execute(f"CREATE ROLE {role}{' LOGIN' if role != 'rf_own' else ''}")
        conn.execute(
            "ALTER TABLE firm OWNER TO rf_own; ALTER TABLE doc OWNER TO rf_own;"
            " GRANT rf_own TO rf_app, rf_job; GRANT SELECT ON doc TO rf_app, rf_other"
        )
        tenancy = Tenancy(setting="a.firm")
        found = who(conn, tenancy, ())
        # Who was granted nothing beside makes no application: a migration's role, say.
        assert owners_members(conn, found) == [("rf_app", "rf_own", "doc, firm")]
        assert [role.name for role in found.roles] == ["rf_other"]
        named = who(conn, Tenancy(setting="a.firm", roles=("rf_job",)), ())
        assert [role for role, *_ in owners_members(conn, named)] == ["rf_app", "rf_job"]
        conn.execute("REVOKE rf_own FROM rf_app")
        assert owners_members(conn, who(conn, tenancy, ())) == []
        conn.rollback()
