"""What guards rows: row security and whom it binds, triggers, foreign keys that refuse a delete.

Nobody who reads or writes is refused anything when such a guard goes: it is looked up in the catalog,
before a change, behind it, and between transactions, where what goes and comes again is missed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ringfence.finding import Severity
from ringfence.model import Ref, quoted
from ringfence.rehearse.shut import exempt

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.rehearse.compat import World

    Session = Connection[tuple[Any, ...]]

Table = tuple[str, str]


@dataclass(frozen=True, slots=True, order=True)
class Trigger:
    """A trigger that fires, or a constraint that triggers of a table look after: of that one, or of
    what refers to it. `whole` is what it is part of, where it is a partition's."""

    table: Table
    name: str
    constraint_of: Table | None = None

    @property
    def ref(self) -> Ref:
        """Its table."""
        return Ref("table", self.table)


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key, whatever its name."""

    table: Table
    columns: tuple[str, ...]
    target: Table


@dataclass(frozen=True, slots=True)
class Guards:
    """What there is of it. `tables`: the owner of each; `secured`: those with row security, and whether
    it is forced; `policies`: whether each is permissive."""

    tables: Mapping[Table, str] = field(default_factory=dict)
    secured: Mapping[Table, bool] = field(default_factory=dict)
    policies: Mapping[tuple[Table, str], bool] = field(default_factory=dict)
    exempt: Mapping[Table, frozenset[str]] = field(default_factory=dict)
    """The roles that a table's policies do not bind."""
    triggers: Mapping[Trigger, bool] = field(default_factory=dict)
    """Whether each fires."""
    parts: Mapping[Trigger, Trigger] = field(default_factory=dict)
    """Of a partition's triggers those of the whole."""
    deletes: Mapping[Reference, str] = field(default_factory=dict)
    """What becomes of rows that refer to one that is deleted, by its letter in pg_constraint."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """What lets a role pass every policy, "" for nothing."""
    views: Mapping[Table, frozenset[str]] = field(default_factory=dict)
    """What each view says that holds for who reads and writes by it, by its options' names."""
    definers: Mapping[tuple[str, ...], bool] = field(default_factory=dict)
    """Whether a routine runs as its owner, by schema, name and arguments."""

    def forced(self, table: Table) -> bool:
        """Whether a table's policies bind its owner."""
        return self.secured.get(table, False)


@dataclass(frozen=True, slots=True)
class Unguarded:
    """A guard that is gone, or away. `key` tells it from others of its object."""

    ref: Ref
    code: str
    message: str
    help: str
    severity: Severity
    key: str


_TABLES = """
    SELECT
        n.nspname, c.relname, pg_get_userbyid(c.relowner)::text, c.relrowsecurity,
        c.relforcerowsecurity
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_POLICIES = """
    SELECT n.nspname, c.relname, p.polname, p.polpermissive
    FROM pg_policy AS p
    INNER JOIN pg_class AS c ON p.polrelid = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
"""
_TRIGGERS = """
    SELECT
        t.oid::bigint, t.tgparentid::bigint, n.nspname, c.relname, coalesce(s.conname, t.tgname),
        m.nspname, o.relname, t.tgenabled IN ('O', 'A')
    FROM pg_trigger AS t
    INNER JOIN pg_class AS c ON t.tgrelid = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    LEFT JOIN pg_constraint AS s ON t.tgconstraint = s.oid AND t.tgisinternal
    LEFT JOIN pg_class AS o ON s.conrelid = o.oid
    LEFT JOIN pg_namespace AS m ON o.relnamespace = m.oid
    WHERE c.relkind IN ('r', 'p')
    ORDER BY t.oid
"""
_DELETES = """
    SELECT
        n.nspname, c.relname, m.nspname, o.relname,
        ARRAY(
            SELECT quote_ident(a.attname) FROM unnest(s.conkey) WITH ORDINALITY AS k (number, place)
            INNER JOIN pg_attribute AS a ON a.attrelid = s.conrelid AND a.attnum = k.number
            ORDER BY k.place
        ),
        s.confdeltype::text
    FROM pg_constraint AS s
    INNER JOIN pg_class AS c ON s.conrelid = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    INNER JOIN pg_class AS o ON s.confrelid = o.oid
    INNER JOIN pg_namespace AS m ON o.relnamespace = m.oid
    WHERE s.contype = 'f' AND s.conparentid = 0
"""
_ROLES = """
    SELECT
        r.rolname,
        CASE WHEN r.rolsuper THEN 'is a superuser' WHEN r.rolbypassrls THEN 'has BYPASSRLS' ELSE '' END
    FROM pg_roles AS r WHERE r.rolname !~ '^pg_'
"""
_VIEWS = """
    SELECT
        n.nspname, c.relname,
        ARRAY(
            SELECT o.option_name FROM pg_options_to_table(c.reloptions) AS o
            WHERE CASE o.option_name WHEN 'check_option' THEN true ELSE o.option_value::boolean END
        )
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE c.relkind = 'v' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_DEFINERS = """
    SELECT n.nspname, p.proname, format('(%s)', oidvectortypes(p.proargtypes)), p.prosecdef
    FROM pg_proc AS p
    INNER JOIN pg_namespace AS n ON p.pronamespace = n.oid
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""


def guards(session: Session, hidden: Sequence[str]) -> Guards:
    """What guards rows now, but in the schemas in `hidden`."""
    listed = [r for r in session.execute(_TABLES).fetchall() if r[0] not in hidden]
    secured = {(r[0], r[1]): r[4] for r in listed if r[3]}
    triggers, parts = _triggers(session, hidden)
    return Guards(
        {(r[0], r[1]): r[2] for r in listed},
        secured,
        {((r[0], r[1]), r[2]): r[3] for r in session.execute(_POLICIES) if r[0] not in hidden},
        {table: frozenset(roles) for table, roles in exempt(session).items()} if secured else {},
        triggers,
        parts,
        {
            Reference((r[0], r[1]), tuple(r[4]), (r[2], r[3])): r[5]
            for r in session.execute(_DELETES)
            if r[0] not in hidden
        },
        dict(session.execute(_ROLES).fetchall()),
        {(r[0], r[1]): frozenset(r[2]) for r in session.execute(_VIEWS) if r[0] not in hidden},
        {tuple(r[:3]): r[3] for r in session.execute(_DEFINERS) if r[0] not in hidden},
    )


def _triggers(
    session: Session, hidden: Sequence[str]
) -> tuple[dict[Trigger, bool], dict[Trigger, Trigger]]:
    every: dict[int, tuple[Trigger, int]] = {}
    fires: dict[Trigger, bool] = {}
    for oid, whole, schema, table, name, its_schema, its_table, on in session.execute(
        _TRIGGERS
    ).fetchall():
        if schema in hidden:
            continue
        of = None if its_table is None else (its_schema, its_table)
        each = Trigger((schema, table), name, of)
        every[oid] = each, whole
        fires[each] = fires.get(each, True) and on  # a constraint has several
    parts = {each: every[whole][0] for each, whole in every.values() if whole in every}
    return fires, parts


# Gone --------------------------------------------------------------------------------------------


def lost(before: World, after: World) -> Iterator[Unguarded]:
    """What guards rows no more, of tables and roles that were there."""
    yield from _unsecured(before.guards, after.guards)
    yield from _withheld(before.guards, after.guards)
    yield from _passing(before.guards, after.guards)
    yield from _unbound(before, after)
    yield from _not_forced(before.guards, after.guards)
    yield from _as_owner(before.guards, after.guards)
    for each in _off(before.guards, after.guards):
        yield _silent(each, "is off: ")
    yield from _taken(before, after)


def _path(table: Table) -> str:
    return Ref("table", table).path


def _unsecured(before: Guards, after: Guards) -> Iterator[Unguarded]:
    for table in sorted(before.secured.keys() - after.secured.keys()):
        if table in after.tables:
            yield Unguarded(
                Ref("table", table),
                "LOST_PROTECTION",
                f"row security of {_path(table)} is off: its policies bind nobody",
                "leave it on, and let a policy say who sees every row",
                Severity.ERROR,
                "row security",
            )


def _withheld(before: Guards, after: Guards) -> Iterator[Unguarded]:
    """Restrictive policies that are gone, or let rows through now, and none took their place."""
    made = _made(before, after)
    for (table, name), permissive in sorted(before.policies.items()):
        if permissive or not after.policies.get((table, name), True) or (table, False) in made:
            continue
        if table in before.secured and table in after.secured:
            yield Unguarded(
                Ref("table", table),
                "LOST_PROTECTION",
                f"policy {quoted(name)} of {_path(table)} holds nobody back: the rows that it withheld"
                " can be seen",
                "make the restrictive policy that takes its place in the same transaction",
                Severity.ERROR,
                name,
            )


def _made(before: Guards, after: Guards) -> set[tuple[Table, bool]]:
    """The tables that have a policy they did not have, each with whether that one is permissive."""
    return {
        (table, permissive)
        for (table, name), permissive in after.policies.items()
        if before.policies.get((table, name)) is not permissive
    }


def _passing(before: Guards, after: Guards) -> Iterator[Unguarded]:
    """Roles that no policy binds any more, whatever they may do."""
    for role, how in sorted(after.roles.items()):
        if not how or before.roles.get(role, how) == how:
            continue
        if before.roles[role] or not (after.secured or "superuser" in how):
            continue
        yield Unguarded(
            Ref("role", (role,)),
            "LOST_PROTECTION",
            f"no policy binds role {quoted(role)} any more: it {how}",
            "let a role of its own do what has to pass every policy, that no application logs in as",
            Severity.ERROR,
            how,
        )


def _unbound(before: World, after: World) -> Iterator[Unguarded]:
    """Roles that some table's policies do not bind any more, as it is theirs or their groups'."""
    was, now = before.guards, after.guards
    held = {(r.schema, r.name, r.role) for r in before.rights if r.kind in "rp"}
    for table in sorted(was.secured.keys() & now.secured.keys()):
        for role in sorted(now.exempt.get(table, frozenset()) - was.exempt.get(table, frozenset())):
            owner = now.tables[table] == role
            knew = (*table, role) in held
            if role not in was.roles or now.roles.get(role) or not (owner or knew):
                continue
            owns = "it owns the table" if owner else "it belongs to the role that owns the table"
            yield Unguarded(
                Ref("table", table),
                "LOST_PROTECTION",
                f"policies of {_path(table)} do not bind role {quoted(role)}: {owns}, and row"
                " security is not forced",
                f"ALTER TABLE {_path(table)} FORCE ROW LEVEL SECURITY binds whoever owns it",
                Severity.ERROR if knew else Severity.WARNING,
                role,
            )


def _not_forced(before: Guards, after: Guards) -> Iterator[Unguarded]:
    """Tables whose row security is forced no more, and whose owner nothing binds where this runs: where
    it is to run the owner may be another."""
    for table in sorted(before.secured.keys() & after.secured.keys()):
        if (
            before.forced(table)
            and not after.forced(table)
            and after.roles.get(after.tables[table])
        ):
            yield Unguarded(
                Ref("table", table),
                "LOST_PROTECTION",
                f"row security of {_path(table)} is not forced any more: its policies do not bind its"
                " owner",
                f"leave it forced, or have another role own {_path(table)} than the application is",
                Severity.ERROR,
                "forced",
            )


def _as_owner(before: Guards, after: Guards) -> Iterator[Unguarded]:
    """Views and routines that hold less back than they did."""
    for view, options in sorted(before.views.items()):
        for option in sorted(options - after.views.get(view, options)):
            severity, says = _OF_VIEWS[option]
            ref = Ref("view", view)
            yield Unguarded(
                ref,
                "LOST_PROTECTION",
                f"view {ref.path} {says}",
                f"CREATE OR REPLACE VIEW forgets {option} where it does not say it again",
                severity,
                option,
            )
    for name, definer in sorted(after.definers.items()):
        if definer and before.definers.get(name) is False:
            ref = Ref("routine", name)
            yield Unguarded(
                ref,
                "LOST_PROTECTION",
                f"{ref.path} runs as its owner: policies do not bind who calls it",
                "let it run as who calls it, or look at what it lets through: SECURITY INVOKER",
                Severity.WARNING,
                "definer",
            )


_OF_VIEWS = {
    "security_invoker": (Severity.ERROR, "reads as its owner: policies do not bind its readers"),
    "security_barrier": (
        Severity.WARNING,
        "is no barrier: what its readers ask for may see rows that it holds back",
    ),
    "check_option": (
        Severity.WARNING,
        "has no CHECK OPTION: who writes by way of it may write rows that it does not show",
    ),
}


def _off(before: Guards, after: Guards) -> Iterator[Trigger]:
    """The triggers that fired and do not, but of partitions where that of the whole does not either."""
    off = {each for each, on in after.triggers.items() if not on and before.triggers.get(each)}
    yield from sorted(
        (each for each in off if after.parts.get(each) not in off),
        key=lambda each: (each.table, each.name),
    )


def _silent(each: Trigger, when: str, help_: str = "") -> Unguarded:
    """A trigger that does not fire, or a constraint that none looks after."""
    if each.constraint_of is None:
        what = f"trigger {quoted(each.name)} of {_path(each.table)} {when}"
        what += f"what is written to {_path(each.table)} escapes it"
    else:
        what = f"constraint {quoted(each.name)} of {_path(each.constraint_of)} {when}"
        what += f"nothing looks at what is written to {_path(each.table)}"
    return Unguarded(
        each.ref,
        "OLD_WRITER",
        what,
        help_
        or "ENABLE TRIGGER in the same transaction: what is written meanwhile, nobody looks at",
        Severity.WARNING if each.constraint_of is None else Severity.ERROR,
        f"{each.name}:off",
    )


def _taken(before: World, after: World) -> Iterator[Unguarded]:
    """Rows that go, or lose a value, with one that they refer to, and stood in its way before."""
    columns = {(r.schema, r.name): {quoted(c.name) for c in r.columns} for r in before.relations}
    had = before.guards.deletes
    for each, now in after.guards.deletes.items():
        was = had.get(each)
        if now not in _DOES or was == now or was in _DOES:
            continue
        if each.target not in columns or not set(each.columns) <= columns.get(each.table, set()):
            continue  # nobody who deletes such a row knew the rows
        does = _DOES[now].format(", ".join(each.columns), _path(each.table))
        refused = was is not None
        yield Unguarded(
            Ref("table", each.target),
            "OLD_WRITER",
            f"deleting a row of {_path(each.target)} {does} that refer to it now, where it"
            + (" was refused" if refused else " left them be"),
            "look whether somebody deletes and relies on being refused"
            if refused
            else "look whether somebody deletes such rows",
            Severity.WARNING if refused else Severity.INFO,
            f"{_path(each.table)}({', '.join(each.columns)}):deletes",
        )


_DOES = {
    "c": "takes the rows of {1} with it",
    "n": "sets {0} to NULL in the rows of {1}",
    "d": "sets {0} to its default in the rows of {1}",
}


# Away --------------------------------------------------------------------------------------------


def away(before: Guards, now: Guards, after: Guards) -> Iterator[Unguarded]:
    """What is not there `now`, between two transactions, and is there behind them as before."""
    for table in sorted(before.secured.keys() & after.secured.keys() & now.tables.keys()):
        if table not in now.secured:
            yield _meanwhile(
                Ref("table", table), f"row security of {_path(table)} is off", opened=True
            )
        elif before.forced(table) and after.forced(table) and not now.forced(table):
            what = (
                f"row security of {_path(table)} is not forced: its policies do not bind its owner"
            )
            yield _meanwhile(Ref("table", table), what, opened=True)
    yield from _policies_away(before, now, after)
    yield from _closed(before, now, after)
    again = {each for each, on in after.triggers.items() if on and before.triggers.get(each)}
    for each in sorted(again, key=lambda each: (each.table, each.name)):
        own = each.constraint_of is None
        if (
            each.table not in now.tables
            or now.triggers.get(each, not own)
            or (after.parts.get(each) in again)
        ):
            continue
        yield _silent(each, "is off until a later transaction: ", _TOGETHER)


def _policies_away(before: Guards, now: Guards, after: Guards) -> Iterator[Unguarded]:
    made, later = _made(before, now), _made(now, after)
    for (table, name), permissive in sorted(before.policies.items()):
        if (table, name) in now.policies or table not in now.secured or table not in before.secured:
            continue
        if (table, permissive) in made or (table, permissive) not in later:
            continue  # another one is there already, or none comes
        does = "nobody sees the rows that it lets through"
        if not permissive:
            does = "the rows that it withholds can be seen"
        what = f"policy {quoted(name)} of {_path(table)} is not there: {does}"
        yield _meanwhile(Ref("table", table), what, name, opened=not permissive)


def _closed(before: Guards, now: Guards, after: Guards) -> Iterator[Unguarded]:
    """Tables whose row security comes before their policies."""
    some = {table for table, _ in now.policies}
    later = {table for table, _ in after.policies}
    for table in sorted(now.secured.keys() - before.secured.keys()):
        if table in before.tables and table in later and table not in some:
            what = f"row security of {_path(table)} is on, and it has no policy: nobody sees a row"
            yield _meanwhile(Ref("table", table), what, opened=False)


_TOGETHER = "let what takes it away and what makes it again be one transaction"


def _meanwhile(ref: Ref, what: str, name: str = "", *, opened: bool) -> Unguarded:
    return Unguarded(
        ref,
        "LOST_PROTECTION" if opened else "OLD_READER",
        f"{what}, until a later transaction",
        _TOGETHER,
        Severity.ERROR if opened else Severity.WARNING,
        f"{name}:away",
    )


def superusers(guards: Guards) -> Collection[str]:
    """The roles that may do everything."""
    return {role for role, how in guards.roles.items() if how == "is a superuser"}
