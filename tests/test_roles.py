"""Roles, memberships and settings, which are the cluster's and read where they are asked for.

Other processes' roles come and go on the same server: each test looks at its own alone.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING

import psycopg
import pytest

from engine import psql
from ringfence.change import diff
from ringfence.model import Catalog
from ringfence.pg.extract import extract
from ringfence.planner import plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CREATED = """
CREATE ROLE {a};
CREATE ROLE {b} LOGIN NOINHERIT CREATEDB CREATEROLE CONNECTION LIMIT 3
    VALID UNTIL '2030-01-02 03:04:05+00';
COMMENT ON ROLE {a} IS 'it''s a';
"""

BEFORE_ALTERED = """
CREATE ROLE {a} LOGIN CONNECTION LIMIT 3;
CREATE ROLE {b} VALID UNTIL '2030-01-01';
"""

ALTERED = """
CREATE ROLE {a} SUPERUSER BYPASSRLS REPLICATION NOINHERIT;
CREATE ROLE {b} CREATEROLE;
"""

THREE = "CREATE ROLE {a}; CREATE ROLE {b}; CREATE ROLE {c};"

MEMBERS = f"{THREE} GRANT {{a}} TO {{b}}; GRANT {{b}} TO {{c}};"

OTHER_MEMBERS = f"""
{THREE}
GRANT {{a}} TO {{b}} WITH ADMIN OPTION;
GRANT {{a}} TO {{c}};
GRANT pg_monitor TO {{c}};
"""

PASSED_ON = f"""
{THREE}
GRANT {{a}} TO {{b}} WITH ADMIN OPTION;
SET ROLE {{b}};
GRANT {{a}} TO {{c}};
"""

SETTINGS = """
CREATE ROLE {a};
ALTER ROLE {a} SET search_path TO '$user', "odd ""s", public;
ALTER ROLE {a} SET work_mem TO '8MB';
ALTER ROLE {a} SET my.own TO 'it''s 100%';
"""

OTHER_SETTINGS = """
CREATE ROLE {a};
ALTER ROLE {a} SET search_path TO '';
ALTER ROLE {a} SET work_mem TO '9MB';
DO $do$BEGIN
    EXECUTE format('ALTER ROLE {a} IN DATABASE %I SET my.own TO ''100%%$$''', current_database());
END$do$;
"""

HOLDINGS = """
CREATE ROLE {a};
CREATE ROLE {b};
CREATE TABLE t (id int);
ALTER TABLE t OWNER TO {a};
GRANT SELECT ON t TO {b};
CREATE POLICY p ON t TO {b};
ALTER DEFAULT PRIVILEGES FOR ROLE {a} GRANT SELECT ON TABLES TO {b};
"""

CASES = {
    "created": ("", CREATED),
    "altered": (BEFORE_ALTERED, ALTERED),
    "members": (MEMBERS, OTHER_MEMBERS),
    "membership passed on": (PASSED_ON, "CREATE ROLE {c};"),
    "settings": (SETTINGS, OTHER_SETTINGS),
    "what they own and may do": ("", HOLDINGS),
}


class Own:
    """Three roles that nobody else has, and what databases say of them."""

    def __init__(self, test: str, make_database: Callable[..., str]) -> None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        about = f"Ringfence {worker} {os.getpid()} {zlib.crc32(test.encode())}"
        self.names = {k: f'"{about} {k}"' for k in "abc"}
        self.databases: list[str] = []
        self.make_database = make_database

    def database(self, script: str) -> str:
        """A new database where the script ran, and no other role of ours is left."""
        self.databases.append(self.make_database())
        self.drop()
        psql(self.databases[-1], script.format_map(self.names))
        return self.databases[-1]

    def catalog(self, conninfo: str) -> Catalog:
        """The database's catalog, without the roles of others."""
        mine = {name.strip('"') for name in self.names.values()}
        with psycopg.connect(conninfo, autocommit=True) as one:
            found = extract(one, roles=True)
        facts = {
            ref: fact
            for ref, fact in found.facts.items()
            if ref.kind not in ("role", "membership", "role_setting") or mine & {*ref.name}
        }
        kept = {r: f for r, f in facts.items() if f.parent is None or f.parent in facts}
        return Catalog(kept, found.uses, found.server_version)

    def drop(self) -> None:
        """Drop them: one may be left only for what another has, and goes in the second round."""
        for conninfo in (*self.databases, *self.databases):
            with psycopg.connect(conninfo, autocommit=True) as one:
                for name in self.names.values():
                    for statement in (f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}"):
                        one.execute(
                            f"DO $$BEGIN {statement}; EXCEPTION WHEN undefined_object"
                            " OR dependent_objects_still_exist THEN NULL; END$$"
                        )


@pytest.fixture
def own(request: pytest.FixtureRequest, make_database: Callable[..., str]) -> Iterator[Own]:
    """This test's own roles, dropped afterwards."""
    roles = Own(request.node.name, make_database)
    yield roles
    roles.drop()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", ["there", "back"])
def test_roles(case: str, way: str, own: Own) -> None:
    before, after = CASES[case] if way == "there" else reversed(CASES[case])
    wanted = own.catalog(own.database(after))
    one = own.database(before)
    script = plan(own.catalog(one), wanted, executor="postgres").script()
    psql(one, script)
    assert diff(own.catalog(one), wanted) == (), script


def test_passwords_are_not_read(own: Own) -> None:
    one = own.database("CREATE ROLE {a} LOGIN PASSWORD 's3cret'")
    with psycopg.connect(one, autocommit=True) as connection:
        hashes = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolpassword <> ''")
        secrets = [str(h) for (h,) in hashes]
    found = own.catalog(one)
    said = "\n".join(str(dict(fact.attrs)) for fact in found.facts.values())
    assert secrets
    assert not any(s in said for s in (*secrets, "s3cret", "SCRAM"))
    made = plan(Catalog({}, {}, found.server_version), found)
    assert [s.comment for s in made.steps if s.ref.kind == "role"] == [
        f"it has no password: \\password {own.names['a']}"
    ]


def test_roles_are_left_out_unless_asked_for(own: Own) -> None:
    one = own.database("CREATE ROLE {a}; CREATE ROLE {b}; GRANT {a} TO {b};")
    with psycopg.connect(one, autocommit=True) as connection:
        found = extract(connection)
    assert not {r.kind for r in found.facts} & {"role", "membership", "role_setting"}
