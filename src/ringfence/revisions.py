"""The revisions of a project, read from `migrations/versions/` without importing any of them.

Alembic owns the graph and walks it; this reads the same identifiers from the source text, so that a
command that has nothing to do need not load Alembic, and so that what is missing is found first.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ringfence import script
from ringfence.errors import BadProject, Misuse, Refused, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ringfence.project import Project
    from ringfence.script import Script

Direction = Literal["up", "down"]

_FIELDS = ("revision", "down_revision", "depends_on", "branch_labels", "opt_in")
_ID = re.compile(r"[\w.]{1,32}\Z")  # what fits Alembic's version table, and its names for ranges


@dataclass(frozen=True)
class Revision:
    """One revision: its identifiers, its title (the first line of its docstring) and its files.

    `sql` is whether it calls `sqlfile`: a Python revision has no SQL beside it. `opt_in` is whether
    it begins a branch that `head` leaves out.
    """

    id: str
    down: tuple[str, ...]
    depends_on: tuple[str, ...]
    labels: tuple[str, ...]
    title: str
    path: Path
    shown: str
    sql: bool
    opt_in: bool = False

    def file(self, what: Direction | Literal["verify"]) -> Path:
        """Where the SQL of that name lies, whether it exists or not."""
        return self.path.with_suffix(f".{what}.sql")

    def shown_file(self, what: Direction | Literal["verify"]) -> str:
        """The same path as messages show it."""
        return self.shown.removesuffix(".py") + f".{what}.sql"

    def script(self, what: Direction | Literal["verify"]) -> Script:
        """The SQL of that name, read once. Raises `BadProject` when it is not there or not readable."""
        if what not in self._scripts:
            self._scripts[what] = self._script(what)
        return self._scripts[what]

    @cached_property
    def _scripts(self) -> dict[str, Script]:
        return {}

    def _script(self, what: Direction | Literal["verify"]) -> Script:
        path, shown = self.file(what), self.shown_file(what)
        if len(self.down) > 1 and what != "verify" and not path.is_file():
            return script.Script(shown, "")  # a merge has nothing to do of its own
        if what == "up" and not path.is_file():
            raise BadProject(
                f"revision {self.id} has no SQL: {shown} does not exist",
                hint=f"write it, or restore it: git checkout -- {shown}; where it is applied:"
                f" ringfence repair {self.id} --restore",
            )
        if what == "down" and not path.is_file():
            raise BadProject(
                f"revision {self.id} cannot be undone: {shown} does not exist",
                hint="write it, or go forward with a new revision",
            )
        return script.read(path, shown)

    def runnable(self, what: Direction | Literal["verify"]) -> Script:
        """The SQL, with everything that can be known before running it found to be right.

        Raises `BadProject` as `script` does, and on statements that the file must not hold.
        """
        text = self.script(what)
        if what == "up" and not text.text.strip() and len(self.down) < 2:
            # Cut short by a full disk, or never written. A merge may well have nothing to do.
            raise BadProject(
                f"revision {self.id} does nothing: {text.path} is empty",
                hint="write it, or restore it; where nothing is to be done, let a comment say so",
            )
        one = text.transactional or what == "verify"
        for statement in text.statements:
            if statement.copies_with_client:
                message = "a revision can send this COPY nothing and take nothing from it"
                hint = "write the data below COPY … FROM STDIN;, and \\. on a line after them"
            elif "pg_advisory_unlock_all" in statement.text.lower():
                message = (
                    "pg_advisory_unlock_all() would let go the lock that keeps other runs away"
                )
                hint = "unlock what the file has locked, by its key"
            elif statement.words[:2] == ("DISCARD", "ALL"):
                message = "DISCARD ALL would let go the lock that keeps other runs away"
                hint = "leave it out: every revision begins with a session as new"
            elif statement.two_phase:
                message = (
                    f"{statement.verb} in a revision: what is prepared outlives the run that began it,"
                    " and no row of the history can be committed with it"
                )
                hint = "BEGIN … COMMIT in its place; end one that somebody left by hand, in psql"
            elif one and statement.controls_transaction:
                message = f"{statement.verb} in a file that runs in a transaction"
                hint = (
                    "leave it out, or run the file statement by statement: its first line is then"
                    " -- ringfence: transaction: none"
                )
                if what == "verify":
                    hint = "leave it out: what the file does is undone anyway"
            elif one and statement.outside:
                message = (
                    f"{statement.outside} cannot run in a transaction, and this file runs in one"
                )
                hint = "its first line must be: -- ringfence: transaction: none"
                if what == "verify":
                    hint = "leave it out: what the file does is undone anyway"
            else:
                continue
            raise BadProject(message, span=text.span(statement.start), hint=hint)
        if text.backfill and what != "verify":
            from ringfence import backfill

            backfill.read(text)
        return text

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of what the revision runs: its `.up.sql`, or its own source without one."""
        if self.sql:
            return self.script("up").checksum
        return script.checksum(self.path.read_bytes())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what that means: an edit of comments or white space alone leaves it as it is."""
        if self.sql:
            return self.script("up").fingerprint
        return hashlib.sha256(ast.dump(ast.parse(self.path.read_bytes())).encode()).hexdigest()

    @property
    def phase(self) -> str:
        """Whether it is to run before a deploy (`expand`) or after it (`contract`)."""
        return self.script("up").phase if self.sql else "expand"

    def __str__(self) -> str:
        return f"{self.id} ({self.title})" if self.title else self.id


@dataclass(frozen=True)
class Graph:
    """All revisions by id, parents before children."""

    revisions: Mapping[str, Revision]
    folder: str

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """The revisions that nothing follows, sorted; without those of branches to opt in to."""
        main = [r for r in self.revisions.values() if r.id not in self.opt_in]
        followed = {down for r in main for down in r.down}
        return tuple(sorted({r.id for r in main} - followed))

    @cached_property
    def opt_in(self) -> frozenset[str]:
        """The revisions of branches that nobody is on who has not asked: `opt_in`, and what is above."""
        found = [r for r in self.revisions.values() if r.opt_in]
        return frozenset(each.id for r in found for each in (r, *self.above(r)))

    @cached_property
    def ends_of_all(self) -> tuple[str, ...]:
        """The newest revisions of all, those of branches to opt in to among them, sorted."""
        return self.ends(self.revisions.values())

    @property
    def head(self) -> str | None:
        """The one head, or None where there are no revisions. Raises `BadProject` on several."""
        if len(self.heads) > 1:
            both = " and ".join(str(self.revisions[h]) for h in self.heads)
            raise BadProject(
                f"{self.folder} has {len(self.heads)} heads: {both}",
                detail="two branches each added a revision, and none says which comes first",
                hint="put one after the other: ringfence rebase; or keep both:"
                f" alembic merge -m 'merge' {' '.join(self.heads)}",
            )
        return self.heads[0] if self.heads else None

    def applied(self, current: Iterable[str]) -> tuple[Revision, ...]:
        """Everything at or below these revisions, parents first. Unknown ids are left out."""
        wanted: set[str] = set()
        todo = [c for c in current if c in self.revisions]
        while todo:
            revision = todo.pop()
            if revision not in wanted:
                wanted.add(revision)
                found = self.revisions[revision]
                todo += [*found.down, *found.depends_on]
        return tuple(r for r in self.revisions.values() if r.id in wanted)

    def above(self, revision: Revision) -> tuple[Revision, ...]:
        """Everything that follows or depends on this revision, near or far, parents first."""
        found = {revision.id}
        for each in self.revisions.values():
            if found.intersection((*each.down, *each.depends_on)):
                found.add(each.id)
        return tuple(r for r in self.revisions.values() if r.id in found and r is not revision)

    def ends(self, applied: Iterable[Revision]) -> tuple[str, ...]:
        """The newest of these revisions: those that no other one of them needs; sorted."""
        revisions = tuple(applied)
        needed = {parent for r in revisions for parent in (*r.down, *r.depends_on)}
        return tuple(sorted(r.id for r in revisions if r.id not in needed))

    def pending(
        self, current: Iterable[str], ends: Iterable[str] | None = None
    ) -> tuple[Revision, ...]:
        """What has to run, parents first, to bring `current` up to `ends`, or to every head."""
        have = {r.id for r in self.applied(current)}
        wanted = self.applied(self.heads if ends is None else ends)
        return tuple(r for r in wanted if r.id not in have)

    def named(self, name: str) -> Revision:
        """The revision of this id or branch label, or the one whose id begins so.

        `LABEL@head` is the newest one of that branch.
        """
        label, at, end = name.rpartition("@")
        if at and end == "head":
            return self._newest(label)
        if name in self.revisions:
            return self.revisions[name]
        found = [r for r in self.revisions.values() if name in r.labels]
        found = found or [r for r in self.revisions.values() if name and r.id.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise Misuse(
                f"revision {name} may be any of {', '.join(r.id for r in found)}",
                hint="write more of it",
            )
        import difflib

        names = [*self.revisions, *(label for r in self.revisions.values() for label in r.labels)]
        near = difflib.get_close_matches(name, names, n=1)
        raise Misuse(
            f"no revision {name or repr(name)} in {self.folder}",
            hint=f"did you mean {near[0]}?" if near else "ringfence status lists them",
        )

    def branch(self, label: str) -> tuple[Revision, ...]:
        """The revisions of a branch: the one with this label, and all above it, parents first."""
        found = [r for r in self.revisions.values() if label in r.labels]
        if not found:
            import difflib

            labels = sorted({label for r in self.revisions.values() for label in r.labels})
            near = difflib.get_close_matches(label, labels, n=1)
            there = f"there is {', '.join(labels)}" if labels else "no revision has branch_labels"
            raise Misuse(
                f"no branch {label or repr(label)} in {self.folder}",
                hint=f"did you mean {near[0]}?" if near else there,
            )
        return (found[0], *self.above(found[0]))

    def _newest(self, label: str) -> Revision:
        ends = self.ends(self.branch(label))
        if len(ends) > 1:
            raise Misuse(
                f"branch {label} has {len(ends)} heads: {' and '.join(ends)}", hint="name one"
            )
        return self.revisions[ends[0]]

    def unknown(self, current: Iterable[str]) -> tuple[str, ...]:
        """Those of these ids that no file here has."""
        return tuple(c for c in current if c not in self.revisions)

    def refuse_unknown(self, current: Iterable[str], who: Mapping[str, str] | None = None) -> None:
        """Raise `Refused` when the database stands at a revision that is not among the files.

        `who` says of revisions who applied them, and when.
        """
        unknown = self.unknown(current)
        if unknown:
            told = [who[u] for u in unknown if who and u in who]
            raise Refused(
                f"the database stands at revision {', '.join(unknown)}, which is not in {self.folder}",
                detail="\n".join(
                    (*told, "the database is ahead of this checkout, or the file was removed")
                ),
                hint="get the code that has it; ringfence history --format json holds its SQL",
            )


class NoRevisions(BadProject):
    """The project has no folder of revisions at all."""


def scan(project: Project) -> tuple[Revision, ...]:
    """Every revision's file, in the order of their names, whether they add up or not."""
    versions = project.migrations / "versions"
    folder = project.shown(versions)
    if not versions.is_dir():
        raise NoRevisions(
            f"no migrations here: {folder} does not exist",
            hint="set [tool.ringfence] migrations, or make the folder",
        )
    return tuple(
        _read(path, project.shown(path))
        for path in sorted(versions.glob("*.py"))
        if not path.name.startswith(("__init__", ".#"))
    )


def read(project: Project) -> Graph:
    """The revisions of a project. Raises `BadProject` when its files do not add up."""
    versions = project.migrations / "versions"
    folder = project.shown(versions)
    found: dict[str, Revision] = {}
    for revision in scan(project):
        if revision.id in found:
            raise BadProject(
                f"revision {revision.id} is defined twice: {found[revision.id].shown}"
                f" and {revision.shown}",
                hint="give one of them another id: ringfence rebase does it for the one that is"
                " applied nowhere",
            )
        found[revision.id] = revision
    modules = {revision.path.stem for revision in found.values()}
    for path in sorted(versions.glob("*.sql")):
        stem, _, what = path.name.removesuffix(".sql").rpartition(".")
        if what in ("up", "down", "verify") and stem not in modules:
            raise BadProject(
                f"{project.shown(path)} belongs to no revision: there is no {stem}.py beside it",
                hint="write one with the revision's ids, or remove the file",
            )
    return Graph(_parents_first(found), folder)


def _read(path: Path, shown: str) -> Revision:
    """One revision's identifiers and title. Raises `BadProject` on a file that has none."""
    try:
        source = path.read_text(encoding="utf-8-sig")
        tree = ast.parse(source)
    except SyntaxError as error:
        line = (error.text or "").rstrip("\n")
        raise BadProject(
            f"{shown} is not valid Python: {error.msg}",
            span=Span(shown, error.lineno or 1, error.offset or 0, line),
        ) from None
    except OSError as error:
        raise BadProject(f"cannot read {shown}: {error.strerror}") from None
    except ValueError as error:  # not UTF-8, or holds a NUL byte
        raise BadProject(f"{shown} is not text: {error}") from None
    values: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names = [t.id for t in node.targets if isinstance(t, ast.Name)]
            value: ast.expr | None = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names, value = [node.target.id], node.value
        else:
            continue
        for name in names:
            if name in _FIELDS and value is not None:
                try:
                    values[name] = ast.literal_eval(value)
                except ValueError:
                    raise BadProject(
                        f"{name} in {shown} is not a plain value",
                        span=Span(shown, value.lineno, value.col_offset + 1),
                        hint="write the ids out",
                    ) from None
    identifier = values.get("revision")
    if not isinstance(identifier, str):
        raise BadProject(
            f"{shown} has no revision id",
            span=Span(shown),
            hint='write one: revision = "0001"; or move the file out of the folder',
        )
    if not _ID.match(identifier):
        raise BadProject(
            f"revision id {identifier!r} in {shown} cannot be used",
            span=Span(shown),
            hint="it may hold letters, digits, _ and ., and be 32 characters long",
        )
    title = (ast.get_docstring(tree) or "").partition("\n")[0].strip().removesuffix(".")
    return Revision(
        id=identifier,
        down=_tuple(values.get("down_revision")),
        depends_on=_tuple(values.get("depends_on")),
        labels=_tuple(values.get("branch_labels")),
        title=title,
        path=path,
        shown=shown,
        sql=re.search(r"^[^#\n]*\bsqlfile\(", source, re.MULTILINE) is not None,
        opt_in=values.get("opt_in") is True,
    )


def _tuple(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(v) for v in value)  # type: ignore[attr-defined]


def _parents_first(found: Mapping[str, Revision]) -> dict[str, Revision]:
    from graphlib import CycleError, TopologicalSorter

    for revision in found.values():
        for parent in (*revision.down, *revision.depends_on):
            if parent not in found:
                raise BadProject(
                    f"revision {revision.id} follows {parent}, which does not exist",
                    span=Span(revision.shown),
                    hint=f"restore the file of {parent}, or correct down_revision",
                )
    graph = {r.id: sorted((*r.down, *r.depends_on)) for r in found.values()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise BadProject(
            f"the revisions follow each other in a circle: {' → '.join(reversed(error.args[1]))}",
            hint="one of them must follow another, or nothing: correct its down_revision",
        ) from None
    return {identifier: found[identifier] for identifier in order}
