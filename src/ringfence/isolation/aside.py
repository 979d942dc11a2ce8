"""What tenants share beside their rows: counters, tables that are nobody's, copies in them, large
objects, triggers on DDL, names that a session can put something of its own behind, and settings beside
the tenant's that a policy asks.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from ringfence.isolation.estate import by_key
from ringfence.isolation.judge import ENDLESS, Cell, State, unknown
from ringfence.isolation.probes import Probe, gone
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.model import Ref
from ringfence.seed import expression
from ringfence.seed.tenancy import untold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.isolation.estate import Row
    from ringfence.isolation.judge import Examiner
    from ringfence.isolation.prober import Outcome
    from ringfence.isolation.surface import EventTrigger, Relation, Role, Routine
    from ringfence.seed.shape import Table

NAMES = {
    "sequence": "setval",
    "sequence-tells": "last value",
    "unscoped": "change what is nobody's",
    "large-object": "large object",
    "event-trigger": "temporary table",
    "search-path": "a name of one's own",
    "copy": "what B writes",
    "second-setting": "a setting of one's own",
    "tenantless": "change a row without a tenant",
    "shared-cascade": "what cascades",
}
"""What is tried, by the cause that it shows."""


def examine(examiner: Examiner, only: frozenset[int] | None = None) -> list[Cell]:
    """Judge what is not a row of a tenant's."""
    for role in examiner.roles:
        for relation in examiner.relations(sequences=True):
            if only is not None and relation.oid not in only:
                continue
            if relation.kind == "S":
                _sequence(examiner, role, relation)
            elif relation.kind in "rp" and not relation.partition_of:
                _nobodys(examiner, role, relation)
                _cascades(examiner, role, relation)
                _lone(examiner, role, relation)
            elif relation.kind == "f":
                _elsewhere(examiner, role, relation)
        for routine in examiner.surface.routines:
            if only is None or routine.oid in only:
                _shadowed(examiner, role, routine)
        for trigger in examiner.surface.event_triggers:
            if only is None or trigger.oid in only:
                _on_ddl(examiner, role, trigger)
        if only is None:
            _large_objects(examiner, role)
            _copies(examiner, role)
        _settings(examiner, role, only)
    return examiner.cells


# Sequences


def _sequence(examiner: Examiner, role: Role, relation: Relation) -> None:
    """A counter that all tenants' rows are numbered by: what it tells, and who may turn it back."""
    tables = examiner.fixture.estate.tables
    if relation.owned_by and relation.owned_by not in tables:
        return
    a, b = examiner.tenants
    name = literal(relation.sql).strip()
    if relation.may(role.name, "SELECT") or relation.may(role.name, "USAGE"):
        # B counts; A sees that somebody has.
        counts = f"SELECT nextval({name})"
        probe = Probe(
            "SELECT",
            NAMES["sequence-tells"],
            f"SELECT last_value FROM {relation.sql}"
            if relation.may(role.name, "SELECT")
            else counts,
            cause="sequence-tells",
        )
        before = examiner.prober.attempt(role.name, a, probe.statement)
        theirs = examiner.prober.attempt(None, b, counts)
        after = examiner.prober.attempt(role.name, a, probe.statement)
        if theirs.ok and before.ok and after.ok:
            step = _number(after) - _number(before)
            told = step > 1 if probe.statement == counts else step != 0
            state = State.LEAK if told else State.PASS
            _add(examiner, role, relation, probe, state, f"{step} further on when B has counted")
        else:
            _unknown(examiner, role, relation, probe, next(o for o in (before, theirs) if not o.ok))
    if relation.may(role.name, "UPDATE"):
        # Nothing undoes it, so it is put where it is.
        probe = Probe(
            "UPDATE",
            NAMES["sequence"],
            f"SELECT setval({name}, (SELECT last_value FROM {relation.sql}))"
            if relation.may(role.name, "SELECT")
            else f"SELECT setval({name}, 1)",
            cause="sequence",
        )
        held = examiner.prober.attempt(None, b, f"SELECT last_value, is_called FROM {relation.sql}")
        out = examiner.prober.attempt(role.name, a, probe.statement)
        last, called = held.rows[0]
        examiner.prober.attempt(None, b, f"SELECT setval({name}, {last}, {literal(called)})")
        if out.ok:
            _add(examiner, role, relation, probe, State.LEAK, "it is done")
        else:
            _unknown(examiner, role, relation, probe, out)


def _number(out: Outcome) -> int:
    return int(out.rows[0][0] or 0) if out.rows else 0


# Tables that belong to no tenant


def _nobodys(examiner: Examiner, role: Role, relation: Relation) -> None:
    """A table whose rows are nobody's, and that a tenant may change: what it writes others read."""
    fixture = examiner.fixture
    table = fixture.estate.shape.tables.get(relation.oid)
    if table is None or relation.oid in fixture.estate.tables:
        return
    if setting := untold(fixture.estate.shape, fixture.estate.model).get(relation.oid):
        why = f"its policies ask {setting}, and whose its rows are is not known"
        if (root := fixture.estate.model.root) is not None:
            why += f": no foreign key leads from it to {root.path}"
        for verb in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            if relation.may(role.name, verb):
                probe = Probe(verb, verb.lower(), "")
                _add(examiner, role, relation, probe, State.INCONCLUSIVE, why)
        return
    if table.path in fixture.estate.model.shared or not relation.may(role.name, "SELECT"):
        return
    rows = fixture.nobody.get(relation.oid, ())
    for verb, statement in _changes(relation, role, table):
        probe = Probe(verb, NAMES["unscoped"], statement, cause="unscoped")
        if not rows:
            why = "it has no rows"
            _add(examiner, role, relation, probe, State.INCONCLUSIVE, why)
            continue
        out = examiner.prober.attempt(role.name, fixture.a, statement)
        if (out.ok and out.count > 0) or out.sqlstate[:2] == "23":
            _add(examiner, role, relation, probe, State.LEAK, "what all tenants read is another")
        elif out.ok or out.denied:
            _add(examiner, role, relation, probe, State.PASS, out.message)
        else:
            _unknown(examiner, role, relation, probe, out)


def _changes(relation: Relation, role: Role, table: Table) -> Iterator[tuple[str, str]]:
    at = relation.sql
    for verb in ("UPDATE", "DELETE", "INSERT"):
        if not relation.may(role.name, verb):
            continue
        columns = [
            c
            for c in relation.open_to(role.name, verb)
            if not c.generated and not c.identity_always
        ]
        if verb == "UPDATE" and columns:
            name = ident(columns[0].name)
            yield verb, f"UPDATE {at} SET {name} = {name}"
        elif verb == "DELETE":
            yield verb, f"DELETE FROM {at}"
        elif verb == "INSERT" and columns:
            # A second row like one that is there: refused for its key, or taken.
            names = ", ".join(ident(c.name) for c in columns)
            yield verb, f"INSERT INTO {at} ({names}) SELECT {names} FROM {at} LIMIT 1"
    del table


def _cascades(examiner: Examiner, role: Role, relation: Relation) -> None:
    """Rows that are nobody's, which tenants' rows point to: when one tenant deletes them, or changes
    their keys, rows of others may go with them, or change."""
    fixture = examiner.fixture
    if relation.oid in fixture.estate.tables or not relation.may_any(role.name, "UPDATE", "DELETE"):
        return
    table = fixture.estate.shape.tables.get(relation.oid)
    edges = [
        edge
        for other in fixture.estate.tables.values()
        for edge in other.references
        if edge.target == relation.oid
    ]
    if table is None or not edges:
        return
    tried: list[tuple[str, str]] = []
    if relation.may(role.name, "DELETE"):
        tried.append(("DELETE", f"DELETE FROM {relation.sql}"))
    may = {c.name for c in relation.open_to(role.name, "UPDATE")}
    for name in dict.fromkeys(c for edge in edges for c in edge.target_columns if c in may):
        key = ident(name)
        other = {"uuid": "gen_random_uuid()", "text": f"{key} || ' '"}.get(
            table.column[name].sql, f"{key} + 1000"
        )
        tried.append(("UPDATE", f"UPDATE {relation.sql} SET {key} = {other}"))
    for verb, statement in tried:
        probe = Probe(verb, NAMES["shared-cascade"], statement, cause="shared-cascade")
        out = examiner.prober.attempt(role.name, fixture.a, statement, writes=True)
        touched, _ = examiner.touches(out)
        if touched:
            why = "B's rows are others afterwards"
            _add(examiner, role, relation, probe, State.LEAK, why)
        elif out.ok or out.denied or out.sqlstate[:2] in ("22", "23", "42"):
            _add(examiner, role, relation, probe, State.PASS, out.message)
        else:
            _unknown(examiner, role, relation, probe, out)


# Rows without a tenant in tables of tenants' rows


def _lone(examiner: Examiner, role: Role, relation: Relation) -> None:
    """A row that has no tenant: where tenants are shown it, none may make, change or delete such a one."""
    fixture, prober = examiner.fixture, examiner.prober
    table = fixture.estate.tables.get(relation.oid)
    rows = fixture.lone.get(relation.oid, ())
    if table is None or not rows or not relation.row_security:
        return
    row = rows[0]
    where = by_key(table, row)
    others = [r.name for r in examiner.roles if relation.may(r.name, "SELECT")]
    if where is None or not any(
        prober.attempt(other, fixture.b, f"SELECT FROM {relation.sql} WHERE {where}").count > 0
        for other in others
    ):
        return
    at = relation.sql
    tried: list[tuple[str, str, tuple[str, ...]]] = []
    columns = [c for c in relation.open_to(role.name, "UPDATE") if not c.generated]
    if columns and relation.may(role.name, "UPDATE"):
        name = ident(columns[-1].name)
        tried.append(("UPDATE", f"UPDATE {at} SET {name} = {name} WHERE {where}", ()))
    if relation.may(role.name, "DELETE"):
        tried.append(("DELETE", f"DELETE FROM {at} WHERE {where}", ()))
    given = [c for c in relation.open_to(role.name, "INSERT") if not c.generated]
    if given and relation.may(role.name, "INSERT"):
        names = ", ".join(ident(c.name) for c in given)
        values = ", ".join(literal(row.values.get(c.name)).strip() for c in given)
        always = " OVERRIDING SYSTEM VALUE" if any(c.identity_always for c in given) else ""
        tried.append(("INSERT", f"INSERT INTO {at} ({names}){always} VALUES ({values})", gone(row)))
    for verb, statement, setup in tried:
        probe = Probe(verb, NAMES["tenantless"], statement, setup=setup, cause="tenantless")
        out = prober.attempt(role.name, fixture.a, statement, setup=setup)
        if (out.ok and out.count > 0) or out.sqlstate in ("23503", "23001"):
            _add(examiner, role, relation, probe, State.LEAK, "what all tenants read is another")
        elif out.ok or out.denied or out.sqlstate[:2] in ("23", "P0"):
            _add(examiner, role, relation, probe, State.PASS, out.message)
        else:
            _unknown(examiner, role, relation, probe, out)


# What lies elsewhere


def _elsewhere(examiner: Examiner, role: Role, relation: Relation) -> None:
    """A foreign table: whose rows are there, and what the other server lets through, no shadow tells."""
    for verb in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        if relation.may(role.name, verb):
            probe = Probe(verb, f"{verb.lower()} of what lies elsewhere", "")
            why = "it is a foreign table: no policy binds who may use it, and its rows are not here"
            _add(examiner, role, relation, probe, State.INCONCLUSIVE, why)


# Copies


def _copies(examiner: Examiner, role: Role) -> None:
    """What triggers note of B's rows in relations that are nobody's, where A may read it."""
    fixture = examiner.fixture
    surface, estate = examiner.surface, fixture.estate
    readable = [
        r
        for r in examiner.relations()
        if r.kind in "rpv" and r.open_to(role.name, "SELECT") and not examiner.tenants_rows(r)
        and r.path not in estate.model.shared and not r.partition_of
    ]  # fmt: skip
    asked = {
        r.oid: f"SELECT {', '.join(ident(c.name) for c in r.open_to(role.name, 'SELECT'))} FROM {r.sql}"
        for r in readable
    }
    before = {
        oid: Counter(examiner.prober.attempt(role.name, fixture.a, said).rows)
        for oid, said in asked.items()
    }
    found: set[int] = set()
    for oid, table in estate.tables.items() if readable else ():
        relation = surface.relations.get(oid)
        rows = fixture.twins(table)
        if rows is None or relation is None or not relation.triggers:
            continue
        theirs = set(_values_of(rows[1])) - {v for r in fixture.rows[fixture.a].get(oid, ())
                                             for v in _values_of(r)}  # fmt: skip
        for setup in writing(examiner, table, rows[1]):
            for r in readable:
                if r.oid in found:
                    continue
                out = examiner.prober.attempt(role.name, fixture.a, asked[r.oid], setup=setup)
                new = Counter(out.rows) - before[r.oid]
                shown = [value for row in new for value in row if value is not None]
                saw = next((v for v in sorted(theirs) if any(v in s for s in shown)), "")
                if saw:
                    found.add(r.oid)
                    probe = Probe("SELECT", NAMES["copy"], asked[r.oid], setup=setup, cause="copy")
                    why = f"shows what B has written to {table.path}"
                    examiner.cells.append(
                        Cell(role.name, r.ref, r.oid, probe, State.LEAK, why, saw, len(out.rows))
                    )


def _values_of(row: Row) -> Iterator[str]:
    return (v for v in row.values.values() if v is not None and len(v) >= _TELLING)


_TELLING = 5
"""How long a value is that is nobody else's by chance."""


def writing(examiner: Examiner, table: Table, row: Row) -> Iterator[tuple[str, ...]]:
    """Statements that write a row of B's anew, and that change it, with all triggers at work."""
    setting = examiner.prober.setting
    named = examiner.fixture.estate.model.named(examiner.fixture.b)
    become = [f"SELECT set_config({literal(setting)}, {literal(named)}, true)"] if setting else []
    at = qualified((table.schema, table.name))
    columns = [c.name for c in table.columns if not c.generated]
    names = ", ".join(map(ident, columns))
    values = ", ".join(literal(row.values.get(c)) for c in columns)
    yield (
        *become,
        *gone(row),
        f"INSERT INTO {at} ({names}) OVERRIDING SYSTEM VALUE VALUES ({values})",
    )
    where = by_key(table, row)
    if where is not None:
        free = columns[-1]
        yield (*become, f"UPDATE {at} SET {ident(free)} = {ident(free)} WHERE {where}")
        yield (*become, f"DELETE FROM {at} WHERE {where}")


# Settings that a policy asks beside the tenant's

_SETTING = re.compile(r"current_setting\(\s*'([\w.]+)'", re.IGNORECASE)
_SAID = re.compile(r"'((?:[^']|'')*)'")


def _settings(examiner: Examiner, role: Role, only: frozenset[int] | None) -> None:
    """Whether a setting that any session may set opens other tenants' rows."""
    fixture, surface = examiner.fixture, examiner.surface
    known: set[tuple[int, str]] = set()
    for policy in surface.policies:
        relation = surface.relations.get(policy.relation)
        if relation is None or (only is not None and relation.oid not in only):
            continue
        columns = relation.open_to(role.name, "SELECT")
        bodies = [r.body for r in surface.routines if r.oid in policy.calls]
        body = " ".join([policy.using_expression or "", policy.check_expression or "", *bodies])
        names = dict.fromkeys(n for n in _SETTING.findall(body) if "." in n)
        names.pop(examiner.prober.setting, None)
        if not columns or not names:
            continue
        asked = f"SELECT {', '.join(ident(c.name) for c in columns)} FROM {relation.sql}"
        but = examiner.tenants
        plain = examiner.prober.attempt(role.name, fixture.a, asked)
        if fixture.shown(plain.values(), but=but):
            continue
        said = [v for v in _SAID.findall(body) if v not in names and 0 < len(v) < 40]
        # What a row of B's is compared with, such as whom it is shared with.
        compared = expression.compared(policy.using_expression or "true", "current_setting")
        held = [
            value
            for row in fixture.rows[fixture.b].get(relation.partition_of or relation.oid, ())
            for column in sorted(compared)
            if (value := row.values.get(column)) is not None
        ]
        for name in names:
            for value in list(dict.fromkeys([*said[:8], "on", "true", "1", *held[:8]])):
                if (relation.oid, name) in known:
                    break
                before = (f"SELECT set_config({literal(name)}, {literal(value)}, true)",)
                out = examiner.prober.attempt(role.name, fixture.a, asked, before=before)
                if saw := fixture.shown(out.values(), but=but):
                    known.add((relation.oid, name))
                    probe = Probe(
                        "SELECT", NAMES["second-setting"], asked, before=before,
                        cause="second-setting",
                    )  # fmt: skip
                    why = f"policy {policy.name} asks {name}, which is set to {value}"
                    examiner.cells.append(
                        Cell(
                            role.name, relation.ref, relation.oid, probe, State.LEAK, why, saw,
                            len(out.rows),
                        )
                    )  # fmt: skip


# Large objects


def _large_objects(examiner: Examiner, role: Role) -> None:
    """A large object is its role's, and so every tenant's, where the schema refers to any."""
    a, b = examiner.tenants
    estate = examiner.fixture.estate
    places = [
        (t, c.name)
        for t in estate.tables.values()
        for c in t.columns
        if estate.shape.base(estate.shape.types[c.type])[0].name in ("oid", "lo")
    ]
    if not places:
        return
    table, column = places[0]
    ref = Ref("column", (table.schema, table.name, column))
    probe = Probe(
        "SELECT",
        NAMES["large-object"],
        "SELECT convert_from(lo_get(4294900001), 'UTF8')",
        before=(),
        cause="large-object",
    )
    # Made in B's name by the same role, then read in A's.
    setting = examiner.prober.setting
    become = f"SET LOCAL SESSION AUTHORIZATION {ident(role.name)}"
    names = (
        [f"SELECT set_config({literal(setting)}, {literal(estate.model.named(b))}, true)"]
        if setting
        else []
    )
    made = "SELECT lo_from_bytea(4294900001, 'what is B''s')"
    out = examiner.prober.attempt(
        role.name, a, probe.statement, setup=(become, *names, made, "RESET SESSION AUTHORIZATION")
    )
    seen = out.ok and any("what is B's" in (v or "") for row in out.rows for v in row)
    if seen:
        state, why = State.LEAK, "shows a large object that B has made"
    elif out.denied or not out.prepared:
        state, why = State.PASS, out.message
    else:
        state, why = State.INCONCLUSIVE, out.message
    examiner.cells.append(Cell(role.name, ref, table.oid, probe, state, why))


# Triggers on DDL


def _on_ddl(examiner: Examiner, role: Role, trigger: EventTrigger) -> None:
    """A trigger on DDL, whose function may have rights of its own: any session may make a temporary
    table."""
    if not trigger.definer:
        return
    a, b = examiner.tenants
    probe = Probe(
        "EXECUTE",
        NAMES["event-trigger"],
        "CREATE TEMPORARY TABLE ringfence_made ()",
        cause="event-trigger",
    )
    out = examiner.prober.attempt(role.name, a, probe.statement, writes=True)
    touched, _ = examiner.touches(out)
    saw = examiner.fixture.shown(out.values(), but=(a, b))
    ref = Ref("event_trigger", (trigger.name,))
    if touched or saw:
        state, why = State.LEAK, "B's rows are others afterwards" if touched else "shows B's rows"
    elif out.sqlstate == ENDLESS:
        state, why = State.INCONCLUSIVE, unknown(out)
    else:
        state, why = State.PASS, out.message
    examiner.cells.append(Cell(role.name, ref, trigger.oid, probe, state, why, saw))


# Names that a session puts something of its own behind


def _shadowed(examiner: Examiner, role: Role, routine: Routine) -> None:
    """A function with its owner's rights that finds tables by their bare names.

    What a session makes in pg_temp is found first, unless the function says otherwise: a view or a
    table with a trigger there runs the session's own code with the owner's rights.
    """
    if not routine.definer or role.name not in routine.callers or routine.aggregate:
        return
    fixture = examiner.fixture
    tables = [
        t
        for t in fixture.estate.shape.tables.values()
        if re.search(rf"(?<![\w$.\"]){re.escape(t.name)}(?![\w$])", routine.body)
    ]
    if not tables:
        return
    from ringfence.isolation import calls

    plans = list(calls.plans(fixture, routine))[:4]
    text = calls.statement(routine, plans[0].theirs)
    probe = Probe(
        "EXECUTE", NAMES["search-path"], text, before=_traps(examiner, tables), cause="search-path"
    )
    outs = []
    # With A's own arguments as well: what finds no row of B's may write nothing.
    tried = [(plan, given) for plan in plans for given in dict.fromkeys((plan.mine, plan.theirs))]
    for plan, given in tried:
        text = calls.statement(routine, given)
        out = examiner.prober.attempt(role.name, fixture.a, text, before=probe.before)
        if out.sqlstate == ENDLESS:
            break
        outs.append(out)
        known = (*plan.known, *examiner.tenants)
        # What the trap says, not what the function shows.
        if saw := fixture.shown(out.said, but=known):
            probe = Probe("EXECUTE", probe.name, text, before=probe.before, cause="search-path")
            why = "code of A's own runs with the owner's rights"
            examiner.cells.append(
                Cell(role.name, routine.ref, routine.oid, probe, State.LEAK, why, saw)
            )
            return
    if not outs:
        state, why = State.INCONCLUSIVE, "no call of it ends"
    elif not outs[-1].prepared:
        state, why = State.PASS, outs[-1].message  # no temporary tables for this role
    else:
        state, why = State.PASS, ""
    examiner.cells.append(Cell(role.name, routine.ref, routine.oid, probe, state, why))


def _traps(examiner: Examiner, tables: Sequence[Table]) -> tuple[str, ...]:
    """Temporary objects that bear tables' names and tell tenants' rows to whoever has rights to them."""
    victims = list(examiner.fixture.estate.tables.values())
    tell = "\n".join(
        f"BEGIN SELECT string_agg(t::text, ' ') INTO said FROM {qualified((v.schema, v.name))} AS t;"
        " RAISE NOTICE '%', said; EXCEPTION WHEN OTHERS THEN NULL; END;"
        for v in victims[:8]
    )
    head = "CREATE FUNCTION pg_temp.ringfence"
    body = f"DECLARE said text; BEGIN {tell} RETURN true; END"
    trap = "BEGIN PERFORM pg_temp.ringfence_tell(); RETURN NULL; END"
    lines = [
        f"{head}_tell() RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $trap$ {body} $trap$",
        f"{head}_trap() RETURNS trigger LANGUAGE plpgsql AS $trap$ {trap} $trap$",
    ]
    fixture = examiner.fixture
    for number, table in enumerate(tables):
        name = ident(table.name)
        rows = (*fixture.rows[fixture.a].get(table.oid, ()), *fixture.nobody.get(table.oid, ()))
        values = rows[0].values if rows else {}
        columns = ", ".join(
            f"{literal(values.get(c.name)).strip()}::{c.sql} AS {ident(c.name)}"
            for c in table.columns
        )
        # A row of A's own, behind a view that tells when it is read, and when it is written.
        lines.append(f"CREATE TEMPORARY TABLE ringfence_row{number} AS SELECT {columns}")
        lines.append(
            f"CREATE TEMPORARY VIEW {name} AS SELECT * FROM ringfence_row{number}"
            " WHERE pg_temp.ringfence_tell()"
        )
        lines.append(
            f"CREATE TRIGGER ringfence_trap INSTEAD OF INSERT OR UPDATE OR DELETE ON pg_temp.{name}"
            " FOR EACH ROW EXECUTE FUNCTION pg_temp.ringfence_trap()"
        )
    # What was planned before goes on reading what it did.
    return (*lines, "DISCARD PLANS")


# Cells


def _add(
    examiner: Examiner, role: Role, relation: Relation, probe: Probe, state: State, because: str
) -> None:
    examiner.cells.append(Cell(role.name, relation.ref, relation.oid, probe, state, because))


def _unknown(
    examiner: Examiner, role: Role, relation: Relation, probe: Probe, out: Outcome
) -> None:
    if out.sqlstate == "42501":
        _add(examiner, role, relation, probe, State.PASS, out.message)
    else:
        _add(examiner, role, relation, probe, State.INCONCLUSIVE, unknown(out))
