"""A file rewritten into files that let others work: split where transactions must be separate.

What has a safe form is replaced by it, what has none stays as it was written. The result is proved:
run on a copy, it leads to the same catalog. It is measured like any other file before it is written.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ringfence import filling, lockfile, rebase, revise, revisions
from ringfence.alone import alone
from ringfence.errors import Misuse, Refused
from ringfence.rehearse import interim
from ringfence.rehearse.loop import loop
from ringfence.revise import Draft
from ringfence.step import HazardCode, remark

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from ringfence.filling import Fill
    from ringfence.model import Catalog
    from ringfence.project import Project
    from ringfence.rehearse.instead import Rewritten
    from ringfence.rehearse.moves import Move
    from ringfence.revisions import Revision
    from ringfence.script import Script, Statement

How = Literal["one", "none", "backfill"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One of the files: its statements, and whether they are one transaction, none or a backfill."""

    how: How
    statements: tuple[str, ...]
    key: str = ""

    def text(self, title: str, directives: Sequence[str] = (), *, loose: bool = False) -> str:
        """The file's SQL; of a `loose` one such that psql runs it in these transactions too."""
        head, statements = list(directives), self.statements
        if self.how == "none" and not loose:
            head.insert(0, "-- ringfence: transaction: none")
        elif self.how == "backfill" and loose:
            *settings, last = statements
            above = _COMMENTS.match(last)
            told = above[0] if above else ""
            done = loop(last[len(told) :].rstrip().removesuffix(";"), self.key)
            statements = (*settings, f"{told}{done};")
        elif self.how == "backfill":
            head.insert(0, f"-- ringfence: backfill key={self.key} batch=200ms")
        elif self.how == "one" and loose and len(statements) > 1:
            statements = ("BEGIN;", *statements, "COMMIT;")
        lines = [*filter(None, head), *map(remark, title.splitlines()), "-- noqa: disable=all"]
        return "\n".join([*lines, "", *(f"{s}\n" for s in statements)])


_COMMENTS = re.compile(r"(?:--[^\n]*\n)*")


@dataclass
class _Cut:
    """The pieces as they grow."""

    done: list[Piece] = field(default_factory=list)
    how: How = "one"
    lines: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)

    def close(self) -> None:
        """The next statement stands in another file."""
        if self.lines:
            self.done.append(Piece(self.how, tuple(self.lines)))
        self.lines = []

    def add(self, how: How, text: str) -> None:
        """Another statement, in a file of that kind."""
        if how != self.how:
            self.close()
            self.how = how
        self.lines = [*(self.lines or self.set()), text]

    def batches(self, text: str, key: str) -> None:
        """A file of its own for what is run in batches."""
        self.close()
        self.done.append(Piece("backfill", (*self.set(lasting=True), text), key))

    def set(self, *, lasting: bool = False) -> list[str]:
        """What was set before: each file begins with a session as new."""
        if self.how == "one" and not lasting:
            return list(self.settings)
        return [re.sub(r"(?i)\bSET\s+LOCAL\b", "SET", s, count=1) for s in self.settings]


def pieces(
    text: Script, forms: Mapping[int, Sequence[Move]], apart: Collection[int]
) -> tuple[Piece, ...]:
    """A file as pieces. `apart` are the statements that must not work under what is locked before.

    Raises `Refused` on a file that takes back what it has done.
    """
    cut = _Cut()
    for block in text.blocks:
        if not block.kept:
            raise Refused(
                f"{text.path} takes back what it has done: it cannot be divided",
                hint="leave out what lies between BEGIN and ROLLBACK",
            )
        plain: How = "one" if block.together else "none"
        if block.together:
            cut.close()
        for number in block.numbers:
            _cut(cut, text, number, plain, forms.get(number), apart=number in apart)
        if block.together:
            cut.close()
            cut.settings = [s for s in cut.settings if not _LOCAL.match(s)]
    cut.close()
    return tuple(cut.done)


_LOCAL = re.compile(r"(?i)\s*SET\s+LOCAL\b")


def _cut(
    cut: _Cut, text: Script, number: int, plain: How, moves: Sequence[Move] | None, *, apart: bool
) -> None:
    """Another statement of a file, or what is written in its place."""
    statement = text.statements[number - 1]
    if statement.sets_session or statement.words[:2] == ("SET", "LOCAL"):
        cut.settings.append(f"{statement.text};")
        if cut.lines:
            cut.lines.append(cut.set()[-1])
        return
    if apart:
        cut.close()
    if moves is None:
        cut.add(plain, _told(text, number))
        return
    above = "".join(f"{line}\n" for line in _above(text, number))
    for move in moves:
        sql, above = f"{above}{move.sql.rstrip()};", ""
        if move.key:
            cut.batches(sql, move.key)
        else:
            how: How = "none" if move.transactional == "no" else "one" if move.together else plain
            cut.add(how, sql)
            if move.transactional == "commit" and cut.how == "one":
                cut.close()


def _told(text: Script, number: int) -> str:
    """A statement as it was written, with the comments above it; directives have their own place."""
    statement = text.statements[number - 1]
    data = "" if statement.data is None else f"\n{statement.data}\\."
    return "\n".join([*_above(text, number), f"{statement.text};{data}"])


def _above(text: Script, number: int) -> list[str]:
    """The lines of comment above a statement."""
    before = _end(text, text.statements[number - 2]) if number > 1 else 0
    return [
        line.strip()
        for line in text.text[before : text.statements[number - 1].start].splitlines()
        if line.strip().startswith("--") and not re.match(r"\s*--\s*ringfence:", line)
    ]


def _end(text: Script, statement: Statement) -> int:
    """Where what follows a statement begins: behind its semicolon and what stands on that line."""
    end = statement.start + len(statement.text)
    if statement.data is not None:
        return text.text.find(statement.data, end) + len(statement.data)
    line = text.text.find("\n", end)
    same = text.text[end : line if line >= 0 else len(text.text)]
    return end + len(same) if re.fullmatch(r"\s*;\s*(--.*)?", same) else end


def downs(title: str, stages: Sequence[Catalog], fills: Sequence[Fill] = ()) -> list[str]:
    """The SQL that leads back from each of the catalogs to the one before.

    What columns are filled with is filled in at once: a file has but one way back.
    """
    found = []
    for number, (before, after) in enumerate(itertools.pairwise(stages), 1):
        title_ = f"undo: {title} ({number} of {len(stages) - 1})"
        its = [fill for fill in fills if fill.column in before.facts]
        filled = filling.due(its, after, before)
        back = filling.plan(after, before, its) if filled else revise.way_back(after, before)
        steps = back.steps
        text = revise.file_text(title_, steps, "hazard")
        found.append(text if steps else f"{text.rstrip()}\n-- the rows stay as they are\n")
    return found


# Written -------------------------------------------------------------------------------------------


def write(project: Project, done: Rewritten) -> list[Path]:
    """Write what was rewritten: in the place of its revision, or beside its file."""
    if done.file.revision is not None:
        return revision(project, done.file.revision, done.texts)
    path = project.root / done.file.up.path.partition(" (")[0]
    return beside(path, [up for up, _ in done.texts])


def beside(path: Path, texts: Sequence[str]) -> list[Path]:
    """Write `fix.1.sql`, `fix.2.sql` … beside `fix.sql`. Raises `Misuse` where one is there."""
    places = [path.with_name(f"{path.stem}.{n}.sql") for n in range(1, len(texts) + 1)]
    for place in places:
        if place.exists():
            raise Misuse(f"{place} is there already", hint="remove it, or put it aside")
    for place, text in zip(places, texts, strict=True):
        place.write_text(text, encoding="utf-8")
    return places


def revision(
    project: Project,
    old: Revision,
    texts: Sequence[tuple[str, str]],
) -> list[Path]:
    """Put several revisions in the place of one; the last keeps its id, for others follow it.

    `texts` are the SQL up and down of each.
    """
    with alone(project):
        return _revision(project, old, texts)


def _revision(project: Project, old: Revision, texts: Sequence[tuple[str, str]]) -> list[Path]:
    graph = revisions.read(project)
    count = len(texts)
    ids = [f"{old.id}_{n}" for n in range(1, count)]
    for each in ids:
        if each in graph.revisions:
            raise Misuse(f"there is a revision {each} already", hint="it was rewritten before")
    written: list[Path] = []
    before = old.down[0] if old.down else None
    for number, (identifier, (up, down)) in enumerate(zip(ids, texts[:-1], strict=True), 1):
        title = f"{old.title or old.id} ({number} of {count})"
        draft = Draft(identifier, before, title, up, down)
        written += revise.write(old.path.with_name(f"{old.path.stem}_{number}"), draft)
        before = identifier
    up, down = texts[-1]
    old.file("up").write_text(up, encoding="utf-8")
    if down:
        old.file("down").write_text(down, encoding="utf-8")
    if ids:
        rebase.reparent(old.path, ids[-1])
    written += [old.path, old.file("up"), *([old.file("down")] if down else [])]
    if lockfile.path(project).is_file():
        written.append(lockfile.write(project, revisions.read(project)))
    return written


def directives(text: Script) -> Iterable[str]:
    """What a file says at its top that holds for each of the files made of it."""
    for key in ("lock-timeout", "lock-deadline", "statement-timeout", "phase"):
        if key in text.directives:
            yield f"-- ringfence: {key}: {text.directives[key]}"
    for key in ("allowed", interim.DIRECTIVE):
        yield from (f"-- ringfence: {key}: {name}" for name in text.said(key))
    # What others would have waited for is gone; what is lost is lost all the same.
    for name in text.said("hazard"):
        if name.partition(":")[0] in _KEPT:
            yield f"-- ringfence: hazard: {name}"


_KEPT = (
    HazardCode.DATA_LOSS,
    HazardCode.STALE,
    HazardCode.LOST_PRIVILEGE,
    HazardCode.LOST_PROTECTION,
    HazardCode.NOT_REVERSIBLE,
)
