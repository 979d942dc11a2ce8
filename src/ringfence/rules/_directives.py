"""All that is wrong with what a file's comments say to ringfence, where a run ends at the first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.errors import BadProject, Error
from ringfence.script import BESIDE, DIRECTIVES, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ringfence.rules._migration import Migration

_MOST = 50


def faults(migration: Migration) -> Iterator[BadProject]:
    """What of it nobody heeds, in a migration or in a file of ddl/."""
    script = Script(migration.shown, migration.raw.decode(), loose=not migration.managed)
    if "ringfence" not in script.text.lower():
        return
    yield from _each(script, _beside if migration.declares else _above)


def _each(script: Script, look: Callable[[Script], object]) -> Iterator[BadProject]:
    """What a look raises, and what it raises when that is left out, and so on."""
    for _ in range(_MOST):
        try:
            look(script)
        except BadProject as error:
            if error.span is None or error.span.path != script.path:
                return
            yield error
            lines = script.text.split("\n")
            line, column = lines[error.span.line - 1], max(error.span.column - 1, 0)
            lines[error.span.line - 1] = line[:column] + " " * (len(line) - column)
            if "/*" in line:
                lines[error.span.line - 1] = line.replace("ringfence", "         ")
            rest = "\n".join(lines)
            if rest == script.text:
                return
            script = replace(script, text=rest)
        except Error:
            return
        else:
            return


def _above(script: Script) -> None:
    """What a migration says. Of what stands beside its statements nobody asks when it runs."""
    said = script.directives
    if script.loose and "backfill" in said:
        _refuse(
            script,
            "backfill",
            "backfill is said in a file that is no revision: the statement runs over the whole table",
            "make it a revision; or have a loop written: ringfence rehearse --sql FILE --rewrite",
        )
    for key in ("hazard", "allowed"):
        for name in script.said(key):
            _refuse_hazard(script, key, name)


def _beside(script: Script) -> None:
    """What a file of ddl/ says."""
    from ringfence import hints

    for match in _lines(script):
        key = match[0]
        if key in DIRECTIVES and key not in BESIDE:
            _refuse(
                script,
                key,
                f"{key} is said in a file that is never run as a migration",
                "leave it out: what a migration says stands at the top of its own file",
            )
    tuple(hints.hints((script,)))
    tuple(hints.fillings((script,)))


def _lines(script: Script) -> Iterator[tuple[str, str, int]]:
    """The words that comments say, what follows each, and where the comment is."""
    from ringfence.script import directive

    for token in script.tokens():
        if token.text.startswith("--") and (said := directive(token.text)) is not None:
            yield (*said, token.start)


def _refuse(script: Script, key: str, message: str, hint: str, value: str | None = None) -> None:
    at = next(at for k, v, at in _lines(script) if k == key and value in (None, v))
    raise BadProject(message, span=script.span(at), hint=hint)


def _refuse_hazard(script: Script, key: str, name: str) -> None:
    import difflib

    from ringfence.rehearse import pages

    codes = sorted(pages.codes())
    code = name.partition(":")[0]
    if not name:
        message, hint = f"{key} names nothing", f"write: -- ringfence: {key}: DATA_LOSS:app.orders"
    elif code not in codes:
        near = difflib.get_close_matches(code.upper(), codes, n=1)
        message = f"{key} names {code}, and there is no such hazard"
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(codes)}"
    else:
        return
    _refuse(script, key, message, hint, name)
