"""Whether tenants can get at each other's rows, found by becoming a role and trying.

A shadow of the schema gets two tenants with twin rows; then every statement that a runtime role
could use is tried as that role in tenant A's name, aimed at tenant B's rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ringfence.errors import Bug, Misuse, Refused
from ringfence.finding import counted
from ringfence.isolation import (
    aside,
    branches,
    calls,
    corners,
    making,
    notified,
    people,
    trusted,
    unnamed,
)
from ringfence.isolation import estate as estates
from ringfence.isolation import surface as surfaces
from ringfence.isolation.estate import Estate
from ringfence.isolation.judge import Cell, Examiner, State
from ringfence.isolation.prober import TIMEOUT, Prober
from ringfence.isolation.probes import HELPERS
from ringfence.model import quoted
from ringfence.seed import Model, Shape, disposable, model, seed
from ringfence.seed import read as read_shape
from ringfence.seed.tenancy import untold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

    from ringfence.config import Tenancy
    from ringfence.isolation.estate import Fixture
    from ringfence.isolation.surface import Role, Surface
    from ringfence.pg.connect import Target

__all__ = [
    "Cell",
    "Examiner",
    "Ground",
    "State",
    "Who",
    "again",
    "everything",
    "kept",
    "look",
    "not_understood",
    "other_tenancies",
    "prepare",
    "who",
]


@dataclass(frozen=True)
class Who:
    """Whose rows are whose and who looks: the tenancy, and the roles that work at run time.

    `inferred` says that the roles were found by their grants rather than named. `idle` are those that
    bypass row security and that nobody logs in as, nor can become: nobody works as one.
    """

    shape: Shape
    model: Model
    roles: tuple[Role, ...]
    inferred: bool
    idle: tuple[str, ...] = ()

    def shown(self) -> str:
        """In one line."""
        root, model = self.model.root, self.model
        said = f"tenants are the rows of {root.path}" if root else "no tenants"
        if model.columns:
            said = f"tenants are what stands in {model.column}, in {counted(len(model.columns), 'table')}"
        if members := self.model.members:
            place = f"{self.shape.tables[members.table].path}.{quoted(members.person)}"
            said += f", whose members {place} lists, one named by {members.setting}"
        elif self.model.setting:
            said += f", named by {self.model.setting}"
        said += f"; roles {', '.join(r.name for r in self.roles)}"
        return said + (" (found by their grants)" if self.inferred else "")


def who(conn: Connection[Any], tenancy: Tenancy, exclude: Sequence[str]) -> Who:
    """The tenancy of the database that `conn` is in. Reads only.

    Raises `Misuse` for a role that does not exist and `Refused` for one that no policy binds.
    """
    shape = read_shape(conn, exclude_schemas=exclude)
    found = model(shape, tenancy)
    known = surfaces.roles(conn)
    names: Sequence[str] = tenancy.roles
    if not names and found.tenanted:
        tables = [oid for oid, table in shape.tables.items() if found.scoped(table)]
        names = [row["name"] for row in surfaces.rows(conn, "granted", tables=tables)]
    roles = []
    for name in names:
        if name not in known:
            raise Misuse(
                f"[tool.ringfence.tenancy] roles names {name}, and there is no such role",
                hint=f"there are: {', '.join(r for r in known if not r.startswith('pg_'))}",
            )
        if known[name].superuser:
            raise Refused(
                f"role {name} is a superuser: row security does not bind it, so trying as it"
                " would prove nothing",
                hint="name in [tool.ringfence.tenancy] roles what the application works as",
            )
        roles.append(known[name])
    idle: list[str] = []
    if not tenancy.roles:
        idle = [r.name for r in roles if r.bypasses and not _worked_as(r, known)]
    at_work = tuple(r for r in roles if r.name not in idle)
    return Who(shape, found, at_work, not tenancy.roles, tuple(idle))


def _worked_as(role: Role, known: Mapping[str, Role]) -> bool:
    """Whether somebody logs in as the role, or becomes it."""
    return role.logs_in or any(role.name in r.becomes for r in known.values() if not r.superuser)


def other_tenancies(conn: Connection[Any], exclude: Sequence[str]) -> list[str]:
    """Signs of tenants that nothing here can try as, in words. Reads only."""
    words = {
        "roles": "policies go by who is logged in ({}): tenants that are database roles are not tried as",
        "schemas": "tables of one name are in several schemas, for different roles ({}): tenants that"
        " have a schema each are not tried as",
    }
    rows = surfaces.rows(conn, "other_tenancies", exclude=list(exclude))
    return [words[row["sign"]].format(row["said"]) for row in rows]


def not_understood(who: Who) -> list[str]:
    """Tables whose policies ask a setting that nobody knows to name tenants, in words."""
    return [
        f"policies of {who.shape.tables[oid].path} ask {setting}, and which column that names is not known"
        for oid, setting in untold(who.shape, who.model).items()
    ]


def owners_members(conn: Connection[Any], who: Who) -> list[tuple[str, str, str]]:
    """Roles that people work as, an owner of tenants' tables that each is a member of, and the tables.

    Those that were named or found are such roles; so is who logs in, is no superuser, and was granted
    something on the tables itself.
    """
    tables = [oid for oid, table in who.shape.tables.items() if who.model.scoped(table)]
    rows = surfaces.rows(conn, "members", tables=tables, roles=[role.name for role in who.roles])
    return [(str(r["role"]), str(r["owner"]), str(r["owned"])) for r in rows]


@dataclass(frozen=True)
class Ground:
    """A shadow that is ready to be tried on."""

    conn: Connection[Any]
    who: Who
    estate: Estate
    fixture: Fixture
    surface: Surface
    version: int
    exclude: Sequence[str] = ()
    reached: Target | None = None

    @property
    def target(self) -> Target:
        """How the shadow is reached, by who must see it from another session."""
        if self.reached is None:
            raise Bug("nobody said how the shadow is reached")
        return self.reached

    def examiner(self) -> Examiner:
        """Somebody to try everything, in a transaction that is open already."""
        prober = Prober(self.conn, self.estate, self.who.model.setting)
        pairs = branches.rows(self.fixture, self.who.roles)
        return Examiner(
            prober, self.fixture, self.surface, self.who.roles, self.version, pairs=pairs
        )

    def begin(self) -> None:
        """Begin the transaction that everything is tried in."""
        self.conn.execute(
            f"BEGIN; SET LOCAL statement_timeout = '{TIMEOUT}'; SET LOCAL lock_timeout = '{TIMEOUT}';"
            " SET LOCAL jit = off; SET LOCAL lc_messages = 'C'; SET LOCAL client_min_messages = notice;"
            " SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, MDY';"
            # Made where triggers on DDL do not see it.
            f" SET LOCAL session_replication_role = replica; {'; '.join(HELPERS.values())};"
            " SET LOCAL session_replication_role = origin"
        )


def prepare(
    conn: Connection[Any],
    tenancy: Tenancy,
    roles: Who,
    exclude: Sequence[str],
    target: Target | None = None,
) -> Ground:
    """Two tenants' rows in the empty shadow that `conn`, a superuser's, is in.

    Raises what `seed` raises where no rows can be found for a table.
    """
    conn.prepare_threshold = None  # psycopg deallocates everything when it sees DDL, ours too
    seeded = seed(
        conn, tenants=2, rows=estates.ROWS, seed=1, tenancy=tenancy, exclude_schemas=exclude
    )
    shape = read_shape(conn, exclude_schemas=exclude)
    here = people.assigned(conn, Estate(shape, model(shape, tenancy)), seeded.tenants)
    estate = Estate(shape, here)
    names = sorted({r.name for r in roles.roles} | {b for r in roles.roles for b in r.becomes})
    surface = surfaces.read(conn, names, exclude)

    more = partial(_more, roles=roles.roles)
    fixture = estates.make(conn, estate, surface, seeded.tenants, more)
    found = replace(roles, shape=shape, model=here)
    return Ground(conn, found, estate, fixture, surface, conn.info.server_version, exclude, target)


MANY = 5000
"""How many rows of tenants' there may be where those that are there are used."""


def may_be_used(conn: Connection[Any], shown: str) -> None:
    """Raise `Refused` for a database that nobody gave away, and for who may not do everything there."""
    if not disposable(conn):
        raise Refused(
            f"{shown} is not marked disposable: --in-place changes rows there, and undoes it",
            hint="ringfence db mark-disposable, where nobody works in it; or leave --in-place away",
        )
    row = conn.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is None or not row[0]:
        raise Refused(
            f"--in-place takes a superuser at {shown}, who can become any role",
            hint="leave --in-place away: a shadow is made where one is superuser",
        )


def occupy(
    conn: Connection[Any],
    tenancy: Tenancy,
    roles: Who,
    exclude: Sequence[str],
    target: Target,
) -> Ground:
    """The database that `conn`, a superuser's, is in, with the rows that two of its tenants have.

    A transaction is open on it then. Raises `Refused` where there are no two tenants, or more rows
    than can be compared with every statement.
    """
    conn.prepare_threshold = None
    shape = read_shape(conn, exclude_schemas=exclude)
    here = model(shape, tenancy)
    estate = Estate(shape, here)
    names = sorted({r.name for r in roles.roles} | {b for r in roles.roles for b in r.becomes})
    surface = surfaces.read(conn, names, exclude)
    parts = " UNION ALL ".join(
        f"(SELECT FROM {estates.lying(t)} LIMIT {MANY + 1})" for t in estate.tables.values()
    )
    answer = conn.execute(f"SELECT count(*) FROM ({parts}) AS rows").fetchone()
    if answer is not None and int(answer[0]) > MANY:
        raise Refused(
            f"tenants have more than {MANY} rows there, and all of them are compared with every statement",
            hint="leave --in-place away: a shadow has few rows",
        )
    found = Ground(
        conn,
        replace(roles, shape=shape, model=here),
        estate,
        estates.Fixture(conn, estate, surface, "", ""),
        surface,
        conn.info.server_version,
        exclude,
        target,
    )
    found.begin()
    tables: dict[str, set[int]] = {}
    for oid, _, owner, _ in conn.execute(estate.query):
        if owner:
            tables.setdefault(str(owner), set()).add(int(str(oid)))
    best = sorted(tables, key=lambda owner: (-len(tables[owner]), owner))[:2]
    if len(best) < 2:
        raise Refused(
            f"{here.root.path} has {len(best)} {'row' if len(best) == 1 else 'rows'}, and it takes two tenants"
            if here.root
            else f"{len(best)} tenants have rows there, and it takes two",
            hint="ringfence seed --tenants 2 makes some; or leave --in-place away",
        )
    # A person of each tenant's is told apart as in a shadow, which is undone too.
    estate = replace(estate, model=people.assigned(conn, estate, best))
    fixture = estates.make(conn, estate, surface, best, partial(_more, roles=roles.roles))
    who = replace(found.who, model=estate.model)
    return replace(found, who=who, estate=estate, fixture=fixture)


def _more(fixture: Fixture, roles: Sequence[Role]) -> None:
    people.strengthen(fixture, roles)
    making.make(fixture, roles)


def changed(ground: Ground) -> Ground:
    """The ground as it is after a change to the schema, within the transaction.

    Whose a row is does not change with it.
    """
    known = surfaces.roles(ground.conn)
    roles = tuple(known[r.name] for r in ground.who.roles)
    names = sorted({r for role in roles for r in (role.name, *role.becomes)})
    shape = read_shape(ground.conn, exclude_schemas=ground.exclude)
    surface = surfaces.read(ground.conn, names, ground.exclude)
    estate = replace(ground.estate, shape=shape)
    return replace(
        ground,
        who=replace(ground.who, roles=roles),
        estate=estate,
        surface=surface,
        fixture=replace(ground.fixture, estate=estate, surface=surface),
    )


def again(ground: Ground) -> tuple[Ground, list[Cell]]:
    """Try everything on a shadow that was changed within the transaction."""
    now = changed(ground)
    return now, look(now.examiner())


def look(examiner: Examiner) -> list[Cell]:
    """Try everything that one session can."""
    examiner.examine()
    calls.examine(examiner)
    corners.examine(examiner)
    unnamed.examine(examiner)
    trusted.examine(examiner)
    notified.examine(examiner)
    aside.examine(examiner)
    return examiner.cells


def everything(examiner: Examiner, fresh: Connection[Any]) -> list[Cell]:
    """Try everything, also in transactions of `fresh`, a superuser's session on the same shadow that
    has never named a tenant."""
    look(examiner)
    examiner.cells += branches.missing(examiner)
    examiner.cells += corners.unset(examiner, fresh)
    examiner.cells += corners.stale(examiner, fresh)
    return examiner.cells


def kept(cells: Sequence[Cell]) -> Mapping[State, int]:
    """How many cells there are of each state."""
    return {state: sum(c.state is state for c in cells) for state in State}
