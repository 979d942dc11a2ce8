"""Put revisions that are applied nowhere after those of another branch.

After a merge two branches may both follow the same revision, perhaps under the same number. What the
database has stays; the rest is given a new parent, and a new number where its own is taken.
"""

from __future__ import annotations

import ast
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringfence import lockfile, revisions
from ringfence.alone import alone
from ringfence.errors import Misuse, Refused
from ringfence.pg import ledger
from ringfence.pg.connect import connect
from ringfence.script import checksum

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from ringfence.pg.connect import Target
    from ringfence.project import Project
    from ringfence.revisions import Revision


@dataclass(frozen=True, slots=True)
class Moved:
    """A revision that was given another parent, and perhaps another number.

    `unmarked`: it said what it was planned on, which the other branch may have changed.
    """

    before: Revision
    id: str
    parent: str
    path: Path
    unmarked: bool = False


def rebase(project: Project, target: Target, names: Sequence[str] = ()) -> tuple[Moved, ...]:
    """Move these revisions (files' names or ids), or the branch that is not applied, to the end.

    Raises `Refused` where one of them is applied to the database, `Misuse` where it is not clear
    which branch is meant.
    """
    with alone(project):
        return _rebase(project, target, names)


def _rebase(project: Project, target: Target, names: Sequence[str]) -> tuple[Moved, ...]:
    found = _main_line(revisions.scan(project))
    applied = _applied(project, target, found)
    followed = _followed(found, applied, lockfile.sides(project))
    moving = _named(found, followed, names) if names else _unapplied(found, followed, applied)
    if not moving:
        return ()
    for revision in moving:
        if revision.path in applied:
            raise Refused(
                f"revision {revision} is applied to {target.shown}: it cannot be moved",
                hint="move the other branch, or keep both: alembic merge",
            )
    staying = [r for r in found if r not in moving]
    end = _end(staying)
    with _whole(project):
        moved = _moved(moving, {r.id for r in staying}, end)
        graph = revisions.read(project)
        if lockfile.path(project).is_file():
            lockfile.write(project, graph)
    return moved


def _end(staying: Sequence[Revision]) -> str:
    """The one revision of these that nothing follows. Raises `Misuse` where they are not one line."""
    ids = [r.id for r in staying]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise Misuse(
            f"without what is to be moved there are still two revisions {', '.join(twice)}",
            hint="name all files of the branch that is to be moved",
        )
    ends = _ends(staying)
    if len(ends) > 1:
        raise Misuse(
            f"without what is to be moved there are still {len(ends)} heads: {', '.join(ends)}",
            hint="name more of the files to move",
        )
    return ends[0] if ends else ""


def _moved(moving: Sequence[Revision], taken: set[str], parent: str) -> tuple[Moved, ...]:
    """Put these revisions one after the other behind `parent`; numbers go up along the line."""
    moved: list[Moved] = []
    for revision in moving:
        new = revision.id
        renamed = bool(moved) and moved[-1].id != moved[-1].before.id
        if new in taken or (renamed and _below(new, parent)):
            new = _next(taken | {r.id for r in moving})
        taken.add(new)
        moved.append(_move(revision, new, parent))
        parent = new
    return tuple(moved)


def _below(number: str, other: str) -> bool:
    return number.isdigit() and other.isdigit() and int(number) <= int(other)


@contextmanager
def _whole(project: Project) -> Iterator[None]:
    """What fails in here leaves the revisions and their lock as they were."""
    versions = project.migrations / "versions"

    def files() -> list[Path]:
        there = [*versions.iterdir(), lockfile.path(project)]
        return [f for f in there if f.is_file()]

    before = {file: file.read_bytes() for file in files()}
    try:
        yield
    except BaseException:
        for file in files():
            if file not in before:
                file.unlink()
        for file, content in before.items():
            file.write_bytes(content)
        raise


def _main_line(found: Sequence[Revision]) -> tuple[Revision, ...]:
    """These revisions without branches to opt in to: they are beside the line on purpose."""
    apart = {r.id for r in found if r.opt_in}
    while more := {r.id for r in found if apart.intersection(r.down)} - apart:
        apart |= more
    return tuple(r for r in found if r.id not in apart)


def _applied(project: Project, target: Target, found: Sequence[Revision]) -> Collection[Path]:
    """The files whose revisions the database has; of two with one id, the one that it ran."""
    with connect(target, pinned=True) as connection:
        state = ledger.state(connection, project.config.migrate.schema)
    known = {e.revision: e.checksum for e in state.applied.values()}
    wanted, todo = set[str](), list(state.current)
    while todo:
        identifier = todo.pop()
        if identifier not in wanted:
            wanted.add(identifier)
            todo += [p for r in found if r.id == identifier for p in (*r.down, *r.depends_on)]
    ids = [r.id for r in found]
    return {
        r.path
        for r in found
        if r.id in wanted and (ids.count(r.id) == 1 or known.get(r.id) == r.checksum)
    }


def _followed(
    found: Sequence[Revision], applied: Collection[Path], sides: Sequence[Collection[str]]
) -> Mapping[Path, frozenset[Path]]:
    """The files whose revisions each one may follow: of two with one id, the one of its own branch.

    That is the part before it of the same change, or the one that stands on the same side of a
    conflict in the lock, or the one that is applied as it is. Where nothing tells, it is both.
    """
    return {
        r.path: frozenset(
            parent.path
            for identifier in r.down
            for parent in _of_the_branch(
                r, [p for p in found if p.id == identifier], applied, sides
            )
        )
        for r in found
    }


def _of_the_branch(
    revision: Revision,
    parents: Sequence[Revision],
    applied: Collection[Path],
    sides: Sequence[Collection[str]],
) -> Sequence[Revision]:
    """Those of these parents, all with one id, that lie on the branch of this revision."""

    def before(parent: Revision) -> bool:
        mine, its = _part(revision), _part(parent)
        return bool(mine and its and (its[0], its[1] + 1, its[2]) == mine)

    def beside(parent: Revision) -> bool:
        mine, its = (checksum(r.path.read_bytes()) for r in (revision, parent))
        return any(mine in side and its in side for side in sides)

    def stands(parent: Revision) -> bool:
        return revision.path in applied and parent.path in applied

    for tells in (before, beside, stands):
        told = [p for p in parents if tells(p)]
        if len(parents) > 1 and len(told) == 1:
            return told
    return parents


_PART = re.compile(r"(.*) \((\d+) of (\d+)\)")


def _part(revision: Revision) -> tuple[str, int, str] | None:
    """The change that a revision is a part of, which part, and of how many."""
    found = _PART.fullmatch(revision.title)
    return (found[1], int(found[2]), found[3]) if found else None


def _named(
    found: Sequence[Revision], followed: Mapping[Path, frozenset[Path]], names: Sequence[str]
) -> list[Revision]:
    """The revisions of these names, all parts of their changes, and what follows them alone."""
    moving: list[Revision] = []
    for name in names:
        stem = name.rpartition("/")[2].partition(".")[0]
        several = [r for r in found if stem in (r.id, r.path.stem)]
        if len(several) != 1:
            files = ", ".join(r.path.stem for r in several)
            raise Misuse(
                f"{name} may be any of {files}" if several else f"there is no revision {name}",
                hint="write the name of the file",
            )
        moving += [r for r in _parts(found, followed, several[0]) if r not in moving]
    while more := [r for r in found if r not in moving and _follows(r, followed, moving)]:
        moving += more
    paths, ids = {r.path for r in moving}, {r.id for r in moving}
    for unclear in (r for r in found if r not in moving and followed[r.path] & paths):
        if unclear.id in ids:  # its number is moved with the branch that it is not of
            continue
        either = " or ".join(sorted(p.stem for p in followed[unclear.path]))
        raise Misuse(
            f"it is not clear whether {unclear.path.stem} follows {either}",
            hint="name it too, or move the other branch, all of its files named",
        )
    return _in_order(moving, followed)


def _parts(
    found: Sequence[Revision], followed: Mapping[Path, frozenset[Path]], revision: Revision
) -> list[Revision]:
    """A revision, behind all parts of the same change that come before it."""
    title, number, count = _part(revision) or ("", 0, "")
    for parent in found:
        if parent.path in followed[revision.path] and _part(parent) == (title, number - 1, count):
            return [*_parts(found, followed, parent), revision]
    return [revision]


def _follows(
    revision: Revision, followed: Mapping[Path, frozenset[Path]], moving: Sequence[Revision]
) -> bool:
    """Whether a revision follows one of these, and for certain."""
    paths = {r.path for r in moving}
    parents = followed[revision.path]
    return bool(parents & paths) and len(parents) <= len(revision.down)


def _in_order(
    moving: Sequence[Revision], followed: Mapping[Path, frozenset[Path]]
) -> list[Revision]:
    """These revisions, parents first; of those that do not hang together, the first named first."""
    left = list(moving)
    ordered: list[Revision] = []
    while left:
        waiting = {r.path for r in left}
        ready = [r for r in left if not followed[r.path] & waiting]
        if not ready:
            raise Misuse("the revisions to be moved follow each other in a circle")
        ordered.append(ready[0])
        left.remove(ready[0])
    return ordered


def _unapplied(
    found: Sequence[Revision],
    followed: Mapping[Path, frozenset[Path]],
    applied: Collection[Path],
) -> list[Revision]:
    """The branch that is not applied, where there are two and one is."""
    ids = [r.id for r in found]
    twice = {i for i in ids if ids.count(i) > 1}
    if len(_ends(found)) < 2 and not twice:
        return []
    unclear = [r for r in found if len(followed[r.path]) > len(r.down)]
    if unclear:
        either = " or ".join(sorted(p.stem for p in followed[unclear[0].path]))
        raise Misuse(
            f"it is not clear whether {unclear[0].path.stem} follows {either}",
            hint="name all files of the branch that is to be moved: ringfence rebase FILE FILE",
        )
    parents = [followed[r.path] for r in found]
    forks = [r for r in found if parents.count(followed[r.path]) > 1]
    firsts = [r for r in forks if r.path not in applied]
    if len(firsts) != 1 or len(firsts) == len(forks):
        names = ", ".join(r.path.stem for r in forks)
        raise Misuse(
            f"it is not clear which of {names} is to be moved",
            hint="name it, and what follows it goes with it: ringfence rebase "
            + (forks[-1].path.stem if forks else "FILE"),
        )
    return _named(found, followed, [firsts[0].path.stem])


def _ends(found: Sequence[Revision]) -> list[str]:
    followed = {parent for r in found for parent in r.down}
    return sorted({r.id for r in found} - followed)


def _next(taken: Collection[str]) -> str:
    """The next number in the manner of those there are."""
    numbers = [i for i in taken if i.isdigit()]
    width = max((len(i) for i in numbers), default=4)
    return f"{max((int(i) for i in numbers), default=0) + 1:0{width}d}"


def _move(revision: Revision, new: str, parent: str) -> Moved:
    """Write a revision's new id and parent into its file, and rename its files with its number."""
    text = _assigned(
        revision.path, {"revision": repr(new), "down_revision": repr(parent) if parent else "None"}
    )
    stem = revision.path.stem
    if new != revision.id and stem.startswith(revision.id):
        stem = new + stem.removeprefix(revision.id)
    path = revision.path.with_name(f"{stem}.py")
    for what in ("up", "down", "verify"):
        file = revision.file(what)
        if file.is_file() and file.stem != f"{stem}.{what}":
            file.rename(path.with_suffix(f".{what}.sql"))
    revision.path.write_text(text, encoding="utf-8")
    if path != revision.path:
        revision.path.rename(path)
    return Moved(revision, new, parent, path, unmarked=_unmark(path.with_suffix(".up.sql")))


def _unmark(file: Path) -> bool:
    """Leave out of a file what it was planned on; gives whether it said that."""
    if not file.is_file():
        return False
    with file.open(encoding="utf-8", newline="") as opened:  # its line ends are its own
        text = opened.read()
    left = _PLANNED_ON.sub("", text)
    if left != text:
        with file.open("w", encoding="utf-8", newline="") as opened:
            opened.write(left)
    return left != text


_PLANNED_ON = re.compile(r"^--\s*ringfence\s*:\s*planned-on\b.*\n", re.IGNORECASE | re.MULTILINE)


def reparent(path: Path, parent: str) -> None:
    """Write another parent into a revision's file."""
    path.write_text(_assigned(path, {"down_revision": repr(parent)}), encoding="utf-8")


def _assigned(path: Path, wanted: Mapping[str, str]) -> str:
    """The source of a revision's file with these names given these values."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    for node in ast.parse(source).body:
        named = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not isinstance(named, ast.Name) or named.id not in wanted or value is None:
            continue
        first, last = value.lineno - 1, value.end_lineno - 1
        head = lines[first].encode()[: value.col_offset].decode()
        tail = lines[last].encode()[value.end_col_offset :].decode()
        written = wanted[named.id].replace("'", '"')
        lines[first : last + 1] = [f"{head}{written}{tail}", *[""] * (last - first)]
    return "".join(lines)
