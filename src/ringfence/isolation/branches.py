"""The branches of policies: each alternative of a condition is a way of its own to get at rows.

`tenant = … OR kind = 'public' AND published` shows nothing while no row is public. So every branch is to
have a row of B's in it, as far as what it asks of a row goes; what it asks of the session is left
aside. A branch without a row is named: nothing is known of it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg

from ringfence.isolation.estate import Row, lying, texts
from ringfence.isolation.judge import Cell, State
from ringfence.isolation.probes import Probe
from ringfence.kinds._sql import ident, literal
from ringfence.seed import checks, expression
from ringfence.seed.expression import Expr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.isolation.estate import Estate, Fixture
    from ringfence.isolation.judge import Examiner
    from ringfence.isolation.surface import Policy, Role, Surface
    from ringfence.seed.shape import Table

MOST = checks.MOST
"""How many branches of one policy are looked at; of one with more, that is said."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One way that a policy lets a row through.

    `conditions` are those on the row, as SQL; `leaves` the same as trees. `tied`: it also asks something
    that compares the row with the session. `lone`: it wants rows that have no tenant.
    `check` says that it is about new rows, `open_ended` that the policy has more branches than these.
    """

    table: int
    relation: int
    policy: str
    command: str
    conditions: tuple[str, ...]
    leaves: tuple[checks.Leaf, ...] = field(compare=False)
    tied: bool = False
    lone: bool = False
    check: bool = False
    open_ended: bool = False

    @property
    def said(self) -> str:
        """The branch as a person reads it."""
        return " AND ".join(self.conditions) or "true"


class Reader:
    """Takes policies apart, as they are for these roles."""

    def __init__(
        self, conn: Connection[Any], estate: Estate, surface: Surface, roles: Sequence[Role]
    ) -> None:
        self.conn = conn
        self.estate = estate
        self.surface = surface
        self.roles = roles
        self.now = self._clock()
        self.asking = _asking(surface)
        self.computed: dict[str, str | None] = {}

    def _clock(self) -> datetime:
        found = self.conn.execute("SELECT now()::text", prepare=False).fetchone()
        assert found is not None
        return datetime.fromisoformat(str(found[0]))

    def branches(self) -> list[Branch]:
        """The branches of all policies that one of the roles meets, each once."""
        found: dict[Branch, None] = {}
        for role in self.roles:
            for policy in self.surface.policies:
                if policy.permissive and _meets(policy, role):
                    found |= dict.fromkeys(self._of(policy, role))
        return list(found)

    def _of(self, policy: Policy, role: Role) -> Iterator[Branch]:
        relation = self.surface.relations.get(policy.relation)
        table = self.estate.table(relation) if relation is not None else None
        if relation is None or table is None or not relation.row_security:
            return
        said = dict.fromkeys((policy.using_expression, policy.check_expression))
        for text in said:
            if not text:
                continue
            check = text != policy.using_expression
            floor = [
                (other.check_expression if check else "") or other.using_expression
                for other in self.surface.policies
                if other.relation == policy.relation
                and not other.permissive
                and _meets(other, role)
                and ("*" in (other.command, policy.command) or other.command == policy.command)
            ]
            whole = " AND ".join(f"({part})" for part in (text, *floor) if part)
            tree = self._tree(_as(whole, role.name))
            many = list(islice(checks.alternatives(tree, True), MOST + 1))
            for leaves in many[:MOST]:
                branch = self._branch(policy, table, role, leaves, check=check)
                if branch is not None:
                    yield branch
            if len(many) > MOST:
                # Whether a row takes one of the others is not known.
                yield Branch(
                    table.oid, policy.relation, policy.name, policy.command, (), (), open_ended=True
                )

    def _tree(self, text: str) -> Expr:
        return expression.parse(text, now=self.now).replaced(self._compute)

    def _compute(self, expr: Expr) -> Expr:
        if expr.kind != "fixed" or self._of_session(expr.value):
            return expr
        if expr.value not in self.computed:
            answer = None
            with suppress(psycopg.Error), self.conn.transaction():
                answer = self.conn.execute(
                    f"SELECT ({expr.value})::text".encode(), prepare=False
                ).fetchone()
            self.computed[expr.value] = answer[0] if answer else None
        text = self.computed[expr.value]
        if text is None:
            return expr
        return Expr("const", text, volatile=expr.volatile, sql=expr.value)

    def _of_session(self, sql: str) -> bool:
        """Whether it depends on who asks."""
        return any(name in self.asking for name in expression.called(sql))

    def _branch(
        self,
        policy: Policy,
        table: Table,
        role: Role,
        leaves: Sequence[checks.Leaf],
        *,
        check: bool,
    ) -> Branch | None:
        own = self.estate.model.path.get(table.oid)
        whose = {self.estate.model.own(table), *(own.columns if own else ())} - {""}
        conditions: dict[str, None] = {}
        kept: list[checks.Leaf] = []
        tied = lone = False
        for expr, positive in leaves:
            sql = text_of(expr)
            if self._of_session(sql):
                if any(True for _ in expr.columns()) or re.search(r"\bFROM\b", sql):
                    tied = True
                elif not self._open(sql, role, positive=positive):
                    return None  # closed to a session that names its tenant and nothing else
                continue
            if expr.kind == "const":
                if (expr.value in ("true", "t")) != positive:
                    return None
                continue
            names = set(expr.columns())
            if positive and expr.kind == "is" and expr.value == "null" and names <= whose:
                lone = True
            conditions[f"({sql}) IS {'TRUE' if positive else 'FALSE'}"] = None
            kept.append((expr, positive))
        return Branch(
            table.oid, policy.relation, policy.name, policy.command, tuple(conditions), tuple(kept),
            tied, lone, check,
        )  # fmt: skip

    def _open(self, sql: str, role: Role, *, positive: bool) -> bool:
        """Whether a session of the role's that names tenant A is let through here."""
        model = self.estate.model
        lines = [f"SET LOCAL SESSION AUTHORIZATION {ident(role.name)}"]
        if model.setting:
            named = literal(model.named("ringfence"))
            lines.insert(0, f"SELECT set_config({literal(model.setting)}, {named}, true)")
        with suppress(psycopg.Error), self.conn.transaction(force_rollback=True):
            self.conn.execute("; ".join(lines))
            answer = self.conn.execute(f"SELECT ({sql})::boolean".encode(), prepare=False)
            found = answer.fetchone()
            return found is not None and found[0] is positive
        return False


def _asking(surface: Surface) -> frozenset[str]:
    """The functions whose answer depends on the session: those that read a setting or who it is, and
    those that call them."""
    known = {"current_setting", "current_role", "session_user", "current_user", "inet_client_addr"}
    bodies = {r.name: r.body for r in surface.routines}
    while True:
        said = re.compile(
            rf"(?<![\w$])(?:{'|'.join(map(re.escape, sorted(known)))})(?![\w$])", re.IGNORECASE
        )
        more = {name for name, body in bodies.items() if name not in known and said.search(body)}
        if not more:
            return frozenset(known)
        known |= more


_WHO = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\b(?:CURRENT_USER|SESSION_USER|CURRENT_ROLE)\b"
)


def _as(text: str, role: str) -> str:
    """A condition as it is for a role: its name in the place of what says it."""
    name = f"{literal(role).strip()}::name"
    return _WHO.sub(lambda m: m.group() if m.group()[0] in "'\"" else name, text)


def _meets(policy: Policy, role: Role) -> bool:
    return bool({"public", ident(role.name), role.name} & set(policy.roles)) or any(
        other in policy.roles or ident(other) in policy.roles for other in role.inherits
    )


def text_of(expr: Expr) -> str:
    """A leaf as the server reads it."""
    if expr.sql or expr.kind == "fixed":
        return expr.sql or expr.value
    if expr.kind == "is" and expr.args[0].sql:
        return f"({expr.args[0].sql}) IS {expr.value.upper()}"
    return expr.value if expr.kind in ("other", "const") else "false"


# Rows


def here(fixture: Fixture, branch: Branch, tenant: str | None) -> str:
    """The condition that a row is the tenant's, or nobody's, and in the branch."""
    table = fixture.estate.tables[branch.table]
    owner = fixture.estate.owner(table, alias_of(fixture, branch))
    whose = f"({owner}) = {literal(tenant)}" if tenant is not None else f"({owner}) IS NULL"
    return " AND ".join((whose, *branch.conditions))


def alias_of(fixture: Fixture, branch: Branch) -> str:
    """The name that the policy's condition knows its table by."""
    return ident(fixture.surface.relations[branch.relation].name)


def place(fixture: Fixture, branch: Branch, tenant: str | None) -> tuple[str, str] | str:
    """Where a row is that is in the branch: its table and its place there. Nothing where none is, or
    what the server says."""
    table = fixture.estate.tables[branch.table]
    query = (
        f"SELECT tableoid::regclass::text, ctid::text FROM {lying(table)} AS {alias_of(fixture, branch)}"
        f" WHERE {here(fixture, branch, tenant)} ORDER BY ctid LIMIT 1"
    )
    try:
        with fixture.conn.transaction():
            found = texts(fixture.conn.execute(query.encode(), prepare=False))
    except psycopg.Error as error:
        return error.diag.message_primary or str(error)
    return (str(found[0][0]), str(found[0][1])) if found else ""


_VERBS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "*": "SELECT"}


def missing(examiner: Examiner) -> Iterator[Cell]:
    """A cell for each branch that nothing is known of, with the reason."""
    fixture = examiner.fixture
    for role in examiner.roles:
        for branch in Reader(fixture.conn, fixture.estate, fixture.surface, [role]).branches():
            relation, verb = fixture.surface.relations[branch.relation], _VERBS[branch.command]
            if not relation.may(role.name, verb):
                continue
            if branch.open_ended:
                why = f"it has more than {MOST} branches"
            elif branch.tied or not branch.conditions:
                continue
            else:
                found = place(fixture, branch, None if branch.lone else fixture.b)
                if not isinstance(found, str):
                    continue
                whose = "without a tenant" if branch.lone else "of B's"
                why = f"no row {whose} could be made for its branch {branch.said}"
                why += f" ({found})" if found else ""
            probe = Probe(verb, f"policy {branch.policy}", "")
            yield Cell(role.name, relation.ref, relation.oid, probe, State.INCONCLUSIVE, why)


def rows(fixture: Fixture, roles: Sequence[Role]) -> Mapping[int, list[tuple[Row, Row]]]:
    """By relation, rows of A's and B's in branches for writing that the first of them are not in."""
    found: dict[int, list[tuple[Row, Row]]] = {}
    for branch in Reader(fixture.conn, fixture.estate, fixture.surface, roles).branches():
        if branch.tied or branch.lone or not branch.conditions:
            continue
        if branch.command in "r*" and not branch.check:
            continue  # reading tells
        pair = tuple(
            row
            for tenant in (fixture.a, fixture.b)
            if (row := _row(fixture, branch, place(fixture, branch, tenant), tenant)) is not None
        )
        first = fixture.twins(fixture.estate.tables[branch.table])
        some = found.setdefault(branch.relation, [])
        known = [theirs for _, theirs in some] + ([first[1]] if first is not None else [])
        if len(pair) == 2 and pair[1] not in known:
            some.append((pair[0], pair[1]))
    return found


def _row(fixture: Fixture, branch: Branch, where: tuple[str, str] | str, tenant: str) -> Row | None:
    mine: Iterable[Row] = fixture.rows[tenant].get(branch.table, ())
    return next((r for r in mine if (r.leaf, r.ctid) == where), None)
