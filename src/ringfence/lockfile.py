"""`migrations/ringfence.lock`: what the revisions are, a line each, to be kept in git beside them.

It tells without a database that a revision was edited, added, removed or put between others. Its
first line is over all the others, so that two branches that each add a revision conflict there, and
a person looks, before two heads meet on a server.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ringfence.errors import BadProject, Refused, Span
from ringfence.script import checksum

if TYPE_CHECKING:
    from pathlib import Path

    from ringfence.project import Project
    from ringfence.revisions import Graph, Revision

NAME = "ringfence.lock"
_HEAD = "ringfence lock 2"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line: a revision, what it follows, and the checksums of its files; `-` for one it lacks."""

    revision: str
    parents: str
    up: str
    down: str
    verify: str
    code: str

    def __str__(self) -> str:
        return f"{self.revision} {self.parents} {self.up} {self.down} {self.verify} {self.code}"


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that is not as the file says, in words."""

    what: Literal["edited", "added", "removed", "inserted", "moved"]
    revision: str
    text: str

    def __str__(self) -> str:
        return f"{self.what}  {self.revision}  {self.text}".rstrip()


def path(project: Project) -> Path:
    """Where the file lies."""
    return project.migrations / NAME


def text(graph: Graph) -> str:
    """What the file is to hold."""
    lines = [str(_entry(revision)) for revision in graph.revisions.values()]
    return "".join(f"{line}\n" for line in (f"{_HEAD} {_total(lines)}", *lines))


def sides(project: Project) -> tuple[frozenset[str], ...]:
    """The checksums of the modules that each branch added, where the lock holds a conflict of two."""
    try:
        lines = path(project).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return ()
    found: list[set[str]] = [set(), set()]
    side: int | None = None
    for line in lines:
        if line.startswith(("<<<<<<<", "|||||||", "=======", ">>>>>>>")):
            side = {"<": 0, "=": 1}.get(line[0])
        elif side is not None and line.count(" ") == 5:
            found[side].add(Entry(*line.split(" ")).code)
    return tuple(frozenset(each) for each in found)


def write(project: Project, graph: Graph) -> Path:
    """Write the file."""
    path(project).write_text(text(graph), encoding="utf-8")
    return path(project)


def deviations(project: Project, graph: Graph) -> tuple[Deviation, ...]:
    """Where the files differ from what the lock says. Raises `BadProject` on one that is not whole."""
    locked = _read(project)
    found: list[Deviation] = []
    for revision in graph.revisions.values():
        is_, was = _entry(revision), locked.get(revision.id)
        if was is None:
            followed = [c for c in locked.values() if revision.id in _parents(graph, c.revision)]
            # A branch to opt in to, and what goes on beside it, are in nobody's way.
            beside = [
                c
                for c in locked.values()
                if c.parents == is_.parents
                and (c.revision in graph.opt_in) == (revision.id in graph.opt_in)
            ]
            if followed or beside:
                near = "before" if followed else "beside"
                text_ = f"{near} {(followed or beside)[0].revision}, which was there"
                found.append(Deviation("inserted", revision.id, text_))
            else:
                found.append(Deviation("added", revision.id, revision.shown))
            continue
        if is_.parents != was.parents:
            text_ = f"it followed {was.parents}, and follows {is_.parents}"
            found.append(Deviation("moved", revision.id, text_))
        found += [
            Deviation(
                "removed" if getattr(is_, what) == "-" else "edited",
                revision.id,
                revision.shown_file(what),
            )
            for what in _FILES
            if getattr(is_, what) != getattr(was, what)
        ]
        if is_.code != was.code and is_.parents == was.parents:
            found.append(Deviation("edited", revision.id, revision.shown))
    found += [
        Deviation("removed", entry.revision, f"it followed {entry.parents}")
        for entry in locked.values()
        if entry.revision not in graph.revisions
    ]
    return tuple(found)


def edited(project: Project, graph: Graph) -> tuple[Deviation, ...]:
    """What was edited since the lock was written, a file that is gone too; nothing where there is no lock."""
    if not path(project).is_file():
        return ()
    return tuple(
        d
        for d in deviations(project, graph)
        if d.what in ("edited", "removed") and d.revision in graph.revisions
    )


def refuse_deviations(project: Project, graph: Graph) -> None:
    """Raise `Refused` where there is a lock and the revisions are not as it says."""
    if not path(project).is_file():
        return
    found = deviations(project, graph)
    if found:
        raise Refused(
            f"the revisions are not as {project.shown(path(project))} says",
            detail="\n".join(str(deviation) for deviation in found),
            hint=remedy(found),
        )


def remedy(found: tuple[Deviation, ...]) -> str:
    """What to do where the revisions are not as the lock says: of new ones, nothing went wrong."""
    new = "a revision that you have just written: ringfence lock"
    rest = "put back what should not have changed; ringfence lock accepts the rest"
    added = [deviation.what == "added" for deviation in found]
    return new if all(added) else f"{new}; {rest}" if any(added) else rest


def _parents(graph: Graph, revision: str) -> tuple[str, ...]:
    found = graph.revisions.get(revision)
    return (*found.down, *found.depends_on) if found else ()


_FILES: tuple[Literal["up", "down", "verify"], ...] = ("up", "down", "verify")


def _entry(revision: Revision) -> Entry:
    def mark(what: Literal["up", "down", "verify"]) -> str:
        if not revision.sql or (what != "up" and not revision.file(what).is_file()):
            return "-"
        return revision.script(what).checksum

    return Entry(
        revision.id,
        ",".join((*revision.down, *revision.depends_on)) or "-",
        mark("up"),
        mark("down"),
        mark("verify"),
        checksum(revision.path.read_bytes()),
    )


def _total(lines: list[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def _read(project: Project) -> dict[str, Entry]:
    file = path(project)
    shown = project.shown(file)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise BadProject(f"{shown} does not exist", hint="make it: ringfence lock") from None
    except (OSError, ValueError) as error:
        raise BadProject(f"cannot read {shown}: {error}") from None
    for number, line in enumerate(lines, 1):
        if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
            raise BadProject(
                f"{shown} holds a conflict: two branches have changed the revisions",
                span=Span(shown, number, 1, line),
                hint="ringfence rebase puts one branch's after the other's, and makes the file anew",
            )
    head, _, total = lines[0].rpartition(" ") if lines else ("", "", "")
    if head != _HEAD:
        raise BadProject(
            f"{shown} is not a lock of this version", hint="make it anew: ringfence lock"
        )
    if total != _total(lines[1:]):
        raise BadProject(
            f"{shown} does not add up: it was merged or edited by hand",
            hint="look at what it should say (git log -p), then make it anew: ringfence lock",
        )
    entries = [Entry(*line.split(" ")) for line in lines[1:] if line.count(" ") == 5]
    return {entry.revision: entry for entry in entries}
