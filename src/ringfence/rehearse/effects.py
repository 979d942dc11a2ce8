"""What those find broken who knew the schema before, and the rows that are not there any more."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ringfence import rows
from ringfence.finding import Basis, Finding, Severity
from ringfence.model import Ref, quoted
from ringfence.rehearse import asroles, compat, guards, widths
from ringfence.rehearse.asks import asked

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence

    from ringfence.errors import Span
    from ringfence.pg.observe import Observed
    from ringfence.rehearse.asks import Asked
    from ringfence.rehearse.elsewhere import Otherwise
    from ringfence.rehearse.files import File
    from ringfence.rehearse.hazards import Part
    from ringfence.script import Statement


def broken(file: File, each: compat.Broken, during: int = 0) -> Finding:
    """What cannot be read, called or written as before, behind a file or one of its statements."""
    contract = file.up.phase == "contract"
    how = "called" if each.ref.kind == "routine" else _HOW[each.verb]
    severity = Severity.ERROR
    help_ = _EXPAND
    if contract:
        severity = Severity.INFO
        help_ = "it runs after the deploy: who used it has to be gone by then"
    elif each.doubt:
        severity, help_ = Severity.INFO, each.doubt
    elif each.likely:
        severity, help_ = Severity.WARNING, each.likely
    elif each.sqlstate in _LIKELY and not each.sure:
        severity, help_ = Severity.WARNING, _LIKELY[each.sqlstate]
    behind = file.name
    if during:
        behind = f"{_statement(file, during)} of {behind}"
    who = each.verb if each.verb in ("UPDATE", "DELETE") else ""
    found = _other(file, each.ref, "", severity, writes=each.writes, help_=help_, who=who)
    return replace(
        found,
        message=f"after {behind} {each.ref.path} cannot be {how} as before: {each.message}",
        evidence={"sqlstate": each.sqlstate} if each.sqlstate else {},
        span=file.up.span(file.up.statements[during - 1].start) if during else found.span,
        # It may be broken in another way behind the file.
        key=f"{found.key}:{during}" if during else found.key,
    )


_HOW = {"SELECT": "read", "INSERT": "written", "UPDATE": "updated", "DELETE": "deleted from"}


def reached(statements: Sequence[tuple[Statement, Observed]]) -> frozenset[str] | None:
    """The relations that it may be otherwise with behind some statements, by name; None for any.

    What is read and called is looked at again behind the file: this is for what comes in between.
    """
    found: set[str] = set()
    for statement, seen in statements:
        first, second = (*statement.words, "", "")[:2]
        if first in _LEAVES_ALONE:
            continue
        if second not in _BY_RELATION or first not in {"ALTER", "CREATE", "DROP", "TRUNCATE"}:
            return None
        found |= {lock.relation for lock in seen.locks}
    return frozenset(found)


_LEAVES_ALONE = {
    "ANALYSE", "ANALYZE", "CHECKPOINT", "CLUSTER", "COMMENT", "COPY", "DELETE", "EXPLAIN", "GRANT",
    "INSERT", "LISTEN", "LOCK", "MERGE", "NOTIFY", "REFRESH", "REINDEX", "RESET", "SECURITY", "SET",
    "SHOW", "TABLE", "UPDATE", "VACUUM", "VALUES",
}  # fmt: skip
_BY_RELATION = {
    "CONSTRAINT", "FOREIGN", "INDEX", "MATERIALIZED", "POLICY", "RULE", "SEQUENCE", "STATISTICS",
    "TABLE", "TRIGGER", "UNIQUE", "UNLOGGED", "VIEW",
}  # fmt: skip
"""Words behind ALTER, CREATE and DROP of what is, or hangs on, a relation that is locked for it."""

_EXPAND = "expand first, contract later: let both forms stand until nobody uses the old one"
_LIKELY = {
    "P0001": "the row was made up: look whether the trigger takes those that are written",
    "23514": "the row was made up: look whether such are still written",
}
"""What a trigger of somebody's raises, and that no partition takes a row."""


def changed(
    file: File,
    before: compat.World,
    after: compat.World,
    broken: set[tuple[Ref, str]],
    told: set[Hashable],
) -> Iterator[Finding]:
    """What is there still and reads otherwise, or may not be used any more.

    It is added to `broken`, or to `told`: what earlier files have done is told with those.
    """
    contract = file.up.phase == "contract"
    grave = Severity.INFO if contract else Severity.WARNING
    for relation, old, new in compat.retyped(before, after):
        ref = Ref("column", (relation.schema, relation.name, old.name))
        writes = widths.holds(old.type, new.type) and not widths.holds(new.type, old.type)
        key = (ref, "INSERT" if writes else "SELECT")
        if key not in broken:
            broken.add(key)
            how = f"takes {new.type}" if writes else f"is read as {new.type}"
            was = old.type if writes else f"as {old.type}"
            severity = Severity.INFO if widths.holds(new.type, old.type) else grave
            said = f"{ref.path} {how}, before {was}"
            help_ = "" if severity is Severity.INFO else _EXPAND
            yield _other(file, ref, said, severity, writes=writes, help_=help_)
        if not writes and widths.narrower(new.type, old.type) and (ref, "INSERT") not in broken:
            broken.add((ref, "INSERT"))
            said = f"{ref.path} takes {new.type}, before {old.type}"
            help_ = "" if contract else _EXPAND
            yield _other(file, ref, said, grave, writes=True, help_=help_)
    for was_, now in compat.returned(before, after):
        if (was_.ref, "result") not in told:
            told.add((was_.ref, "result"))
            said = f"{was_.ref.path} returns {now.result}, before {was_.result}"
            help_ = "" if contract else _EXPAND
            yield _other(file, was_.ref, said, grave, help_=help_, who="result")
    for lost in compat.unkept(before, after, broken):
        if (lost.ref, lost.key) not in told:
            told.add((lost.ref, lost.key))
            severity = Severity.ERROR if lost.sure else Severity.WARNING
            if contract and lost.ref.kind != "sequence":
                severity = Severity.INFO
            yield _other(
                file,
                lost.ref,
                lost.message,
                severity,
                writes=True,
                help_=lost.help,
                who=lost.key,
            )
    yield from newly(file, asked(before, after), broken, told)
    for each in guards.lost(before, after):
        if (each.ref, each.key) not in told:
            told.add((each.ref, each.key))
            yield unguarded(file, each)
    for ref, writes, role, every in compat.revoked(before, after):
        rights = [right for right in every if (ref, role, right) not in told]
        told |= {(ref, role, right) for right in rights}
        if not rights:
            continue
        help_ = "revoke it when no release uses it any more: -- ringfence: phase: contract"
        yield _other(
            file,
            ref,
            f"role {role} may not {', '.join(rights)} on {ref.path} any more",
            Severity.INFO if contract else Severity.ERROR,
            writes=writes,
            help_="" if contract else help_,
            who=role,
        )
    for ref, writes, role, every in compat.shut_out(before, after):
        rights = [right for right in every if (ref, role, right, "rows") not in told]
        told |= {(ref, role, right, "rows") for right in rights}
        if rights:
            yield _other(
                file,
                ref,
                f"role {role} can {', '.join(rights)} no row of {ref.path} any more: its row security"
                " lets none through",
                grave,
                writes=writes,
                help_=""
                if contract
                else "CREATE POLICY for those who use it, in the same transaction",
                who=f"{role}:rows",
            )
    gone = {
        (ref, role, right.split()[0])
        for ref, _, role, its in compat.revoked(before, after)
        for right in its
    }
    yield from _as_roles(file, asroles.lost(before.as_roles, after.as_roles), gone, told)
    for routine, what in compat.mentions(after, before):
        if not broken & {(routine.ref, "SELECT"), (routine.ref, "INSERT")}:
            broken.add((routine.ref, "INSERT"))
            said = f"the body of {routine.ref.path} still has the name of {what}, which is gone"
            help_ = "PostgreSQL reads a body when it runs: replace the function too"
            found = _other(file, routine.ref, said, Severity.WARNING, help_=help_)
            yield replace(found, span=None, basis=Basis.STATIC, key="")


def unguarded(file: File, each: guards.Unguarded, during: int = 0) -> Finding:
    """A guard that is gone behind a file, or away behind one of its statements."""
    behind, span = file.name, place(file, each.ref)
    if during:
        behind = f"{_statement(file, during)} of {behind}"
        span = file.up.span(file.up.statements[during - 1].start)
    return Finding(
        each.code,
        each.severity,
        f"after {behind} {each.message}",
        each.ref,
        span,
        help=each.help,
        basis=Basis.MEASURED,
        key=f"{file.name}:{each.ref}:{each.key}",
    )


def _statement(file: File, number: int) -> str:
    """Which of a file's statements one is: BEGIN and COMMIT are none of theirs."""
    numbers = [n for block in file.up.blocks for n in block.numbers]
    return f"statement {numbers.index(number) + 1}"


def _as_roles(
    file: File,
    found: Iterable[tuple[asroles.Deed, str]],
    gone: Collection[tuple[Ref, str, str]],
    told: set[Hashable],
) -> Iterator[Finding]:
    """What roles can do to tables no more, but of rights that are `gone`. It is added to `told`."""
    for (schema, name, role, right), why in found:
        ref = Ref("table", (schema, name))
        if told & {(ref, role, right), (ref, role, right, "rows")} or (ref, role, right) in gone:
            continue
        told.add((ref, role, right))
        rows = "row-level security" in why
        severity = Severity.INFO if rows else Severity.ERROR
        yield _other(
            file,
            ref,
            f"role {role} may {right} on {ref.path} and cannot any more: {why}",
            Severity.INFO if file.up.phase == "contract" else severity,
            writes=right != "SELECT",
            help_="look whether it does so: the rows were made up, and no settings made"
            if rows
            else "grant it what a trigger, a default or a policy needs of it, in the same transaction",
            who=f"{role}:{right}",
        )


def newly(
    file: File,
    found: Iterable[Asked],
    broken: Collection[tuple[Ref, str]],
    told: set[Hashable],
) -> Iterator[Finding]:
    """What is asked of writers from now on, but of what cannot be read. It is added to `told`."""
    contract = file.up.phase == "contract"
    for each in found:
        if (each.ref, each.key) not in told and (each.ref, "SELECT") not in broken:
            told.add((each.ref, each.key))
            severity = Severity.INFO if contract else each.severity
            yield _other(
                file, each.ref, each.message, severity, writes=True, help_=each.help, who=each.key
            )


def unlogged(
    file: File, before: compat.World, after: compat.World, told: set[Hashable]
) -> Iterator[Finding]:
    """Tables whose rows a crash takes from now on. They are added to `told`."""
    kept = {(r.schema, r.name) for r in before.relations if r.kind == "r" and not r.unlogged}
    for relation in after.relations:
        if not relation.unlogged or (relation.schema, relation.name) not in kept:
            continue
        if (relation.ref, "unlogged") in told:
            continue
        told.add((relation.ref, "unlogged"))
        yield Finding(
            "DATA_LOSS",
            Severity.ERROR,
            f"after {file.name} {relation.ref.path} is unlogged: a crash of the server empties it, and"
            " no replica has its rows",
            relation.ref,
            place(file, relation.ref),
            help="leave it logged where its rows are wanted after a crash",
            basis=Basis.MEASURED,
            key=f"{file.name}:{relation.ref}:unlogged",
        )


def otherwise(file: File, found: Iterable[Otherwise], told: set[Hashable]) -> Iterator[Finding]:
    """What is read otherwise by the name it had. It is added to `told`."""
    contract = file.up.phase == "contract"
    for each in found:
        if (each.ref, each.bare) in told:
            continue
        told.add((each.ref, each.bare))
        severity = Severity.ERROR if each.bare else Severity.WARNING
        yield _other(
            file,
            each.ref,
            each.message,
            Severity.INFO if contract else severity,
            help_="" if contract else each.help,
            who="by name",
        )


def _other(
    file: File,
    ref: Ref,
    said: str,
    severity: Severity,
    *,
    writes: bool = False,
    help_: str = "",
    who: str = "",
) -> Finding:
    """Something that is otherwise behind a file than those knew who came before it."""
    return Finding(
        "OLD_WRITER" if writes else "OLD_READER",
        severity,
        f"after {file.name} {said}",
        ref,
        place(file, ref),
        help=help_,
        basis=Basis.MEASURED,
        key=":".join(filter(None, (file.name, str(ref), who))),
    )


@dataclass(frozen=True, slots=True)
class Lost:
    """Rows of a table that are gone, or the values of a column that are gone or others."""

    table: str
    column: str
    gone: bool

    @property
    def ref(self) -> Ref:
        """The table, or the column."""
        name = tuple(Ref.parse(f"table:{self.table}").name)
        return Ref("column", (*name, self.column)) if self.column else Ref("table", name)


def what(loss: rows.Loss) -> Lost:
    """What is lost, however much of it."""
    return Lost(loss.table, loss.column, loss.gone)


def losses(
    had: Mapping[int, rows.Held],
    now: Mapping[int, rows.Held],
    parts: Sequence[Part],
    mended: Collection[str],
    places: Mapping[Lost, Span | None],
    failed: File | None = None,
    relabelled: Collection[tuple[str, str]] = (),
) -> Iterator[Finding]:
    """Rows and values that are gone or others. Tables `mended` were changed by the rehearsal.

    Of enums `relabelled` a value has another name, which is told of the enum.

    Of what has no place the file that `failed` is to blame: it was not run again to find one.
    """
    written = {t for p in parts for s in p.statements for t in s.observed.changed}
    emptied = {t for p in parts for s in p.statements for t in s.observed.emptied}
    names = {
        n + a
        for s, t in relabelled
        for n in (quoted(t), Ref("enum", (s, t)).path)
        for a in ("", "[]")
    }
    for loss in rows.lost(had, now):
        if loss.table in mended:
            continue  # by us
        meant = loss.table in written or loss.table in emptied
        if not (loss.gone or meant) and _type(had, loss) in names:
            continue
        severity = Severity.ERROR if loss.gone else Severity.INFO if meant else Severity.WARNING
        yield Finding(
            "DATA_LOSS" if loss.gone else "DATA_CHANGED",
            severity,
            loss.message,
            what(loss).ref,
            _at(what(loss), places, failed),
            help=KEEP if loss.gone else "" if meant else _LOOK,
            basis=Basis.MEASURED,
        )


def _type(had: Mapping[int, rows.Held], loss: rows.Loss) -> str:
    """The type of the column whose values are others."""
    columns = (c for held in had.values() if held.path == loss.table for c in held.columns.values())
    return next((type_ for name, type_, _ in columns if name == loss.column), "")


def _at(lost: Lost, places: Mapping[Lost, Span | None], failed: File | None) -> Span | None:
    return place(failed, lost.ref) if failed and lost not in places else places.get(lost)


KEEP = "no statement brings them back: keep a copy where they may still be wanted"
_LOOK = "nothing in the file says so by an UPDATE: look whether it is meant"


def place(file: File, ref: Ref) -> Span | None:
    """The first statement of a file that names an object, else the first."""
    every = file.up.statements
    first = [file.up.span(every[n - 1].start) for block in file.up.blocks for n in block.numbers]
    return named(file, ref) or next(iter(first), None)


def named(file: File, ref: Ref) -> Span | None:
    """The first statement of a file that names an object."""
    every = file.up.statements
    statements = [every[n - 1] for block in file.up.blocks for n in block.numbers]
    name = next((part for part in reversed(ref.name) if not part.startswith("(")), "")
    word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])", re.IGNORECASE)
    return next((file.up.span(s.start) for s in statements if word.search(s.text)), None)
