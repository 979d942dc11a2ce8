"""What `ringfence lint` looks for: one module a rule, found by looking.

A rule is a module beside this one whose docstring is its page (`ringfence explain` prints it) and
that holds one function under `@rule(code)`. The function takes what it looks at and yields an
`Outcome`. Modules that begin with an underscore are the rules' tools.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import Misuse
from ringfence.finding import Report, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence.finding import Coverage, Finding
    from ringfence.project import Project

Progress = Callable[[int, int], None]
"""Told how much of the slow work is done: files so far, files in all."""


@dataclass(frozen=True, slots=True)
class SqlFile:
    """A file to lint: where it is, the path that findings show, and what it says.

    `top` is the directory that configuration is looked for from, down to the file's own; `given`
    is the path, as asked for, that led here.
    """

    path: Path
    shown: str
    text: str
    top: Path
    given: str


@dataclass(frozen=True, slots=True)
class Context:
    """What rules may use besides the files: a folder to remember results in, someone to tell."""

    cache: Path | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule has found, and what it looked at."""

    findings: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()


Check = Callable[[tuple[SqlFile, ...], Context], Outcome]


@dataclass(frozen=True, slots=True)
class Rule:
    """A registered rule. Its findings' codes are `code`, or begin with `code/`."""

    code: str
    page: str
    check: Check


_rules: dict[str, Rule] = {}


def rule(code: str) -> Callable[[Check], Check]:
    """Register a function as a rule; its module's docstring is the page."""

    def register(check: Check) -> Check:
        page = inspect.getdoc(inspect.getmodule(check)) or ""
        _rules[code] = Rule(code, page, check)
        return check

    return register


def rules() -> tuple[Rule, ...]:
    """Every rule, by code."""
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        import_module(f"{__name__}.{path.stem}")
    return tuple(_rules[code] for code in sorted(_rules))


def lint(
    project: Project | None,
    paths: Sequence[Path | str] = (),
    *,
    base: Path | None = None,
    fail_on: Severity = Severity.WARNING,
    progress: Progress | None = None,
) -> Report:
    """Look at SQL files and report what the rules find.

    `paths` are files and folders, relative to `base` (default: the working directory); with none,
    the project's ddl and migrations. Raises `Misuse` when there is nothing to look at or a path
    cannot be read, `BadProject` when a file is not text.
    """
    from ringfence.pg.cluster import cache
    from ringfence.rules._files import collect

    files, absent = collect(project, paths, (base or Path.cwd()).absolute())
    kept = cache()
    context = Context(kept / "lint" if kept else None, progress)
    outcomes = [each.check(files, context) for each in rules()]
    return Report(
        command="lint",
        findings=tuple(f for outcome in outcomes for f in outcome.findings),
        coverage=tuple(c for outcome in outcomes for c in outcome.coverage) + absent,
        target=", ".join(dict.fromkeys(f.given for f in files)),
        fail_on=fail_on,
    )


def explain(code: str) -> str:
    """The page of a rule, by its code or the code of one of its findings.

    Raises `Misuse` that names the nearest code for one that does not exist.
    """
    known = {each.code: each for each in rules()}
    family, _, rest = code.partition("/")
    if code in known:
        return known[code].page
    if family in known and rest:
        from ringfence.rules import _sqlfluff

        page = _sqlfluff.page(rest)
        if page:
            return page
        known |= {f"{family}/{name}": known[family] for name in _sqlfluff.codes()}
    import difflib

    near = difflib.get_close_matches(code, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "codes stand in brackets behind a finding"
    raise Misuse(f"no rule {code}", hint=hint)
