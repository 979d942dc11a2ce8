"""What the tests of the engine share: load a pair of schemas, plan, apply with psql, look."""

from __future__ import annotations

import re
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from ringfence.change import diff
from ringfence.kinds._family import links_below, parents, whole
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Ref
from ringfence.online import online
from ringfence.pg import binaries, canonical, dump
from ringfence.pg.extract import extract
from ringfence.planner import plan
from ringfence.revise import segments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ringfence.model import Catalog
    from ringfence.step import Plan

CORPUS = Path(__file__).parent / "corpus"


_OF_ROWS = ("DATA_LOSS", "REWRITE", "LONG_LOCK", "SCAN_UNDER_LOCK", "INDEX_BUILD", "STALE")


class DataRefused(AssertionError):
    """The server would not have a script because of the rows that are there."""


_STRICT = ("-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose")
_DATA = re.compile(r"ERROR:  2[23]\w{3}:")


def psql(conninfo: str, text: str) -> None:
    """Run a script as a user would: psql, stopping at the first error."""
    program = binaries.find_psql(binaries.find_binaries().bin)
    assert program is not None
    done = subprocess.run(
        [program, "-X", "-q", *_STRICT, "-d", conninfo, "-f", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        why = DataRefused if _DATA.search(done.stderr) else AssertionError
        raise why(f"{done.stderr}\n\n{text}")


def catalog(conninfo: str) -> Catalog:
    """The catalog of a database, whose definitions are as the server says them one by one."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        found = extract(connection)
        with connection.transaction():
            connection.execute("SET LOCAL search_path = pg_catalog")
            said = connection.execute(
                "SELECT n.nspname, x.relname, pg_get_indexdef(x.oid)"
                " FROM pg_class AS x JOIN pg_namespace AS n ON n.oid = x.relnamespace"
                " WHERE x.relkind IN ('i', 'I') AND x.oid >= 16384"
            ).fetchall()
            constraints = connection.execute(
                "SELECT n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid)"
                " FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid"
                " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            ).fetchall()
            policies = connection.execute(
                "SELECT n.nspname, c.relname, p.polname, pg_get_expr(p.polqual, c.oid),"
                " pg_get_expr(p.polwithcheck, c.oid)"
                " FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid"
                " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            ).fetchall()
    for *name, text in constraints:
        constraint = found.facts.get(Ref("constraint", tuple(map(str, name))))
        if constraint is not None and not (
            constraint["type"] == "x" and constraint["index_options"]
        ):
            assert constraint["definition"] == canonical.expression(str(text))
    for *name, using, check in policies:
        policy = found.facts.get(Ref("policy", tuple(map(str, name))))
        if policy is not None:
            for attribute, expression in (("using", using), ("check", check)):
                wanted = None if expression is None else canonical.expression(str(expression))
                assert policy[f"{attribute}_expression"] == wanted
    for schema, name, text in said:
        fact = found.facts.get(Ref("index", (str(schema), str(name))))
        if fact is not None:
            before = fact.text("definition") + (" WITH (" if fact["options"] else "")
            after = f" WHERE {fact['predicate']}" if fact["predicate"] else ""
            text = canonical.expression(str(text))
            assert text.startswith(before)
            assert text.endswith(after)
            assert fact["options"] or text == before + after
    return found


def rows(conninfo: str) -> dict[str, int]:
    """Table → how many rows it has itself, of the tables that have any."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        names = connection.execute(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname NOT IN"
            " ('information_schema', 'ringfence') ORDER BY 1"
        ).fetchall()
        found = {}
        for (name,) in names:
            row = connection.execute(f"SELECT count(*) FROM ONLY {name}").fetchone()
            assert row is not None
            if row[0]:
                found[str(name)] = int(row[0])
        return found


_Kept = dict[str, tuple[tuple[str, ...], str]]


def kept_columns(before: Catalog, wanted: Catalog) -> dict[str, tuple[str, ...]]:
    """Table → its columns that both catalogs have with the same type, and that hold what was stored.

    Left out are composite types whose attributes change, row types of tables whose columns do, and
    partitions that others change beside: rows may have gone to another, or stay in what is detached,
    and then the whole has less.
    """
    changed = {c.ref for c in diff(before, wanted)}
    moved: set[Ref | None] = set()
    for ref in changed:
        for catalog in (before, wanted):
            link = catalog.facts.get(ref)
            if link is None or ref.kind not in ("partition", "inheritance"):
                continue
            moved.add(link.parent)
            if ref.kind == "inheritance":
                moved.update(_above(link.parent, catalog))
            for over in catalog.uses.get(ref, ()):
                parts = [part for c in (before, wanted) for part in _partitions(over, c)]
                moved.update(parts)
                if not parts or any(whole(p, wanted) != over for p in _partitions(over, before)):
                    moved.add(over)
    for ref, fact in before.facts.items():
        if fact["partition_key"] != (wanted.facts.get(ref) or fact)["partition_key"]:
            moved.add(ref)
            moved.update(f for f, used in before.uses.items() if ref in used)
    keys = {r.name[:2] for r in changed if r.kind == "column"}
    todo = [r for r, f in before.facts.items() if f["partition_key"] and r.name in keys]
    for ref in todo:  # a key of another type may put rows elsewhere
        todo += _partitions(ref, before)
        moved.update(_partitions(ref, before))
    torn = {ref.name[:-1] for ref in changed if ref.kind in ("attribute", "column")}
    found: dict[str, list[str]] = {}
    for ref, fact in before.facts.items():
        other = wanted.facts.get(ref)
        if ref.kind != "column" or other is None or fact.parent is None:
            continue
        above = before.facts[fact.parent]
        if above.ref.kind != "table" or fact.parent not in wanted.facts or fact.parent in moved:
            continue
        if any(r.name in torn for r in _types(ref, before) - {fact.parent}):
            continue
        if fact["generated"] or other["generated"] or fact["type"] != other["type"]:
            continue
        found.setdefault(qualified(fact.parent.name), []).append(ident(ref.name[-1]))
    return {table: tuple(columns) for table, columns in found.items()}


def _partitions(table: Ref, catalog: Catalog) -> list[Ref]:
    return [link.parent for link in links_below(table, catalog) if link.parent is not None]


def _above(table: Ref | None, catalog: Catalog) -> list[Ref]:
    found = parents(table, catalog) if table is not None else []
    return [*found, *(up for over in found for up in _above(over, catalog))]


def _types(ref: Ref, catalog: Catalog) -> set[Ref]:
    """The types that a column is of, and those that they are made of."""
    found, todo = set(), [ref]
    while todo:
        for used in catalog.uses.get(todo.pop(), ()):
            if used not in found and used.kind.endswith(("type", "domain", "attribute", "table")):
                found.add(used)
                todo += [used, *(f.ref for f in catalog.children.get(used, ()))]
    return found


def values(conninfo: str, columns: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Table → the values of those columns of all its rows, those of its partitions too, as text."""
    found = {}
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET row_security = off; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'")
        for table, its in columns.items():
            query = (
                "SELECT string_agg(t, E'\\n' ORDER BY t COLLATE \"C\") FROM"
                f" (SELECT ROW({', '.join(f'{c}::text' for c in its)})::text AS t FROM {{}}) AS r"
            )
            try:
                row = connection.execute(query.replace("{}", table)).fetchone()
            except psycopg.errors.ObjectNotInPrerequisiteState:
                # A foreign table that leads nowhere is below it.
                near = f"({_within_reach(connection, table, its)}) AS near"
                row = connection.execute(query.replace("{}", near)).fetchone()
            assert row is not None
            if row[0]:
                found[table] = str(row[0])
        return found


def _within_reach(
    connection: psycopg.Connection[tuple[object, ...]], table: str, columns: tuple[str, ...]
) -> str:
    """A query for the rows of a table and of those below it that are no foreign tables."""
    found = connection.execute(
        "WITH RECURSIVE tree AS (SELECT %s::regclass::oid AS oid"
        " UNION SELECT i.inhrelid FROM pg_inherits AS i JOIN tree AS t ON i.inhparent = t.oid)"
        " SELECT c.oid::regclass::text FROM tree AS t JOIN pg_class AS c ON c.oid = t.oid"
        " WHERE c.relkind IN ('r', 'p')",
        [table],
    ).fetchall()
    return " UNION ALL ".join(f"SELECT {', '.join(columns)} FROM ONLY {name}" for (name,) in found)


@dataclass(frozen=True)
class Outcome:
    """What came of a plan: what is still to do, what pg_dump sees, rows before and after."""

    plan: Plan
    residual: tuple[str, ...]
    dump: str
    lost: dict[str, int]
    changed: str


def residual(have: Catalog, wanted: Catalog) -> tuple[str, ...]:
    """What is still to do, a line each."""
    return tuple(
        f"{c.verb} {c.ref} "
        + ", ".join(f"{a}: {c.old and c.old[a]!r} → {c.new and c.new[a]!r}" for a in c.attributes)
        for c in diff(have, wanted)
    )


MISSABLE = {"comment", "constraint", "index", "statistics"}
"""What is refused afterwards, or only slower, where it is not there between two transactions."""


def turn(
    source: str, before: Catalog, wanted: Catalog, want: tuple[str, ...], *, safely: bool = False
) -> tuple[Outcome, Catalog]:
    """Turn the database `source` into the wanted catalog and dump, and look at it from all sides.

    `safely`: in lock-safe steps.
    """
    made = plan(before, wanted, executor="postgres")
    if safely:
        made = online(made, before, wanted)
    for hazard in made.hazards:
        told = {hazard.ref.path, Ref("", hazard.ref.name[:2]).path}
        nameless = hazard.code in _OF_ROWS and not any(path in hazard.message for path in told)
        assert not nameless, f"does not say of what: {hazard}"
    had = rows(source)
    columns = kept_columns(before, wanted) if had else {}
    stored = values(source, columns)
    *parts, last = segments(made.steps) or [[]]
    for part in parts if safely else ():
        psql(source, replace(made, steps=tuple(part)).script())
        missing = {r for r in before.facts.keys() & wanted.facts.keys() if r.kind not in MISSABLE}
        missing -= catalog(source).facts.keys()
        assert not missing, f"gone for a while, behind {part[-1].sql}: {missing}"
    psql(source, replace(made, steps=tuple(last)).script() if safely else made.script())
    after = catalog(source)
    have = dump.normalised(source)
    differs = "\n".join(unified_diff(have, want, "planned", "wanted", lineterm="", n=0))
    kept = rows(source) if had else {}
    allowed = {h.ref.path for h in made.hazards if h.code == "DATA_LOSS"}
    lost = {
        table: count
        for table, count in had.items()
        if kept.get(table, 0) < count and table not in allowed
    }
    stays, stayed = (sum(n for t, n in its.items() if t not in allowed) for its in (kept, had))
    if stays >= stayed:
        lost = {}  # a table that becomes partitioned has its rows in others
    changed = "\n".join(
        f"{table} ({', '.join(columns[table])})\nhad:\n{was}\nhas:\n{now}"
        for table, was in stored.items()
        if (now := values(source, {table: columns[table]}).get(table, "")) != was
        and not any(path == table or path.startswith(f"{table}.") for path in allowed)
    )
    return Outcome(made, residual(after, wanted), differs, lost, changed), after


def assert_turned(
    source: str, before: Catalog, wanted: Catalog, want: tuple[str, ...], *, safely: bool = False
) -> Outcome:
    """Turn it; nothing is left to do, pg_dump agrees, no row and no value is lost in silence."""
    outcome, after = turn(source, before, wanted, want, safely=safely)
    assert not outcome.residual, "\n".join(outcome.residual)
    assert not outcome.dump, outcome.dump
    assert not outcome.lost
    assert not outcome.changed, outcome.changed
    again = plan(after, wanted, executor="postgres")
    assert again.steps == ()
    return outcome


def assert_turns(source: str, target: str, *, safely: bool = False) -> Outcome:
    """Turn the database `source` into what `target` is, with `safely` in lock-safe steps."""
    wanted, want = catalog(target), dump.normalised(target)
    return assert_turned(source, catalog(source), wanted, want, safely=safely)


def pair(make_database: Callable[..., str], a: Path, b: Path, seed: Path | None) -> tuple[str, str]:
    """Two databases from two files, the first with data."""
    one, two = make_database(), make_database()
    psql(one, a.read_text(encoding="utf-8"))
    psql(two, b.read_text(encoding="utf-8"))
    if seed is not None and seed.is_file():
        psql(one, seed.read_text(encoding="utf-8"))
    return one, two


_SEEDS: Mapping[str, tuple[str, str]] = {
    "N": ("1", "2"),
    "B": ("true", "false"),
    "S": ("a", "b"),
    "D": ("2020-01-01", "2020-01-02"),
    "T": ("1 day", "2 days"),
    "I": ("127.0.0.1", "127.0.0.2"),
    "A": ("{}", "{}"),
    "R": ("empty", "empty"),
    "json": ("{}", "[]"),
    "jsonb": ("{}", "[]"),
    "uuid": ("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"),
    "bytea": ("x", "y"),
}


def fill(conninfo: str) -> None:
    """Two rows into every table that takes them: the same values wherever types are the same.

    So whatever references something finds it. Triggers do not fire.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica; SET row_security = off")
        found = connection.execute(
            "SELECT format('%I.%I', n.nspname, c.relname), format('%I', a.attname), b.typname,"
            " b.typcategory::text, a.attnotnull, a.atthasdef OR a.attidentity <> '',"
            " (SELECT e.enumlabel FROM pg_enum AS e WHERE e.enumtypid = b.oid"
            " ORDER BY e.enumsortorder LIMIT 1)"
            " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0"
            " AND NOT a.attisdropped AND a.attgenerated = ''"
            " JOIN pg_type AS t ON t.oid = a.atttypid"
            " JOIN pg_type AS b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_'"
            " AND n.nspname <> 'information_schema' ORDER BY 1, a.attnum"
        ).fetchall()
        tables: dict[str, list[tuple[str, bool, tuple[str | None, ...]]]] = {}
        for table, column, name, category, not_null, has_default, label in found:
            seeds = (label, label) if label else _SEEDS.get(name) or _SEEDS.get(category)
            if seeds is None and has_default:
                continue
            tables.setdefault(table, []).append((column, not_null, seeds or (None, None)))
        for table, columns in tables.items():
            for row in (0, 1):
                for wanted in (columns, [c for c in columns if c[1]]):
                    names = ", ".join(c[0] for c in wanted)
                    with suppress(psycopg.Error):
                        connection.execute(
                            f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE"
                            f" VALUES ({', '.join(['%s'] * len(wanted))})",
                            [c[2][row] for c in wanted],
                        )
                        break
        _obey(connection)


def _obey(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Delete the rows whose references lead nowhere, until there are none."""
    keys = connection.execute(
        "SELECT c.conrelid::regclass::text, c.confrelid::regclass::text,"
        " (SELECT array_agg(quote_ident(a.attname) ORDER BY k.n) FROM"
        " unnest(c.conkey) WITH ORDINALITY AS k (attnum, n)"
        " JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum),"
        " (SELECT array_agg(quote_ident(a.attname) ORDER BY k.n) FROM"
        " unnest(c.confkey) WITH ORDINALITY AS k (attnum, n)"
        " JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.attnum)"
        " FROM pg_constraint AS c WHERE c.contype = 'f' AND c.conparentid = 0"
    ).fetchall()
    again = True
    while again:
        again = False
        for child, parent, theirs, others in keys:
            assert isinstance(theirs, list)
            assert isinstance(others, list)
            pairs = list(zip(theirs, others, strict=True))
            set_all = " AND ".join(f"c.{a} IS NOT NULL" for a, _ in pairs)
            equal = " AND ".join(f"c.{a} = p.{b}" for a, b in pairs)
            try:
                done = connection.execute(
                    f"DELETE FROM {child} AS c WHERE {set_all}"
                    f" AND NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {equal})"
                )
            except psycopg.Error:  # it has no replica identity, or a rule makes it something else
                try:
                    connection.execute(f"TRUNCATE {child} CASCADE")
                except psycopg.Error:  # a foreign table that leads nowhere is below it
                    connection.execute(f"TRUNCATE ONLY {child} CASCADE")
            else:
                again = again or done.rowcount > 0


def wipe(conninfo: str) -> None:
    """Delete every row."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica; SET row_security = off")
        for table in rows(conninfo):
            connection.execute(f"TRUNCATE ONLY {table} CASCADE")
