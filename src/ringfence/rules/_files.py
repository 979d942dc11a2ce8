"""Which files there are to lint, read and decoded."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import Misuse, Span
from ringfence.finding import Coverage
from ringfence.project import Project, need
from ringfence.rules import SqlFile
from ringfence.script import encoding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be read as text: which, and why."""

    path: Path
    message: str
    hint: str
    span: Span


def collect(
    project: Project | None,
    paths: Sequence[Path | str],
    base: Path,
    unread: list[Unread] | None = None,
) -> tuple[tuple[SqlFile, ...], tuple[Coverage, ...]]:
    """Every file under `paths`, once each, in order, and which of the project's folders hold none.

    In folders these are the files named *.sql, hidden folders left out; a file named outright is
    taken whatever its name. With no paths: the project's ddl and migrations. Files that cannot be
    read as text are added to `unread`, and left out. Raises `Misuse` for what is missing or empty.
    """
    if paths:
        wanted = [(base / path, str(path)) for path in paths]
    else:
        project = project or need(base)
        wanted = [(p, _shown(p, project, "")) for p in (project.ddl, project.migrations)]
    found: dict[Path, SqlFile] = {}
    absent: list[Coverage] = []
    for start, given in wanted:
        if start.suffix == ".py" and start.is_file():
            raise Misuse(
                f"{given} is Python, and lint looks at SQL",
                hint="ringfence rehearse measures what a revision in Python does",
            )
        if not paths and not start.is_dir():
            if project and given not in ("ddl", "migrations"):
                key = "ddl" if start == project.ddl else "migrations"
                raise Misuse(
                    f"[tool.ringfence] {key} names {given}, and there is no such folder",
                    hint="correct it in pyproject.toml, or make the folder",
                )
            absent.append(Coverage("files", given, skipped="there is no such folder"))
            continue
        names = list(_below(start, given))
        # The project's own may be empty as yet.
        if not names and (project is None or start not in (project.ddl, project.migrations)):
            raise Misuse(
                f"no .sql file in {given}", hint="name a folder that holds SQL, or the file itself"
            )
        if not names:
            absent.append(Coverage("files", given, skipped="it holds no .sql file"))
        for name in names:
            path = Path(os.path.normpath(start / name))
            if path not in found:
                shown = _shown(path, project, str(Path(given) / name))
                top = _top(path, project, base)
                text = _read(path, shown)
                if isinstance(text, str):
                    found[path] = SqlFile(path, shown, text, top, given)
                elif unread is not None and all(path != each.path for each in unread):
                    unread.append(text)
    return tuple(found.values()), tuple(absent)


def _shown(path: Path, project: Project | None, otherwise: str) -> str:
    """A path as messages show it; a link is shown as itself, not as what it points to."""
    if project and path.is_relative_to(project.root):
        return path.relative_to(project.root).as_posix()
    return otherwise or str(path)


def _below(start: Path, given: str) -> Iterator[str]:
    """The files that a path stands for, relative to it ("" for itself)."""
    if not start.exists():
        raise Misuse(f"no such file or folder: {given}", hint=f"looked in {start.parent}")
    if not start.is_dir():
        yield ""
        return

    def fail(error: OSError) -> None:
        raise Misuse(f"cannot read {error.filename}: {error.strerror}")

    for folder, subfolders, names in os.walk(start, onerror=fail):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(".sql"):
                yield os.path.relpath(Path(folder, name), start)


def _top(path: Path, project: Project | None, base: Path) -> Path:
    """Where the search for configuration begins: the project, else the working directory.

    Not above: the same files give the same findings on every machine.
    """
    for top in (project.root if project else None, base):
        if top is not None and path.is_relative_to(top):
            return top
    return path.parent


def _read(path: Path, shown: str) -> str | Unread:
    try:
        raw = path.read_bytes()
    except OSError as error:
        return Unread(path, f"{shown} cannot be read: {error.strerror}", "", Span(shown))
    hint = f"iconv -f {encoding(raw)} -t UTF-8 {shlex.quote(shown)} > new.sql"
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"{shown} is not UTF-8: byte 0x{raw[error.start]:02x}"
        return Unread(path, what, hint, _span(shown, raw[: error.start].decode("utf-8")))
    if "\0" in text:
        return Unread(
            path,
            f"{shown} is not text: it holds a zero byte",
            hint if encoding(raw).startswith("UTF-16") else "PostgreSQL takes none in SQL",
            _span(shown, text[: text.index("\0")]),
        )
    # As sqlfluff and PostgreSQL's positions count: one line end is one character.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _span(shown: str, before: str) -> Span:
    """The place behind a text, with the line's own text left out: it is not readable."""
    lines = before.split("\n")
    return Span(shown, len(lines), len(lines[-1]) + 1)
