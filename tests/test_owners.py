"""Who owns what, and whose default privileges are meant, where the files leave it open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine import catalog, psql
from projects import Project
from ringfence import api
from ringfence.change import diff
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ringfence.model import Catalog


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    (made.root / "ddl").mkdir()
    return made


def _ddl(project: Project, text: str) -> None:
    (project.root / "ddl" / "all.sql").write_text(text, encoding="utf-8")


def _plan(project: Project, *argv: str) -> None:
    env = {"RINGFENCE_DSN": project.dsn}
    result = project.run("plan", "-m", "x", *argv, dsn="", env=env)
    assert result.status == 0, result.err


def _owner(project: Project) -> str:
    found = project.query("SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE proname = 'f'")
    return str(found[0][0])


ONE = "CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1;"
TWO = "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql RETURN 1;"


def test_what_is_replaced_keeps_its_owner_and_grants_as_they_are_declared(
    project: Project, database: str, role: str
) -> None:
    grant = f'GRANT EXECUTE ON FUNCTION f() TO "{role}";'
    psql(database, f'{ONE} {grant} ALTER FUNCTION f() OWNER TO "{role}"')
    _ddl(project, TWO)
    result = project.run("diff", "live", "ddl")
    assert f'ALTER ROUTINE public.f() OWNER TO "{role}"' in result.out, result.err
    assert "not proved" not in result.err
    psql(database, result.out)
    assert _owner(project) == role
    assert project.run("diff", "live", "ddl").status == 0


def test_a_new_owner_in_the_files_is_planned(project: Project, role: str) -> None:
    project.revision("0001", ONE, "DROP FUNCTION f();")
    _ddl(project, f'{ONE} ALTER FUNCTION f() OWNER TO "{role}";')
    _plan(project)
    assert project.run("migrate").status == 0
    assert _owner(project) == role
    # Left open again, it stays with whom it is, and so it does when it is replaced.
    _ddl(project, TWO)
    _plan(project)
    assert project.run("migrate").status == 0
    assert _owner(project) == role
    assert project.run("verify", "--claim", "drift", "--claim", "ddl").status == 0


def test_an_owner_that_the_files_name_is_a_difference_from_a_database(
    project: Project, database: str, role: str
) -> None:
    psql(database, ONE)
    _ddl(project, f'{ONE} ALTER FUNCTION f() OWNER TO "{role}";')
    result = project.run("diff", "live", "ddl")
    assert f'OWNER TO "{role}"' in result.out
    _ddl(project, ONE)
    assert project.run("diff", "ddl", "live").out == ""


GRANTED = """
CREATE TABLE t (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY);
GRANT SELECT ON t TO {0} WITH GRANT OPTION;
GRANT UPDATE (id) ON t TO {0};
SET ROLE {0};
GRANT SELECT ON t TO pg_monitor;
RESET ROLE;
CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1;
GRANT EXECUTE ON FUNCTION f() TO {0};
CREATE TYPE e AS ENUM ();
GRANT USAGE ON TYPE e TO {0};
"""
OWNED = """
ALTER TABLE t OWNER TO {0};
ALTER FUNCTION f() OWNER TO {0};
ALTER TYPE e OWNER TO {0};
"""


def test_what_the_files_grant_whoever_owns_it_is_the_owners(
    project: Project, database: str, role: str
) -> None:
    quoted = f'"{role}"'
    psql(database, GRANTED.format(quoted) + OWNED.format(quoted))
    _ddl(project, GRANTED.format(quoted))
    for sides in (("live", "ddl"), ("ddl", "live")):
        result = project.run("diff", *sides)
        assert (result.status, result.out) == (0, ""), result.err
    _ddl(project, GRANTED.format(quoted) + "CREATE TABLE u ();")
    for sides in (("live", "ddl"), ("ddl", "live")):
        result = project.run("diff", *sides)
        assert "TABLE public.u" in result.out
        assert "not proved" not in result.err, result.err


def test_who_comes_to_own_what_he_was_granted_loses_no_privilege(
    project: Project, database: str, role: str
) -> None:
    quoted = f'"{role}"'
    psql(database, GRANTED.format(quoted))
    text = GRANTED.format(quoted).splitlines()
    kept = [line for line in text if not line.startswith(("GRANT", "SET", "RESET"))]
    _ddl(project, "\n".join(kept) + OWNED.format(quoted))
    result = project.run("diff", "live", "ddl")
    assert result.out.count("LOST_PRIVILEGE") == 1
    assert "pg_monitor may no longer SELECT" in result.out
    assert "not proved" not in result.err, result.err
    psql(database, result.out)
    assert project.run("diff", "live", "ddl").status == 0


def test_default_privileges_of_no_role_are_those_of_whoever_runs_the_plan(
    project: Project, database: str, role: str
) -> None:
    acl = f'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO "{role}";'
    # Made before the default privileges are given, and after: the files' order says which.
    (project.root / "ddl" / "1.sql").write_text("CREATE TABLE before (id int);")
    (project.root / "ddl" / "2.sql").write_text(acl)
    _plan(project)
    text = next(project.versions.glob("*.up.sql")).read_text()
    assert f'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO "{role}"' in text
    assert project.run("migrate").status == 0
    assert project.run("diff", "live", "ddl").status == 0
    (project.root / "ddl" / "0.sql").write_text("CREATE TABLE also_before (id int);")
    (project.root / "ddl" / "3.sql").write_text("CREATE TABLE after (id int);")
    result = project.run("diff", "live", "ddl")
    assert "not proved" not in result.err
    assert f'REVOKE SELECT ON TABLE public.also_before FROM "{role}"' in result.out
    _plan(project, "--allow", "LOST_PRIVILEGE")
    assert project.run("migrate").status == 0
    same = project.run("diff", "live", "ddl")
    assert same.status == 0, same.out
    rights = project.query(
        "SELECT relname::text, has_table_privilege(%s, oid, 'SELECT') FROM pg_class"
        " WHERE relname IN ('before', 'after', 'also_before') ORDER BY 1",
        role,
    )
    assert rights == [("after", True), ("also_before", False), ("before", False)]
    assert project.run("verify", "--claim", "drift").status == 0
    assert project.run("pull").out == ""


def test_a_proof_elsewhere_is_run_as_who_will_run_the_plan(
    make_database: Callable[..., str], role: str, tmp_path: Path
) -> None:
    one, other, spare = make_database(), make_database(), make_database()
    name = sql.Identifier(role)
    before = "CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY);"
    after = (
        "CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY, b text);"
        " CREATE TABLE s.u (id int PRIMARY KEY); GRANT SELECT ON s.u TO PUBLIC;"
        " CREATE VIEW s.v AS SELECT * FROM s.t;"
        " ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO PUBLIC;"
    )
    with psycopg.connect(one, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(name))
    dsns = []
    for dsn, text in ((one, before), (other, after)):
        database = sql.Identifier(str(conninfo_to_dict(dsn)["dbname"]))
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, name))
        dsns.append(make_conninfo(dsn, user=role))
        with psycopg.connect(dsns[-1], autocommit=True) as connection:
            connection.execute(text.encode())
    with psycopg.connect(other, autocommit=True) as connection:
        # Who stands in for the role may not: he is helped.
        connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO pg_monitor"))
    file = tmp_path / "after.sql"
    file.write_text(after, encoding="utf-8")
    try:
        for to in (dsns[1], str(file)):
            done = api.compare(dsns[0], to, shadow=spare)
            assert done.plan.proof is not None
            assert done.plan.proof.differences == ()
            assert done.plan.proof.holds
    finally:
        for dsn in (one, other):
            database = sql.Identifier(str(conninfo_to_dict(dsn)["dbname"]))
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(sql.SQL("DROP OWNED BY {}").format(name))
                connection.execute(
                    sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(database)
                )


def test_revisions_get_stand_ins_for_roles_that_none_of_them_makes(
    project: Project, role: str
) -> None:
    made = f"{role} 2"
    there = f"SELECT FROM pg_roles WHERE rolname = '{made}'"
    maker = f'DO $$ BEGIN IF NOT EXISTS ({there}) THEN CREATE ROLE "{made}"; END IF; END $$;'
    table = "CREATE TABLE t (id int);"
    project.revision("0001", f"{maker}\n{table}", title="one")
    up = project.revision("0002", f'{ONE}\nALTER FUNCTION f() OWNER TO "{role}";', title="two")
    _ddl(project, f'{ONE} ALTER FUNCTION f() OWNER TO "{role}"; {table} CREATE TABLE u ();')
    try:
        assert project.run("migrate").status == 0
        # Its own server has the role; where shadows are made, as 0001 makes roles, nobody has.
        for sides in (("head", "ddl"), ("live", "ddl")):
            result = project.run("diff", *sides)
            assert result.status == 1, result.err
            assert "CREATE TABLE public.u ()" in result.out
            assert "OWNER TO" not in result.out
        note = f"note: role {role} did not exist: a stand-in was made"
        assert "not proved" not in result.err
        for sides in (("live", "head"), ("head", "ddl")):
            result = project.run(
                "diff", *sides, env={"RINGFENCE_CACHE": str(project.root / sides[0])}
            )
            at = up.relative_to(project.root)
            assert f"{note} ({at}:2:1)" in result.err, result.err
        assert project.run("verify", "--claim", "drift").status == 0
    finally:
        project.query(f'DROP ROLE IF EXISTS "{made}"')


def test_a_plan_that_is_made_again_has_its_stand_ins_too(project: Project) -> None:
    absent = "absent 1"
    cache = {"RINGFENCE_CACHE": str(project.root / "cache")}
    project.revision("0001", "CREATE TABLE t (id int);")
    _ddl(project, f'CREATE TABLE t (id int); GRANT SELECT ON t TO "{absent}";')
    said = []
    for _ in "12":
        done = project.run("plan", "-m", "grant", env=cache)
        assert done.status == 0, done.err
        said.append(done.out)
        for path in project.versions.glob("0002*"):
            path.unlink()
    assert said[0] == said[1]
    for sides in (("head", "ddl"), ("live", "ddl"), ("head", "ddl")):
        done = project.run("diff", *sides, env=cache)
        assert done.status == 1, done.err
        assert "not proved" not in done.err
        assert f'GRANT SELECT ON TABLE public.t TO "{absent}"' in done.out
    try:
        project.query(f'CREATE ROLE "{absent}"')
        assert project.run("plan", "-m", "grant", env=cache).status == 0
    finally:
        project.query(f'DROP ROLE IF EXISTS "{absent}"')


@pytest.mark.parametrize("how", ["--online", "--no-online"])
def test_the_way_back_gives_what_nobody_owned_by_name_to_whoever_runs_it(
    project: Project, role: str, how: str
) -> None:
    made = f"{ONE} CREATE SCHEMA s; CREATE TABLE s.t (id serial); CREATE VIEW s.v AS TABLE s.t;"
    project.revision("0001", made, "DROP SCHEMA s CASCADE; DROP FUNCTION f();")
    given = (
        f'{TWO} ALTER FUNCTION f() OWNER TO "{role}"; ALTER SCHEMA s OWNER TO "{role}";'
        f' ALTER TABLE s.t OWNER TO "{role}"; GRANT SELECT ON s.t TO PUBLIC;'
        f' ALTER VIEW s.v OWNER TO "{role}";'
    )
    _ddl(project, given.replace(TWO, made))
    _plan(project, *([] if how == "--online" else [how]))
    down = next(project.versions.glob("0002*.down.sql")).read_text()
    assert "ALTER ROUTINE public.f() OWNER TO CURRENT_USER;" in down
    owners = (
        "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 's'::regnamespace"
        " UNION SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 's'"
        " UNION SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE proname = 'f'"
    )
    for to, who in (("0002", role), ("0001", "postgres"), ("0002", role)):
        done = project.run("migrate", "--to", to, "--yes")
        assert done.status == 0, done.err
        assert project.query(owners) == [(who,)]


def _given_away(project: Project, status: int) -> list[tuple[str, str]]:
    done = project.run("verify", "--claim", "drift", "--format", "json")
    assert (done.status, done.err) == (status, ""), done.out
    return [(f["message"], f["fix"]) for f in json.loads(done.out)["findings"]]


THERE = f"{ONE} CREATE SCHEMA s; CREATE TABLE s.t (id serial); CREATE VIEW s.v AS TABLE s.t;"


def test_what_was_given_away_by_hand_has_drifted(project: Project, role: str) -> None:
    project.revision("0001", THERE)
    project.run("migrate")
    assert _given_away(project, 0) == []
    project.query(f'ALTER TABLE s.t OWNER TO "{role}"; ALTER FUNCTION f() OWNER TO "{role}"')
    found = _given_away(project, 1)
    end = f'belongs to "{role}", who ran no revision here, and no revision says so'
    assert found == [
        (f"routine public.f() {end}", "ALTER ROUTINE public.f() OWNER TO postgres"),
        (f"table s.t {end}", "ALTER TABLE s.t OWNER TO postgres"),
    ]
    for _, fix in found:
        project.query(fix)
    assert _given_away(project, 0) == []


def test_what_anybody_owns_who_ran_revisions_is_as_it_should_be(
    project: Project, role: str
) -> None:
    project.revision("0001", THERE)
    project.run("migrate")
    name = conninfo_to_dict(project.dsn)["dbname"]
    project.query(
        f'ALTER ROLE "{role}" LOGIN SUPERUSER; ALTER DATABASE "{name}" OWNER TO CURRENT_USER'
    )
    project.revision("0002", "CREATE TABLE s.u ();")
    other = make_conninfo(project.dsn, user=role)
    assert project.run("migrate", dsn=other).status == 0
    # It owns one and ran one; the others are not its, whoever looks.
    assert _given_away(project, 0) == []
    done = project.run("verify", "--claim", "drift", dsn=other)
    assert done.status == 0, done.out


def test_what_was_there_before_the_history_belongs_to_whom_most_of_it_does(
    project: Project, role: str
) -> None:
    project.query(THERE)
    project.query(
        f'ALTER TABLE s.t OWNER TO "{role}"; ALTER VIEW s.v OWNER TO "{role}";'
        f' ALTER SCHEMA s OWNER TO "{role}"; ALTER FUNCTION f() OWNER TO "{role}"'
    )
    project.revision("0001", THERE)
    assert project.run("migrate", "--baseline", "0001").status == 0
    assert _given_away(project, 0) == []
    project.query("ALTER FUNCTION f() OWNER TO pg_monitor")
    ((message, fix),) = _given_away(project, 1)
    assert message.startswith("routine public.f() belongs to pg_monitor, who ran no revision")
    assert fix == f'ALTER ROUTINE public.f() OWNER TO "{role}"'


def test_a_plan_tells_which_roles_somebody_has_to_make(project: Project, role: str) -> None:
    boss = f"no {role}"
    project.revision("0001", f"CREATE SCHEMA s; {ONE}")
    user = f'CREATE USER "{role} 2"'
    project.revision("0002", f"DO $$ BEGIN IF FALSE THEN {user}; END IF; END $$;")
    _ddl(
        project,
        f'CREATE ROLE "{boss}"; CREATE SCHEMA s; GRANT USAGE ON SCHEMA s TO "{role}", "{role} 2";'
        f'{ONE} ALTER FUNCTION f() OWNER TO "{boss}";',
    )
    env = {"RINGFENCE_DSN": project.dsn}
    planned = project.run("plan", "-m", "x", dsn="", env=env)
    assert planned.status == 0, planned.err
    notes = [line for line in planned.err.splitlines() if line.startswith("note: no revision")]
    note = f'note: no revision makes role "{boss}", and {project.database} lacks it'
    assert notes == [f"{note}: CREATE ROLE there before migrate"]
    project.query(f'CREATE ROLE "{role} 2"')
    try:
        done = project.run("migrate")
    finally:
        project.query(f'DROP OWNED BY "{role} 2"; DROP ROLE "{role} 2"')
    assert done.status == 3
    assert f'role "{boss}" does not exist\n' in done.err
    assert done.err.splitlines()[-1] == (
        f'hint: CREATE ROLE "{boss}" first: a role is the server\'s, and plan makes none'
    )


def test_a_difference_in_roles_alone_is_told_and_not_compared(
    project: Project, tmp_path: Path, role: str
) -> None:
    one, other = tmp_path / "one.sql", tmp_path / "other.sql"
    one.write_text(f'CREATE ROLE "{role}"; {ONE}', encoding="utf-8")
    other.write_text(f"ALTER ROLE \"{role}\" SET work_mem = '8MB'; {ONE}", encoding="utf-8")
    told = project.run("diff", str(one), str(other), dsn="")
    assert (told.status, told.out) == (0, "")
    assert told.err == (
        "note: roles, what they are members of and their settings are the server's: not compared\n"
        f"{one} and {other} are the same\n"
    )
    other.write_text(f'create  role "{role}";\n{ONE}', encoding="utf-8")
    told = project.run("diff", str(one), str(other), dsn="")
    assert told.err == f"{one} and {other} are the same\n"


NAMING = """
CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY, a text); CREATE TABLE s.u (id int);
CREATE FUNCTION s.f() RETURNS int LANGUAGE sql RETURN 1;
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w; CREATE PUBLICATION p FOR TABLE s.t;
CREATE POLICY mine ON s.t TO {0};
CREATE USER MAPPING FOR {1} SERVER far;
GRANT SELECT (a) ON s.t TO {2};
GRANT USAGE ON SCHEMA s TO {3}; GRANT SELECT ON s.u TO {3} WITH GRANT OPTION; SET ROLE {3}; GRANT SELECT ON s.u TO {4};
RESET ROLE;
ALTER FUNCTION s.f() OWNER TO {5};
ALTER PUBLICATION p OWNER TO {6};
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {7};
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT USAGE ON SEQUENCES TO {8};
ALTER DEFAULT PRIVILEGES FOR ROLE {9} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
"""
"""Every place where a schema names a role, one of its own each; {3} is named where it grants, too."""


def test_the_first_revision_of_what_was_there_makes_every_role_that_it_names(
    tmp_path: Path, make_database: Callable[..., str]
) -> None:
    database, fresh = make_database(), make_database()
    prefix = f"of {conninfo_to_dict(database)['dbname']} "
    names = [sql.Identifier(f"{prefix}{number}") for number in range(10)]

    def each(text: str, dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for name in names:
                connection.execute(sql.SQL(text).format(name))

    each("CREATE ROLE {}", database)
    try:
        made = Project(tmp_path / "elsewhere", database)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(sql.SQL(NAMING).format(*names))
        shop = tmp_path / "shop"
        result = made.run("init", str(shop), "--from", database, dsn="")
        assert result.status == 0, result.err
        before = catalog(database)
        each("DROP OWNED BY {} CASCADE", database)
        each("DROP ROLE {}", database)
        done = made.run("-C", str(shop), "migrate", dsn=fresh)
        assert done.status == 0, done.err
        assert diff(catalog(fresh), before) == ()
    finally:
        with psycopg.connect(database) as connection:
            there = connection.execute("SELECT to_regrole(quote_ident(%s))", [f"{prefix}0"])
            left = there.fetchone() != (None,)
        if left:
            each("DROP OWNED BY {} CASCADE", fresh)
            each("DROP OWNED BY {} CASCADE", database)
            each("DROP ROLE {}", database)


def test_who_owns_a_database_compares_it_after_a_superuser_adopted_it(
    project: Project, database: str, role: str
) -> None:
    (project.root / "pyproject.toml").write_text(
        '[tool.ringfence.migrate]\nschema = "its \\"own"\n', encoding="utf-8"
    )
    psql(
        database,
        'CREATE SCHEMA "its ""own"; CREATE TABLE "its ""own".kept (id integer);'
        f'GRANT CREATE ON SCHEMA public TO "{role}";'
        f'SET ROLE "{role}"; CREATE TABLE t (id integer)',
    )
    with psycopg.connect(database, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(role)))
        owned = sql.SQL("ALTER DATABASE {} OWNER TO {}")
        connection.execute(owned.format(name, sql.Identifier(role)))
    _ddl(project, "CREATE TABLE t (id bigint);")
    try:
        result = project.run("diff", make_conninfo(database, user=role), "ddl")
    finally:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(owned.format(name, sql.SQL("CURRENT_USER")))
    assert "ALTER COLUMN id TYPE bigint" in result.out, result.err
    assert "proved: pg_dump of the clone equals pg_dump of the target" in result.err


@pytest.mark.parametrize("alone", [False, True])
def test_a_rehearsal_makes_stand_ins_for_roles(project: Project, role: str, alone: bool) -> None:
    up = f'CREATE TABLE t (id int PRIMARY KEY); GRANT SELECT ON t TO "{role}";'
    project.revision("0001", up, "DROP TABLE t;", title="one")
    assert project.run("migrate").status == 0
    head = "-- ringfence: transaction: none\n" if alone else ""
    add = f'{head}ALTER TABLE t ADD COLUMN b int;\nGRANT INSERT ON t TO "{role}";\n'
    (project.root / "x.sql").write_text(add)
    done = project.run("rehearse", "--sql", "x.sql")
    assert (done.status, done.err) == (0, ""), done
    assert f"what {role} may do: no file makes them" in done.out
    done = project.run("check")
    assert "does not exist" not in done.out + done.err
    assert f"rehearsal/roles     what {role} may do" in done.out
    assert "0001 fails" not in done.out
    # One that is not where it is to run, either, is missing there too.
    (project.root / "x.sql").write_text(f'{add}GRANT DELETE ON t TO "{role} 2";\n')
    done = project.run("rehearse", "--sql", "x.sql")
    assert done.status == 1
    assert f'x.sql fails: role "{role} 2" does not exist' in done.out


SAID = """
CREATE SCHEMA s AUTHORIZATION {me};
CREATE TABLE s.t (id int GENERATED ALWAYS AS IDENTITY, n serial);
ALTER TABLE s.t OWNER TO {me};
CREATE VIEW s.v AS SELECT id FROM s.t;
ALTER VIEW s.v OWNER TO {me};
CREATE TYPE s.e AS ENUM ('a');
ALTER TYPE s.e OWNER TO {me};
CREATE TYPE s.c AS (x int);
ALTER TYPE s.c OWNER TO {me};
CREATE DOMAIN s.d AS int;
ALTER DOMAIN s.d OWNER TO {me};
CREATE FUNCTION s.f(a int, OUT b text, VARIADIC c text[]) LANGUAGE sql AS 'SELECT c[a]';
ALTER FUNCTION s.f(a int, OUT b text, VARIADIC c text[]) OWNER TO {me};
CREATE FUNCTION s.g(int, int) RETURNS int LANGUAGE sql RETURN $1;
ALTER FUNCTION s.g OWNER TO {me};
CREATE AGGREGATE s.a(int) (SFUNC = s.g, STYPE = int);
ALTER AGGREGATE s.a(int) OWNER TO {me};
CREATE OPERATOR s.<+> (LEFTARG = int, RIGHTARG = int, FUNCTION = s.g);
ALTER OPERATOR s.<+> (int, int) OWNER TO {me};
CREATE STATISTICS s.st ON id, n FROM s.t;
ALTER STATISTICS s.st OWNER TO {me};
CREATE COLLATION s.co FROM "C";
ALTER COLLATION s.co OWNER TO {me};
CREATE OPERATOR FAMILY s.of USING btree;
ALTER OPERATOR FAMILY s.of USING btree OWNER TO {me};
CREATE TEXT SEARCH CONFIGURATION s.tc (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION s.tc OWNER TO {me};
CREATE FOREIGN DATA WRAPPER "f w";
ALTER FOREIGN DATA WRAPPER "f w" OWNER TO {me};
CREATE SERVER "s e" FOREIGN DATA WRAPPER "f w";
ALTER SERVER "s e" OWNER TO {me};
CREATE PUBLICATION p;
ALTER PUBLICATION p OWNER TO {me};
"""


def _me(project: Project) -> str:
    return str(project.query("SELECT quote_ident(current_user)")[0][0])


def test_the_name_of_who_loads_is_a_name_too(project: Project, tmp_path: Path) -> None:
    me = _me(project)
    file = tmp_path / "one.sql"
    file.write_text(SAID.format(me=me), encoding="utf-8")
    found = _named(api.load(file))
    assert len(found) == SAID.count("{me}") + 1, found  # the sequence goes with its table
    kept = [s for s in SAID.split(";") if " OWNER TO " not in s]
    file.write_text(";".join(kept).format(me="CURRENT_USER"), encoding="utf-8")
    assert not _named(api.load(file))


def _named(found: Catalog) -> list[str]:
    public = Ref("owner", ("schema", "public"))  # nobody's who loads
    return [str(ref) for ref in found.facts if ref.kind == "owner" and ref != public]


def test_who_loads_is_told_from_another_owner(project: Project, tmp_path: Path, role: str) -> None:
    me, other = _me(project), f'"{role}"'
    one, two = tmp_path / "one.sql", tmp_path / "two.sql"
    made = "CREATE TABLE t (id serial); CREATE VIEW v AS SELECT 1 AS a;"
    said = "ALTER TABLE t OWNER TO {0}; ALTER VIEW v OWNER TO {0};"
    one.write_text(made + said.format(me), encoding="utf-8")
    two.write_text(made + said.format(other), encoding="utf-8")
    for sides, owner in (((two, one), me), ((one, two), other)):
        result = project.run("diff", *map(str, sides))
        assert f"ALTER TABLE public.t OWNER TO {owner};" in result.out, result.err
        assert f"ALTER VIEW public.v OWNER TO {owner};" in result.out
        assert "not proved" not in result.err, result.err
    assert project.run("diff", str(one), str(one)).status == 0


def test_an_owner_that_is_who_plans_gets_into_the_revision(
    project: Project, database: str, role: str
) -> None:
    me = _me(project)
    made = "CREATE TABLE t (id serial); CREATE VIEW v AS SELECT id FROM t;"
    _ddl(project, f"{made} ALTER TABLE t OWNER TO {me}; ALTER VIEW v OWNER TO {me};")
    _plan(project)
    assert project.run("migrate").status == 0
    assert project.run("verify", "--claim", "drift", "--claim", "ddl").status == 0
    assert "nothing to do" in project.run("plan", "-m", "x").err
    psql(database, f'ALTER TABLE t OWNER TO "{role}"')
    drifted = project.run("verify", "--claim", "drift")
    assert drifted.status == 1
    assert "owner of table public.t" in drifted.out, drifted.out
