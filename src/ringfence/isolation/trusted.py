"""What policies trust: that the functions they ask find the tables that they mean, and that functions
which are said to tell nothing, and so are asked before policies are, do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.isolation.judge import Cell, State
from ringfence.isolation.probes import Probe
from ringfence.kinds._sql import ident, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.isolation.judge import Examiner
    from ringfence.isolation.surface import Relation, Role, Routine
    from ringfence.seed.shape import Table

DECEIVED = "a table of one's own"
LEAKPROOF = "a function that tells"
_EXTREMES = ("''", "'ringfence'", "repeat('r', 4000)", "'%'", "NULL")
_NUMBERS = ("0", "1", "-1", "2147483647", "NULL")


def examine(examiner: Examiner, only: frozenset[int] | None = None) -> list[Cell]:
    """Judge what policies trust, for every table that a role may read."""
    for role in examiner.roles:
        for relation in examiner.relations():
            table = examiner.fixture.estate.tables.get(relation.oid)
            if table is None or not relation.row_security or not relation.may(role.name, "SELECT"):
                continue
            if only is not None and relation.oid not in only:
                continue
            if any(c.oid == relation.oid and c.state is State.LEAK and c.probe.verb == "SELECT"
                   and not c.probe.cause for c in examiner.cells):  # fmt: skip
                continue  # who reads everything need not deceive anybody
            for routine in _asked(examiner, relation):
                _deceive(examiner, role, relation, routine)
            for routine in examiner.surface.routines:
                if routine.leakproof and role.name in routine.callers:
                    _tell(examiner, role, relation, table, routine)
    return examiner.cells


def _asked(examiner: Examiner, relation: Relation) -> list[Routine]:
    """The functions that the policies of a table ask, and those that these call by their bare names."""
    surface = examiner.surface
    called = {o for p in surface.policies if p.relation == relation.oid for o in p.calls}
    found = {r.oid: r for r in surface.routines if r.oid in called}
    todo = list(found.values())
    while todo:
        body = todo.pop().body
        for routine in surface.routines:
            said = rf"(?<![\w$.\"]){re.escape(routine.name)}\s*\("
            if routine.oid not in found and re.search(said, body):
                found[routine.oid] = routine
                todo.append(routine)
    return list(found.values())


def _deceive(examiner: Examiner, role: Role, relation: Relation, routine: Routine) -> None:
    """A temporary table that bears the name of one that a policy's function looks into, and says there
    that what is B's is A's."""
    fixture = examiner.fixture
    tables = [
        t
        for t in fixture.estate.tables.values()
        if re.search(rf"(?<![\w$.\"]){re.escape(t.name)}(?![\w$])", routine.body)
    ]
    lines, said = [], []
    for table in tables:
        rows = list(_told(examiner, table))
        said += [v for row in rows for v in row.values() if v is not None]
        values = ", ".join(
            "(" + ", ".join(f"{literal(row[c.name]).strip()}::{c.sql}" for c in table.columns) + ")"
            for row in rows
        )
        if values:
            names = ", ".join(ident(c.name) for c in table.columns)
            lines.append(
                f"CREATE TEMPORARY TABLE {ident(table.name)} AS"
                f" SELECT * FROM (VALUES {values}) AS told ({names})"
            )
            # The function may work as somebody else.
            lines.append(f"GRANT SELECT ON pg_temp.{ident(table.name)} TO PUBLIC")
    if not lines:
        return
    lines.append("DISCARD PLANS")  # what was planned before goes on reading what it did
    names = ", ".join(ident(c.name) for c in relation.open_to(role.name, "SELECT"))
    probe = Probe(
        "EXECUTE", DECEIVED, f"SELECT {names} FROM {relation.sql}", before=tuple(lines),
        cause="search-path",
    )  # fmt: skip
    out = examiner.prober.attempt(role.name, fixture.a, probe.statement, before=probe.before)
    saw = fixture.shown(out.values(), but=(*said, *examiner.tenants))
    if saw:
        state, why = (
            State.LEAK,
            f"it believes a table of A's own, and {relation.path} shows B's rows",
        )
    else:
        state, why = State.PASS, out.message
    examiner.cells.append(Cell(role.name, routine.ref, routine.oid, probe, state, why, saw))


def _told(examiner: Examiner, table: Table) -> Iterator[dict[str, str | None]]:
    """Rows of A's, and rows of B's as they are and with A in the place of B."""
    fixture = examiner.fixture
    model = fixture.estate.model
    names = {fixture.b: fixture.a, model.names.get(fixture.b, ""): model.names.get(fixture.a, "")}
    for row in fixture.rows[fixture.a].get(table.oid, ())[:4]:
        yield dict(row.values)
    for row in fixture.rows[fixture.b].get(table.oid, ())[:4]:
        for name in [n for n, v in row.values.items() if v in names and v]:
            yield {**row.values, name: names[str(row.values[name])]}


def _tell(
    examiner: Examiner, role: Role, relation: Relation, table: Table, routine: Routine
) -> None:
    """A function that is said to be leakproof, asked about every row: the server may ask it before it
    asks policies."""
    fixture = examiner.fixture
    columns = {c.name: c for c in relation.open_to(role.name, "SELECT")}
    for place, type_ in enumerate(routine.types):
        for column in table.columns:
            if column.name not in columns or not _fits(column.sql, type_):
                continue
            for extreme in range(len(_EXTREMES) if len(routine.types) > 1 else 1):
                given = [
                    f"{ident(column.name)}::{t}"
                    if n == place
                    else f"({(_EXTREMES if _fits('text', t) else _NUMBERS)[extreme]})::{t}"
                    for n, t in enumerate(routine.types)
                ]
                probe = Probe(
                    "SELECT",
                    LEAKPROOF,
                    f"SELECT count(*) FROM {relation.sql}"
                    f" WHERE {routine.sql}({', '.join(given)}) IS NOT NULL",
                    cause="leakproof",
                )
                with fixture.without(fixture.a):  # an error ends it at the first row
                    out = examiner.prober.attempt(role.name, fixture.a, probe.statement)
                saw = fixture.shown((*out.said, out.message), but=examiner.tenants)
                if saw:
                    why = f"{routine.ref.path} tells of {relation.path}"
                    examiner.cells.append(
                        Cell(role.name, routine.ref, routine.oid, probe, State.LEAK, why, saw)
                    )
                    return


def _fits(column: str, type_: str) -> bool:
    text = ("text", "character", "character varying", "varchar")
    bare = re.sub(r"\(.*\)", "", column)
    return bare == type_ or (bare in text and type_ in text)
