"""The proof of a plan: applied to a clone, it leaves nothing to do, pg_dump agrees, rows are kept.

The clone holds the source's schema and none of its data: made-up rows stand for them. What the proof
did not look at is part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import unified_diff
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from ringfence import drift, fitted, placed, rows
from ringfence.change import diff
from ringfence.errors import Bug, Error, ServerError
from ringfence.filling import misfit
from ringfence.kinds import kind_of
from ringfence.kinds._family import parents
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds.grant import owned_with
from ringfence.model import Catalog, Ref, quoted
from ringfence.pg import dump
from ringfence.pg.connect import connect, server_error
from ringfence.pg.extract import extract
from ringfence.planner import plan as plan_again
from ringfence.script import Script, redacted
from ringfence.step import Hazard, HazardCode, Proof

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ringfence.pg.connect import Target
    from ringfence.sources import Shop, Source
    from ringfence.step import Plan, Step


def prove(plan: Plan, shop: Shop, source: Source, target: Source, wanted: Catalog) -> Plan:
    """The plan with its proof. Raises `ServerError` when a step does not run on the clone.

    `wanted` is the target's catalog, aligned with the source's.
    """
    executor = shop.role(source, target) if source.target is not None else ""
    named = {role for fact in wanted.facts.values() for role in kind_of(fact.ref).roles(fact)}
    shop.stand_in(named, executor, source)
    hidden = (shop.project.config.migrate.schema,) if shop.project else ("ringfence",)
    clone, filling = _tried(plan, shop, source, wanted, hidden, executor)
    with connect(clone) as connection:
        kept, lost = _kept(plan, connection, filling, hidden)
        row = connection.execute("SELECT current_user").fetchone()
        # Between files, whoever runs the plan is nobody; in a database he has a name.
        who = str(row[0]) if row and source.declared and target.declared else ""
        reached = extract(connection, exclude=hidden, nobody=who)
        if source.target is not None and target.declared:
            reached = _without_partitions(connection, reached, wanted, hidden)
    open_ = source.declared or target.declared  # who owns what
    reached = Catalog(
        {
            ref: fact
            for ref, fact in reached.facts.items()
            if not (ref.kind == "owner" and open_ and ref not in wanted.facts)
        },
        reached.uses,
        reached.server_version,
        reached.unmodeled,
    )
    differences = [
        f"{c.verb} {c.ref} {', '.join(c.attributes)}".rstrip() for c in diff(reached, wanted)
    ]
    checked = [
        f"applied to a clone: {len(plan.steps)} steps ran",
        "the clone's catalog equals the target's",
    ]
    unchecked = [str(thing) for thing in shop.unseen(reached, wanted)]
    differences += lost
    checked += [kept] if kept else []
    unchecked += [f"rows: {filling.reason}"] if filling.reason else []
    if any(ref.kind == "foreign_table" for ref in reached.facts):
        unchecked.append("rows of foreign tables: another server has them")
    if plan_again(reached, wanted).steps:
        differences.append("a second plan is not empty")
    if target.what == "snapshot":
        unchecked.append("pg_dump: a snapshot cannot be dumped")
    else:
        owners = not source.declared and not target.declared
        other = _same_owners(clone, shop, target, wanted)
        differences += _dumps(clone, other, hidden, executor, owners=owners)
        but = "" if owners else ", but for owners"
        checked.append(f"pg_dump of the clone equals pg_dump of the target{but}")
    if differences:
        checked = checked[:1]
    return replace(
        plan, proof=Proof(not differences, tuple(checked), tuple(unchecked), tuple(differences))
    )


def _without_partitions(
    connection: psycopg.Connection[tuple[object, ...]],
    reached: Catalog,
    wanted: Catalog,
    hidden: tuple[str, ...],
) -> Catalog:
    """The clone's catalog without the partitions that no file names: the plan has left them."""
    left = drift.left(reached, wanted)
    for part in left:
        connection.execute(f"DROP TABLE IF EXISTS {qualified(part.name)}".encode())
    return extract(connection, exclude=hidden) if left else reached


def losses(
    plan: Plan, shop: Shop, source: Source, wanted: Catalog
) -> tuple[tuple[Hazard, ...], str]:
    """What of made-up rows a plan loses and no hazard tells of; and why that was not looked at.

    Raises `ServerError` when a step does not run on tables with rows.
    """
    hidden = (shop.project.config.migrate.schema,) if shop.project else ("ringfence",)
    clone, filling = _tried(plan, shop, source, wanted, hidden, "")
    with connect(clone) as connection:
        found = _losses(plan, connection, filling, hidden)
    told = (Hazard(HazardCode.DATA_LOSS, _about(loss), loss.message) for loss in found)
    return tuple(told), "" if filling.reason == _UNTOUCHED else filling.reason


def _about(loss: rows.Loss) -> Ref:
    if loss.column:
        return Ref.parse(f"column:{loss.table}.{quoted(loss.column)}")
    return Ref.parse(f"table:{loss.table}")


def _same_owners(clone: Target, shop: Shop, target: Source, wanted: Catalog) -> Target:
    """The target's database, or a copy: what the one side granted an owner whom it leaves open is
    granted to nobody else once both have the same."""
    said = shop.catalog(target)
    grants = {r for r in {*said.facts, *wanted.facts} if r.kind == "grant"}
    told = [r for r in grants if said.facts.get(r) != wanted.facts.get(r)]
    its = [(c, c.facts[r].parent) for c in (said, wanted) for r in told if r in c.facts]
    above = {owned_with(on, c) for c, on in its if on is not None}
    owners = {Ref("owner", (on.kind, *on.name)) for on in above}
    if not told:
        return shop.database(target)
    other = shop.copy(target) if target.declared else shop.database(target)
    for ref in sorted(owners & (said.facts.keys() ^ wanted.facts.keys())):
        fact = said.facts.get(ref) or wanted.facts[ref]
        assert fact.parent is not None
        for place in (clone, other) if target.declared else (clone,):
            with connect(place) as connection:
                kind = kind_of(fact.parent)
                text = f"ALTER {kind.keyword} {kind.sql_name(fact.parent)} OWNER TO "
                connection.execute(text.encode() + ident(fact.text("owner")).encode())
    return other


Name = tuple[str, ...]

_ABOUT_ROWS = frozenset({"22", "23", "P0"})
"""Classes of SQLSTATE that say that a value or a row is not as it should be."""

_UNTOUCHED = "the plan touches no table that is there"

_MOST = 500
"""Tables up to which rows are made up for all of them; else for those that the plan touches."""


@dataclass(frozen=True, slots=True)
class _Filling:
    """Why the clone holds no rows, or what its tables hold."""

    reason: str = ""
    had: Mapping[int, rows.Held] = field(default_factory=dict)
    only: frozenset[int] | None = None
    placed: int = 0
    """How many of the rows lie where the bounds of partitions move."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """Why a plan did not run, and which tables that may be about, the likeliest first."""

    error: ServerError
    near: tuple[Name, ...]


_FEW = 6
"""How often other rows are made up than those that are refused: each time takes another clone."""


@dataclass(slots=True)
class _Made:
    """Which rows are made up, as far as that follows from what was refused of others."""

    moving: str = ""
    """Why there are none where bounds move."""
    fitted: dict[Name, str] = field(default_factory=dict)
    left: dict[Name, str] = field(default_factory=dict)
    """Tables whose rows are made to fit, and those that have none: what was refused."""

    def others_for(self, refused: _Refused, filling: _Filling, said: str) -> bool:
        """Whether there are others to try."""
        held = {(h.schema, h.name) for h in filling.had.values() if h.count}
        table = next((name for name in refused.near if name in held), None)
        if filling.placed:
            self.moving = said
        elif table is None or len(self.fitted) + len(self.left) >= _FEW:
            return False
        elif table not in self.fitted:
            self.fitted[table] = said
        elif held != {table}:
            self.left[table] = self.fitted[table]
        else:
            return False
        return True

    @property
    def reason(self) -> str:
        """What was refused, and what there is instead."""
        told = [f"the made-up rows that lie where bounds move {self.moving}"] if self.moving else []
        for name, said in self.fitted.items():
            instead = (
                "left out, with what refers to them"
                if name in self.left
                else "others that fit are kept"
            )
            told.append(f"the made-up rows of {Ref('', name).path} {said} ({instead})")
        return "; ".join(told)


def _tried(
    plan: Plan, shop: Shop, source: Source, wanted: Catalog, hidden: tuple[str, ...], executor: str
) -> tuple[Target, _Filling]:
    """The clone that the plan ran on, and what it held before: as many made-up rows as the plan takes.

    What it asks of the rows to come, those made up for the old schema need not obey: where it refuses a
    table's, they are made to fit; and where they cannot be, the table is left empty.
    """
    made = _Made()
    while True:
        clone = shop.copy(source)
        filling = _fill(plan, shop, clone, hidden, wanted, made)
        refused = _run(plan, clone, executor)
        if refused is None:
            return clone, replace(filling, reason=made.reason or filling.reason)
        if not filling.had or refused.error.sqlstate[:2] not in _ABOUT_ROWS:
            raise refused.error
        said = f"are refused, as real ones may be: {refused.error.message}"
        if not made.others_for(refused, filling, said):
            break
    clone = shop.copy(source)
    if (again := _run(plan, clone, executor)) is not None:
        raise again.error
    return clone, _Filling(f"the made-up rows {said}")


def _touched(plan: Plan, wanted: Catalog) -> set[tuple[str, ...]]:
    """What the plan's steps are about, with the tables that this is a part or the type of."""
    todo = [step.ref for step in plan.steps]
    found = {*todo}
    for ref in todo:
        fact = wanted.facts.get(ref)
        near = [fact.parent] if fact is not None and fact.parent is not None else []
        if kind_of(ref).swaps:  # a type: whatever is of it
            near += wanted.used_by.get(ref, ())
        todo += [r for r in near if r not in found]
        found |= {*near}
    named = {ref.name[:2] for ref in found}
    return named | {p.name for name in named for p in parents(Ref("table", name), wanted)}


def _fill(
    plan: Plan,
    shop: Shop,
    clone: Target,
    hidden: tuple[str, ...],
    wanted: Catalog,
    made: _Made,
) -> _Filling:
    """Put rows into the clone, where the plan touches tables that are there already."""
    from ringfence.seed import seed

    with connect(clone) as connection:
        tables = rows.tables(connection, hidden)
        there = {(held.schema, held.name) for held in tables}
        drops = any(step.verb != "create" for step in plan.steps)
        if not drops and there.isdisjoint(_touched(plan, wanted)):
            return _Filling(_UNTOUCHED)
        only = None
        if len(there) > _MOST:
            near = _touched(plan, wanted)
            only = {held.root for held in tables if (held.schema, held.name) in near}
            if not only:
                return _Filling(_UNTOUCHED)
            if len(only) > _MOST:
                return _Filling(
                    f"the plan touches {len(only)} tables: too many to make rows up for"
                )
        if not shop.host.target.embedded:
            # On somebody's server no trigger of theirs shall run: who knows where it writes.
            try:
                connection.execute("SET session_replication_role = replica")
            except psycopg.Error:
                return _Filling("the role may not keep triggers from firing on this server")
        try:
            seeded = seed(
                connection,
                rows=2,
                tenancy=shop.project.config.tenancy if shop.project else None,
                exclude_schemas=hidden,
                force=True,
                only=only,
            )
        except Error as error:
            return _Filling(f"none could be made up: {error.message}")
        _empty(connection, made.left)
        if made.fitted:
            fitted.fit(connection, made.fitted, extract(connection), wanted)
        moves = not made.moving and any(step.ref.kind == "partition" for step in plan.steps)
        more = placed.fill(connection, plan, extract(connection), wanted) if moves else 0
        if only is None:
            return _Filling("", rows.held(connection, hidden), None, more)
        filled = {each.table for each in seeded.tables}
        only = {t.root for t in tables if f"{quoted(t.schema)}.{quoted(t.name)}" in filled}
        had = rows.held(connection, hidden, only=only)
        return _Filling("", had, frozenset(had), more)


def _empty(connection: psycopg.Connection[tuple[object, ...]], tables: Iterable[Name]) -> None:
    """Take the rows out of these tables, with those that refer to them."""
    for name in tables:
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")  # fires nothing
            connection.execute(f"TRUNCATE {qualified(name)} CASCADE".encode())


def _run(plan: Plan, clone: Target, executor: str) -> _Refused | None:
    """Run the plan on the clone as who will run it; the step that does not run.

    What runs is the text that is printed, cut into statements as psql would: whatever stands in it
    beside the steps would run there too.
    """
    with connect(clone) as connection:
        connection.execute("SET check_function_bodies = off")
        acts = _becomes(connection, executor)
        for step, text in _printed(plan):
            try:
                connection.execute(text, prepare=False)
            except psycopg.Error as error:
                if acts and error.sqlstate == _DENIED:
                    # Whoever stands in for the executor need not have all that he has.
                    try:
                        _as_ourselves(connection, text, executor)
                    except psycopg.Error as again:
                        error = again
                    else:
                        continue
                said = server_error(error)
                if step.verb == "fill" and (error.sqlstate or "")[:2] not in _ABOUT_ROWS:
                    raise misfit(step, said.message) from error
                found = ServerError(
                    said.message,
                    sqlstate=error.sqlstate or "",
                    title=f"the plan does not run: {step.verb} {step.ref}",
                    detail=f"{said.detail}\n  {step.sql}".strip(),
                    hint="this is a bug in ringfence: please report it with both schemas",
                )
                found.__cause__ = error
                named = (error.diag.schema_name or "", error.diag.table_name or "")
                return _Refused(found, (named, step.ref.name[:2]))
    return None


def _printed(plan: Plan) -> Iterator[tuple[Step, str]]:
    """The statements of the plan's script, each with its step, but for those that frame them."""
    told = Script("the plan", plan.script()).statements[1:]
    said = [s.text for s in told if s.words not in (("BEGIN",), ("COMMIT",))]
    if len(said) != len(plan.steps):
        raise Bug(f"the script has {len(said)} statements for {len(plan.steps)} steps")
    yield from zip(plan.steps, said, strict=True)


_DENIED = "42501"


def _becomes(connection: psycopg.Connection[tuple[object, ...]], executor: str) -> bool:
    """Become who will run the plan, where the clone lies on another server than where he is we.

    What he makes is his then, and his default privileges apply to it.
    """
    row = connection.execute(
        "SELECT current_database() FROM pg_roles AS me, pg_roles AS other"
        " WHERE me.rolname = current_user AND me.rolsuper"
        " AND other.rolname = %s AND other.rolname <> current_user",
        [executor],
    ).fetchone()
    if row is None:
        return False
    role = sql.Identifier(executor)
    database = sql.Identifier(str(row[0]))
    connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, role))
    connection.execute(sql.SQL("SET ROLE {}").format(role))
    return True


def _as_ourselves(
    connection: psycopg.Connection[tuple[object, ...]], text: str, executor: str
) -> None:
    connection.execute("RESET ROLE")
    try:
        connection.execute(text, prepare=False)
    finally:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(executor)))


def _kept(
    plan: Plan,
    connection: psycopg.Connection[tuple[object, ...]],
    filling: _Filling,
    hidden: tuple[str, ...],
) -> tuple[str, list[str]]:
    """That the rows are still there, in words; and which are not that no hazard tells of."""
    total = sum(held.count for held in filling.had.values() if not held.shared)
    if not total:
        return "", []
    lost = [f"rows: {loss.message}" for loss in _losses(plan, connection, filling, hidden)]
    told = any(h.code == HazardCode.DATA_LOSS for h in plan.hazards)
    but = " but for those that a hazard tells of" if told else ""
    return ("" if lost else f"{total} made-up rows are still there{but}"), lost


def _losses(
    plan: Plan,
    connection: psycopg.Connection[tuple[object, ...]],
    filling: _Filling,
    hidden: tuple[str, ...],
) -> list[rows.Loss]:
    """What of the rows is lost and no hazard tells of."""
    if not filling.had:
        return []
    has = rows.held(connection, hidden, filling.had, filling.only)
    agreed = {h.ref.path for h in plan.hazards if h.code == HazardCode.DATA_LOSS}
    whole = {h.path: filling.had[h.root].path for h in filling.had.values() if h.root is not None}
    # Hazards have the names of after the plan's renames, with which it begins.
    called = {h.path: has[oid].path for oid, h in filling.had.items() if oid in has}
    # What fills rows changes them, and so may triggers that then fire.
    filled = {Ref("table", s.ref.name[:-1]).path for s in plan.steps if s.verb == "fill"}
    return [
        loss
        for loss in rows.lost(filling.had, has)
        if not loss.retyped
        and not loss.computed  # as the plan says
        and (loss.gone or called.get(loss.table, loss.table) not in filled)
        # What is told of a partitioned table is told of its partitions.
        and not any(
            name in agreed
            for was in (loss.table, whole.get(loss.table, loss.table))
            for table in (called.get(was, was),)
            for name in (table, f"{table}.{quoted(loss.column)}")
        )
    ]


def _dumps(
    clone: Target, other: Target, hidden: tuple[str, ...], executor: str, *, owners: bool = True
) -> list[str]:
    have = dump.normalised(clone.conninfo, hidden, owners=owners)
    want = dump.normalised(other.conninfo, hidden, owners=owners)
    if not owners and executor:
        # Files that name nobody mean the default privileges of who runs the plan.
        with connect(other) as connection:
            row = connection.execute(
                "SELECT quote_ident(current_user), quote_ident(%s)", [executor]
            ).fetchone()
        assert row is not None
        made, runs = (f"ALTER DEFAULT PRIVILEGES FOR ROLE {who} " for who in row)
        want = tuple(sorted(runs + w.removeprefix(made) if w.startswith(made) else w for w in want))
    return [
        f"pg_dump: {redacted(line)}"
        for line in unified_diff(have, want, "clone", "target", lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
