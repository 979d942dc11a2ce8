"""Which files there are to lint, read and decoded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import BadProject, Misuse, Span
from ringfence.rules import SqlFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.project import Project


def collect(
    project: Project | None, paths: Sequence[Path | str], base: Path
) -> tuple[SqlFile, ...]:
    """Every file under `paths`, once each, in the order of their names within each path.

    In folders these are the files named *.sql, hidden folders left out; a file named outright is
    taken whatever its name. With no paths: the project's ddl and migrations. Raises `Misuse` for
    what is missing, empty or unreadable, `BadProject` for what is not text.
    """
    if not paths and project is None:
        from ringfence.project import need

        project = need(base)
    wanted: list[tuple[Path, str]] = [(base / path, str(path)) for path in paths]
    if not paths and project is not None:
        wanted = [(p, project.shown(p)) for p in (project.ddl, project.migrations) if p.is_dir()]
    found: dict[Path, SqlFile] = {}
    for start, given in wanted:
        names = list(_below(start, given))
        if not names and paths:
            raise Misuse(
                f"no .sql file in {given}", hint="name a folder that holds SQL, or the file itself"
            )
        for name in names:
            path = Path(os.path.normpath(start / name))
            if path not in found:
                inside = project is not None and path.is_relative_to(project.root)
                shown = project.shown(path) if project and inside else str(Path(given) / name)
                found[path] = SqlFile(
                    path, shown, _read(path, shown), _top(path, project, base), given
                )
    return tuple(found.values())


def home(project: Project | None) -> Path | None:
    """The folder for what may be thrown away: RINGFENCE_HOME, else the project's .ringfence."""
    named = os.environ.get("RINGFENCE_HOME")
    return Path(named) if named else project.root / ".ringfence" if project else None


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


def _read(path: Path, shown: str) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Misuse(f"cannot read {shown}: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
        raise BadProject(
            f"{shown} is not UTF-8: byte 0x{raw[error.start]:02x}",
            span=_span(shown, raw[: error.start].decode("utf-8")),
            hint=f"iconv -f {'UTF-16' if utf16 else 'ISO-8859-1'} -t UTF-8 {shown} > new.sql",
        ) from None
    if "\0" in text:
        raise BadProject(
            f"{shown} is not text: it holds a zero byte",
            span=_span(shown, text[: text.index("\0")]),
            hint="PostgreSQL takes no zero byte in SQL; is this a binary file, or UTF-16?",
        )
    # As sqlfluff and PostgreSQL's positions count: one line end is one character.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _span(shown: str, before: str) -> Span:
    """The place behind a text, with the line's own text left out: it is not readable."""
    lines = before.split("\n")
    return Span(shown, len(lines), len(lines[-1]) + 1)
