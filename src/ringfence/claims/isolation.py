"""No tenant gets at another tenant's rows.

Row security that looks right may not be: a table without a policy, a view that works as its owner, a
foreign key that looks past policies. So this claim does not read policies, it becomes the role. On
a shadow with the target's schema and two tenants of its own making, every statement that a runtime
role could use is tried in tenant A's name, aimed at tenant B's rows, and undone.

A probe passes only if A gets nothing of B's, the same statement reaches A's own twin of the row, and
a superuser reaches B's row with it. Whatever shows less is inconclusive and counts against the
coverage, which must be `--require-coverage` per cent (100).

Who the tenants are comes from `[tool.ringfence.tenancy]`, else from policies and foreign keys; the
roles from there, else from grants. What is known and accepted is named under
`[[tool.ringfence.accepted]]`, with a reason and the day it ends.

Looked at: tables, partitions, views, materialized views, sequences, functions, procedures, aggregates
and large objects that the roles may use, and triggers on DDL. Not looked at: what a planner's estimates
and a query's time tell, and code outside the database.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import psycopg

from ringfence.claims import claim
from ringfence.errors import Error
from ringfence.finding import Basis, Finding, Severity
from ringfence.isolation import causes as sorting
from ringfence.isolation import (
    corners,
    everything,
    fixes,
    kept,
    may_be_used,
    not_understood,
    occupy,
    other_tenancies,
    owners_members,
    prepare,
    repro,
    who,
)
from ringfence.isolation.judge import State
from ringfence.kinds._sql import ident
from ringfence.model import Ref
from ringfence.pg.connect import connect, server_error, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.claims import Case, Verdict
    from ringfence.isolation import Cell, Examiner, Ground, Who
    from ringfence.isolation.causes import Cause


@claim("isolation", "no tenant gets at another tenant's rows", "probe", aside=True)
def isolation(case: Case, verdict: Verdict) -> None:
    """Try everything on a shadow and report what let something through, by its cause."""
    with trial(case, verdict) as ground:
        if ground is None:
            return
        with connect(ground.target) as fresh:
            examiner = ground.examiner()
            everything(examiner, fresh)
            case.cells += examiner.cells
            _report(verdict, ground, examiner, case.require_coverage)


@contextmanager
def trial(case: Case, verdict: Verdict) -> Iterator[Ground | None]:
    """A shadow ready to be tried on, in a transaction; None where there is none, and why is said."""
    tenancy = case.project.config.tenancy
    exclude = (case.project.config.migrate.schema,)
    if case.in_place:
        may_be_used(case.connection, case.shown)
    with translated(case.connection):
        found = who(case.connection, tenancy, exclude)
    if not found.model.tenanted:
        verdict.skipped = (
            "there are no tenants: [tool.ringfence.tenancy] names no root, and no policy compares a"
            " column with a setting"
        )
        with translated(case.connection):
            signs = [*not_understood(found), *other_tenancies(case.connection, exclude)]
        verdict.findings += [
            Finding(
                "isolation/not-tried",
                Severity.WARNING,
                f"whether tenants get at each other's rows is not known: {sign}",
                help="what is tried here are tenants that a setting of the session names",
            )
            for sign in signs
        ]
        yield None
        return
    if not found.roles:
        with translated(case.connection):
            members = owners_members(case.connection, found)
        _members(verdict, members)
        _no(
            verdict,
            "no-role",
            "no role but the owner may use tenants' tables: there is nobody to try as",
            help_='name in [tool.ringfence.tenancy] what the application works as: roles = ["…"]',
        )
        yield None
        return
    with ExitStack() as stack:
        try:
            if case.in_place:
                ground = _there(case, found, exclude, stack)
            else:
                target = case.shadow(stack)
                connection = stack.enter_context(connect(target))
                stack.enter_context(translated(connection))
                ground = prepare(connection, tenancy, found, exclude, target)
                ground.begin()
        except (Error, psycopg.Error) as error:
            said = error if isinstance(error, Error) else server_error(error)
            _no(verdict, "inconclusive", f"nothing could be tried: {said.message}", help_=said.hint)
            ground = None
        yield ground
        if ground is not None:
            ground.conn.rollback()


def _there(case: Case, found: Who, exclude: Sequence[str], stack: ExitStack) -> Ground:
    """The database itself, in a transaction that is undone."""
    assert case.target is not None
    connection = stack.enter_context(connect(case.target))
    stack.enter_context(translated(connection))
    stack.callback(connection.rollback)
    return occupy(connection, case.project.config.tenancy, found, exclude, case.target)


def _report(verdict: Verdict, ground: Ground, examiner: Examiner, wanted: int) -> None:
    # What a role turns out not to be granted, further down than the catalog tells, is no question.
    cells = [c for c in examiner.cells if c.state is not State.NO_GRANT]
    counts = kept(cells)
    conclusive = len(cells) - counts[State.INCONCLUSIVE]
    share = 100 * conclusive // len(cells) if cells else 0
    verdict.checked = conclusive
    verdict.title = (
        f"no tenant gets at another tenant's rows ({ground.who.shown()}):"
        f" {share} % of {len(cells)} probes conclusive"
    )
    for role in ground.who.roles:
        if role.bypasses:
            _no(
                verdict,
                "role",
                f"role {role.name} bypasses row security: no policy binds it",
                ref=Ref("role", (role.name,)),
                fix=f"ALTER ROLE {role.name} NOBYPASSRLS;",
            )
    for name in ground.who.idle:
        verdict.findings.append(
            Finding(
                "isolation/idle-role",
                Severity.INFO,
                f"role {name} bypasses row security and may use tenants' tables; nobody logs in as it"
                " or can become it, so it was not tried as",
                Ref("role", (name,)),
                help="name it in [tool.ringfence.tenancy] roles where the application works as it",
            )
        )
    # What passes by being refused says nothing of what somebody may use, nor does a function.
    tried = {
        c.role
        for c in cells
        if not c.context and c.because != "refused" and c.ref.kind != "routine"
    }
    for role in ground.who.roles if tried else ():
        if role.name not in tried and not role.bypasses:
            verdict.findings.append(
                Finding(
                    "isolation/not-tried",
                    Severity.INFO if ground.who.inferred else Severity.WARNING,
                    f"role {role.name} can use no table of tenants: it was not tried as",
                    Ref("role", (role.name,)),
                    help="without USAGE on its schema a table cannot be used, whatever is granted on it",
                )
            )
    with translated(ground.conn):
        _members(verdict, owners_members(ground.conn, ground.who))
    found = sorting.Sorter(ground, cells, sorting.deletes(ground)).sort()
    sorting.try_fixes(ground, found, cells)
    verdict.findings += [_finding(examiner, cause) for cause in found]
    for relation, saw in corners.as_owner(examiner):
        verdict.findings.append(
            Finding(
                "isolation/not-forced",
                Severity.WARNING,
                f"row security of {relation.path} does not bind its owner, {relation.owner}",
                relation.ref,
                help="what works as the owner (a view, a function, a job) uses every tenant's rows",
                fix=f"ALTER TABLE {relation.sql} FORCE ROW LEVEL SECURITY;",
                evidence={"saw": saw},
            )
        )
    for view, bases in sorting.resting(ground, cells):
        verdict.findings.append(
            Finding(
                "isolation/rests-on-force",
                Severity.INFO,
                f"{view.path} works as its owner, {view.owner}, whom policies bind only as"
                f" {', '.join(bases)} {'is' if len(bases) == 1 else 'are'} FORCEd",
                view.ref,
                help=f"{fixes.invoker(view)} lets it rest on nothing"
                if ground.version >= 150000
                else "",
            )
        )
    _inconclusive(verdict, cells)
    _denied(verdict, cells)
    if share < wanted or not cells:
        _no(
            verdict,
            "coverage",
            f"{share} % of {len(cells)} probes are conclusive, {wanted} % are asked for",
            help_="--require-coverage N allows less",
        )


def _members(verdict: Verdict, members: Sequence[tuple[str, str, str]]) -> None:
    """Roles that people work as and that may switch row security off, being members of an owner."""
    for role, owner, tables in members:
        _no(
            verdict,
            "owner-member",
            f"role {role} is a member of {owner}, which owns {tables}: it can switch row security off",
            ref=Ref("role", (role,)),
            help_="what owns a table alters it, and one SET ROLE in an injected statement is enough",
            fix=f"REVOKE {ident(owner)} FROM {ident(role)};",
        )


def _finding(examiner: Examiner, cause: Cause) -> Finding:
    first = min(cause.cells, key=_telling)
    roles = dict.fromkeys(c.role for c in cause.cells)
    evidence: dict[str, str | int | bool] = {
        "role": ", ".join(roles),
        "leaks": len(cause.cells),
        "first": first.probe.name + (f" ({first.context} context)" if first.context else ""),
    }
    if first.saw:
        evidence["saw"] = first.saw
    if cause.also:
        evidence["also through"] = ", ".join(cause.also)
    fix = cause.fix
    help_ = cause.help
    if cause.fixed:
        evidence["fix"] = "tried on the shadow with the other fixes: it closes this"
    elif cause.fixed is False:
        evidence["fix"] = f"tried on the shadow, and not enough: {cause.why_not}"
    return Finding(
        cause.code,
        cause.severity,
        cause.message,
        cause.ref,
        help=help_,
        fix=fix,
        evidence=evidence,
        basis=Basis.MEASURED,
        reproduction=repro.script(examiner, first),
    )


def _telling(cell: Cell) -> tuple[bool, bool, int, bool]:
    """The plainest leak first: reading by name, then what changes rows, one before all of them."""
    order = ("select by key", "select", "delete by key", "update by key", "insert")
    name = cell.probe.name
    place = order.index(name) if name in order else len(order)
    return bool(cell.context), " unread" in name, place, not cell.saw


def _inconclusive(verdict: Verdict, cells: Sequence[Cell]) -> None:
    """What has shown nothing, by object and reason: it is neither safe nor unsafe."""
    groups: dict[tuple[Ref, str], list[Cell]] = {}
    for cell in cells:
        if cell.state is State.INCONCLUSIVE:
            groups.setdefault((cell.ref, cell.because), []).append(cell)
    for (ref, why), some in groups.items():
        names = ", ".join(dict.fromkeys(c.probe.name for c in some))
        verdict.findings.append(
            Finding(
                "isolation/inconclusive",
                Severity.WARNING,
                f"nothing is known of {names} on {ref.path}: {why}",
                ref,
                evidence={"probes": len(some)},
            )
        )


def _denied(verdict: Verdict, cells: Sequence[Cell]) -> None:
    """Where a role may not even reach its own tenant's rows although it was granted to."""
    groups: dict[tuple[Ref, str], list[Cell]] = {}
    for cell in cells:
        if cell.state is State.DENIED_ALL:
            groups.setdefault((cell.ref, cell.probe.verb), []).append(cell)
    for (ref, verb), some in groups.items():
        # One form of a statement may be refused where another works: a policy for INSERT alone.
        if any(
            c.ref == ref and c.probe.verb == verb and c.state is State.PASS and not c.context
            for c in cells
        ):
            continue
        verdict.findings.append(
            Finding(
                "isolation/denied-all",
                Severity.INFO,
                f"role {some[0].role} was granted {verb} on {ref.path} and reaches no row, not even"
                f" its own tenant's: {some[0].because}",
                ref,
            )
        )


def _no(
    verdict: Verdict,
    kind: str,
    message: str,
    *,
    ref: Ref | None = None,
    help_: str = "",
    fix: str = "",
) -> None:
    verdict.findings.append(
        Finding(f"isolation/{kind}", Severity.ERROR, message, ref, help=help_, fix=fix)
    )
