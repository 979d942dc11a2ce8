"""SQL is laid out and capitalised alike everywhere.

Why it matters: where every file looks alike, a review's difference is a change of meaning, and
nobody reads thirty moved commas to find the dropped `NOT NULL`.

Caught: what sqlfluff finds, under its own code: `style/LT01` is sqlfluff's LT01. Without
configuration of yours these are upper-case keywords and types, lower-case names, four spaces, lines
of at most 100 characters, and a semicolon after every statement. Files of any size are looked at;
a file that PostgreSQL's parser refuses is an error, `style/PRS`, at the place PostgreSQL names.

Passes: the same SQL laid out as `sqlfluff fix` would. Function bodies in dollar quotes are text to
sqlfluff and stay as they are.

When to ignore: end the line in `-- noqa: LT05` with the rule's code; for a whole project exclude
the rule in `[tool.sqlfluff.core]` of pyproject.toml, and say why in a comment. Once a project has
such a table it replaces ringfence's configuration as a whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import closing
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import Span
from ringfence.finding import Basis, Coverage, Finding, Severity, counted
from ringfence.rules import Context, Outcome, SqlFile, _sqlfluff, rule
from ringfence.rules._sqlfluff import UNPARSED, Job, Note, settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from ringfence.rules._sqlfluff import Settings

_KEPT = 4000  # results in the cache; beyond it the older half goes
_PARALLEL = 6  # files from which a second process is worth its start


@rule("style")
def style(files: tuple[SqlFile, ...], context: Context) -> Outcome:
    """Ask sqlfluff about every file that it was not asked about before in these very words."""
    found: dict[SqlFile, Settings] = {}
    by_folder: dict[tuple[Path, Path], Settings] = {}
    for file in files:
        where = (file.path.parent, file.top)
        if where not in by_folder:
            by_folder[where] = settings(*where)
        found[file] = by_folder[where]
    keys = {file: _key(file, found[file]) for file in files}
    notes = {file: _remembered(context.cache, keys[file]) for file in files}
    unknown = [file for file in files if notes[file] is None]
    if unknown and context.progress:
        context.progress(0, len(unknown))
    # Closed at once when interrupted: it may have processes at work.
    with closing(_asked(unknown, found)) as asked:
        for done, (file, said) in enumerate(asked, 1):
            notes[file] = said
            _remember(context.cache, keys[file], said)
            if context.progress:
                context.progress(done, len(unknown))
    if unknown:
        _forget(context.cache)
    results = {file: said or [] for file, said in notes.items()}
    return Outcome(
        tuple(_finding(file, note) for file, said in results.items() for note in said),
        tuple(_coverage(results)),
    )


def _asked(
    files: list[SqlFile], found: dict[SqlFile, Settings]
) -> Generator[tuple[SqlFile, list[Note]], None, None]:
    """What sqlfluff says of each file, as it says it; the largest are asked about first."""
    files = sorted(files, key=lambda file: -len(file.text))
    jobs = [Job(file.text, file.shown, found[file]) for file in files]
    if len(jobs) < _PARALLEL:
        yield from ((file, _sqlfluff.check(job)) for file, job in zip(files, jobs, strict=True))
        return
    from ringfence.rules._workers import checked

    for index, said in checked(jobs):
        yield files[index], said


def _finding(file: SqlFile, note: Note) -> Finding:
    lines = file.text.removesuffix("\n").split("\n")
    line, column = note.line, note.column
    if line > len(lines):  # behind the end there is nothing to show, and no line to jump to
        line, column = len(lines), len(lines[-1]) + 1
    return Finding(
        code=f"style/{note.code}",
        severity=Severity(note.severity),
        message=note.message,
        span=Span(file.shown, line, column, lines[line - 1]),
        help=note.help,
        fix=note.fix,
        basis=Basis.STATIC,
    )


def _coverage(results: dict[SqlFile, list[Note]]) -> Iterable[Coverage]:
    """A row for each path that was asked for, and one for each file not looked at in full."""
    blind = {
        file: next((n for n in said if n.code == UNPARSED), None) for file, said in results.items()
    }
    muted = {file for file in results if _MUTED.search(file.text)}
    for given in dict.fromkeys(file.given for file in results):
        own = [file for file in results if file.given == given and file not in muted]
        silent = sum(file.given == given for file in muted)
        if own or not silent:
            yield Coverage("style", given, sum(blind[file] is None for file in own), "file")
        if silent:
            title = f"{counted(silent, 'file')} in {given}"
            yield Coverage("style", title, skipped="as pull and plan wrote them: noqa: disable=all")
    for file, note in blind.items():
        if note:
            who = "PostgreSQL" if note.severity == Severity.ERROR else "sqlfluff"
            yield Coverage(
                "style", file.shown, skipped=f"{who} cannot parse it from line {note.line} on"
            )


_MUTED = re.compile(
    r"^--\s*noqa:\s*disable=all\s*$(?!.*^--\s*noqa:\s*enable)", re.MULTILINE | re.DOTALL
)


def _key(file: SqlFile, said: Settings) -> str:
    """What a result depends on: content, configuration, versions; never where the file lies."""
    whole = f"{_made_by()}\0{said.digest}\0{file.text}"
    return hashlib.sha256(whole.encode()).hexdigest()


@cache
def _made_by() -> str:
    """The code that makes results: sqlfluff's version, and what we make of its answers."""
    ours = Path(_sqlfluff.__file__).read_bytes()
    return f"{_sqlfluff.version()} {hashlib.sha256(ours).hexdigest()}"


def _remembered(folder: Path | None, key: str) -> list[Note] | None:
    """An earlier result, or None; whatever is wrong with the cache, it is only a cache."""
    if folder is None:
        return None
    try:
        return [Note(**note) for note in json.loads((folder / f"{key}.json").read_bytes())]
    except (OSError, ValueError, TypeError):
        return None


def _remember(folder: Path | None, key: str, notes: list[Note]) -> None:
    if folder is None:
        return
    import tempfile

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
            json.dump([asdict(note) for note in notes], file)
        Path(file.name).replace(folder / f"{key}.json")
    except OSError:
        return


def _forget(folder: Path | None) -> None:
    """Keep the cache small: when it holds too much, the results written first go."""
    if folder is None or not folder.is_dir():
        return
    try:
        kept = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
        if len(kept) > _KEPT:
            for path in kept[: len(kept) // 2]:
                path.unlink(missing_ok=True)
    except OSError:
        return
