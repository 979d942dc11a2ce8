"""What a revision was planned on, and whether the database that it is about to run on is still that.

`ringfence plan` says in the file what each object was that the revision changes:
`-- ringfence: planned-on: 18 table:shop.orders 6f2c0a1b9d3e4f57`, with the major version of the server
that said so. Where somebody has changed the object by hand since, the revision is not run unasked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringfence import made_again
from ringfence.change import diff
from ringfence.errors import BadProject, Busy, Refused, ServerError
from ringfence.finding import counted
from ringfence.hazards import DRIFT, allowed
from ringfence.model import Ref
from ringfence.pg.extract import extract

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    import psycopg

    from ringfence.config import Migrate
    from ringfence.model import Catalog, Fact
    from ringfence.revisions import Revision
    from ringfence.script import Script
    from ringfence.step import Step

_ELSEWHERE = frozenset(
    {"owner", "grant", "default_acl", "comment", "security_label", "partition", "statistics"}
)
"""Kinds that differ between databases that revisions fit alike."""


class Drifted(Refused):
    """Somebody has changed what a revision was planned on."""


def lines(before: Catalog, after: Catalog, first: Catalog, steps: Iterable[Step] = ()) -> list[str]:
    """What `planned-on` says of each object that is there before and is changed on the way.

    So is what the `steps` drop, though it is made again as it was: as the plan has it, not as
    somebody may have made it since; with whether a file says whose it is, and its grants. `first` is what the plan begins with: what only its own revisions
    make, nobody has changed.
    """
    roots = {
        _root(fact, catalog)
        for change in diff(before, after)
        for fact, catalog in ((change.old, before), (change.new, after))
        if fact is not None and change.ref.kind not in _ELSEWHERE
    }
    dropped = {
        step.ref
        for step in steps
        if step.verb == "drop" and step.ref in before.facts and step.ref.kind not in _ELSEWHERE
    }
    roots |= {_root(before.facts[ref], before) for ref in dropped}
    roots &= before.facts.keys() & first.facts.keys()
    marks = [(root, _mark(before, root)) for root in roots]
    marks += made_again.lines(before, after, roots & dropped)
    found = (f"{before.server_version // 10000} {ref} {mark}" for ref, mark in marks)
    return sorted(line for line in found if len(line.splitlines()) == 1)


def _root(fact: Fact, catalog: Catalog) -> Ref:
    while fact.parent is not None and fact.parent in catalog.facts:
        fact = catalog.facts[fact.parent]
    return fact.ref


def _mark(catalog: Catalog, root: Ref) -> str:
    """A digest of an object with all that hangs on it; empty where there is none."""
    if root not in catalog.facts:
        return ""
    todo, texts = [catalog.facts[root]], []
    while todo:
        fact = todo.pop()
        texts.append(repr((str(fact.ref), sorted(fact.attrs.items()))))
        todo += [f for f in catalog.children.get(fact.ref, ()) if f.ref.kind not in _ELSEWHERE]
    return hashlib.blake2b("\n".join(sorted(texts)).encode(), digest_size=8).hexdigest()


def refuse(
    connection: psycopg.Connection[tuple[object, ...]],
    config: Migrate,
    pending: Sequence[Revision],
    allow: Collection[str],
    tell: Callable[[str], None],
    changed: Collection[str] = (),
) -> None:
    """Raise `Refused` where an object that a revision changes is not what it was planned on.

    What revisions of these ids are about was `changed` by others or by themselves, and is let be.

    Each is looked at once, for the first revision that changes it: what is before the next one is
    that one's work, and what is not there yet may be to come from an earlier one. Behind a revision
    that does not say what it changes nothing is known. Where the configuration says that it is to
    `warn`, `tell` hears of it.
    """
    if config.drift == "off":
        return
    said = {entry: revision for revision, entry in _first(pending, changed)}
    if not said:
        return
    major = connection.info.server_version // 10000
    other = sorted({planned for planned, _, _ in said if planned != major})
    if other:
        tell(
            f"planned on PostgreSQL {', '.join(map(str, other))}, and this is {major}:"
            " not compared with what it was planned on"
        )
    try:
        found = extract(connection, exclude=(config.schema,))
        role = str(connection.execute("SELECT current_user").fetchall()[0][0])
    except (Busy, ServerError) as error:
        tell(f"not compared with what it was planned on: {error.message}")
        return
    said = {entry: revision for entry, revision in said.items() if entry[0] == major}
    told = [t for t in _told(found, said, pending, role) if not allowed(t.name, allow)]
    if told and config.drift == "warn":
        for one in told:
            tell(f"somebody has changed the database: {one.text}")
    elif told:
        names = dict.fromkeys(one.name for one in told)
        raise Drifted(
            f"{counted(len(names), 'object')} changed since revision {told[0].revision} was planned",
            detail="\n".join(one.text for one in told),
            hint="; ".join(dict.fromkeys(one.hint for one in told))
            + "; to run it all the same: "
            + " ".join(f"--allow '{name}'" for name in names),
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """An object that is not what it was planned on, and what to do about it."""

    ref: Ref
    text: str
    hint: str
    revision: Revision

    @property
    def name(self) -> str:
        return f"{DRIFT}:{self.ref.path}"


_DIFFERS = "ringfence verify shows what differs: put it in a revision, or undo it"


def _told(
    found: Catalog,
    said: Mapping[tuple[int, Ref, str], Revision],
    pending: Sequence[Revision],
    role: str,
) -> Iterator[_Told]:
    again: dict[Revision, dict[Ref, str]] = {}
    for (_, ref, mark), revision in said.items():
        if ref.kind in made_again.KINDS:
            again.setdefault(revision, {})[ref] = mark
            continue
        now = _mark(found, ref)
        to_come = not now and revision is not pending[0]
        if now != mark and not to_come:
            what = "is not there any more" if not now else "is not what it was planned on"
            yield _Told(ref, f"{ref.kind.replace('_', ' ')} {ref.path} {what}", _DIFFERS, revision)
    for revision, marks in again.items():
        before = pending[: pending.index(revision)]
        for ref, text, hint in made_again.lost(found, marks, role, before):
            yield _Told(ref, text, hint or _DIFFERS, revision)


def _first(
    pending: Iterable[Revision], changed: Collection[str]
) -> Iterable[tuple[Revision, tuple[int, Ref, str]]]:
    seen: set[Ref] = set()
    for revision in pending:
        entries = entries_of(revision.script("up")) if revision.sql else ()
        for entry in entries:
            if entry[1] not in seen:
                seen.add(entry[1])
                if revision.id not in changed:
                    yield revision, entry
        if not entries:
            return


def entries_of(text: Script) -> tuple[tuple[int, Ref, str], ...]:
    """What a file says that it was planned on. Raises `BadProject` on what cannot be read."""
    return tuple(_entry(text, line) for line in text.said("planned-on"))


def _entry(text: Script, line: str) -> tuple[int, Ref, str]:
    major, _, rest = line.partition(" ")
    name, _, mark = rest.rpartition(" ")
    try:
        return int(major), Ref.parse(name), mark
    except ValueError:
        raise BadProject(
            f"{text.path}: planned-on says {line!r}",
            hint="ringfence plan writes these lines: leave it out, or plan anew",
        ) from None
