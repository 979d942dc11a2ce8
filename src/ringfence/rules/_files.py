"""Which files there are to lint, read and decoded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import BadProject, Misuse, Span
from ringfence.finding import Coverage
from ringfence.project import Project, need
from ringfence.rules import SqlFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def collect(
    project: Project | None, paths: Sequence[Path | str], base: Path
) -> tuple[tuple[SqlFile, ...], tuple[Coverage, ...]]:
    """Every file under `paths`, once each, in order, and which of the project's folders hold none.

    In folders these are the files named *.sql, hidden folders left out; a file named outright is
    taken whatever its name. With no paths: the project's ddl and migrations. Raises `Misuse` for
    what is missing, empty or unreadable, `BadProject` for what is not text.
    """
    if paths:
        wanted = [(base / path, str(path)) for path in paths]
    else:
        project = project or need(base)
        wanted = [(p, _shown(p, project, "")) for p in (project.ddl, project.migrations)]
    found: dict[Path, SqlFile] = {}
    absent: list[Coverage] = []
    for start, given in wanted:
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
        if not names and paths:
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
                found[path] = SqlFile(path, shown, _read(path, shown), top, given)
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
