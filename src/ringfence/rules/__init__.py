"""What `ringfence lint` looks for: one module a rule, found by looking.

A rule is a module in one of the folders beside this one. Its docstring is its page (`ringfence
explain` prints it), the SQL in the page its tests. It holds one function under `@rule(code, …)`,
and the type of that function's parameter says what it looks at:

    Action      one thing that a statement of a migration does, and the state of things before it
    Migration   a whole migration
    Schema      the catalog of ddl/, loaded into a database of ringfence's own

Other packages add rules by an entry point in the group `ringfence.rules`, which names a module.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringfence.errors import Misuse
from ringfence.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence.errors import Span
    from ringfence.finding import Coverage, Finding, Report
    from ringfence.model import Ref
    from ringfence.project import Project
    from ringfence.rules._migration import Action as Action
    from ringfence.rules._migration import Migration as Migration
    from ringfence.rules._schema import Schema as Schema


def __getattr__(name: str) -> object:
    """The types that rules look at, imported when a rule asks for one: they bring the parser."""
    if name in ("Action", "Migration"):
        return getattr(import_module("ringfence.rules._migration"), name)
    if name == "Schema":
        return import_module("ringfence.rules._schema").Schema
    raise AttributeError(name)


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


@dataclass(frozen=True, slots=True)
class Problem:
    """What a rule yields: one thing that is wrong.

    `ref` is the object, `at` the offset in the file, in bytes, as PostgreSQL's parser counts them;
    without it the place is the statement's, or the object's. `severity` is the rule's unless given.
    """

    message: str
    ref: Ref | None = None
    at: int = -1
    help: str = ""
    fix: str = ""
    severity: Severity | None = None


Check = Callable[..., Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A registered rule. Its findings' codes are `code`, or begin with `code/`.

    `looks_at` is the name of its parameter's type; `on` the verbs of the actions it wants to see;
    `measurable` whether running the statement shows if what it says is so: what waits for what, and
    how long. `measured_as` are the hazards by which a rehearsal says the same: with any, what was run is
    settled only where one of them was told. One that is `asked` for is heeded when its code is selected,
    and not with its family. One about migrations that looks `anywhere` is shown the files of ddl/ as well.
    """

    code: str
    severity: Severity
    page: str
    looks_at: str
    check: Callable[..., Any]
    on: tuple[str, ...] = field(default=())
    measurable: bool = False
    measured_as: tuple[str, ...] = ()
    asked: bool = False
    anywhere: bool = False

    @property
    def title(self) -> str:
        """What is wrong where it finds something, in a line."""
        return self.page.partition("\n")[0].rstrip(".")


USERS = ("OLD_READER", "OLD_WRITER")
"""The hazards by which a rehearsal says that who used something before cannot go on."""

_FOLDERS = ("", "migration", "isolation", "correctness", "structure", "remarks")
FAMILIES = {
    "style": "how SQL is laid out",
    "M": "what a migration does to a database at work",
    "T": "isolation of tenants",
    "C": "correctness",
    "P": "structure and performance",
    "squawk": "what squawk says of migrations, with --squawk",
    "L": "what is said to lint itself",
}
"""The letter that a code begins with, and what such rules are about."""

_rules: dict[str, Rule] = {}


def rule(
    code: str,
    severity: Severity = Severity.WARNING,
    *,
    on: Sequence[str] = (),
    measurable: bool = False,
    measured_as: Sequence[str] = (),
    asked: bool = False,
    anywhere: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as a rule; its module's docstring is the page."""

    def register(check: Callable[..., Any]) -> Callable[..., Any]:
        said = next(iter(check.__annotations__.values()))
        looks_at = said if isinstance(said, str) else said.__name__
        page = (sys.modules[check.__module__].__doc__ or "").strip()
        known = _rules.get(code)
        if known is not None and known.check.__module__ != check.__module__:
            raise Misuse(
                f"{check.__module__} registers rule {code}, which {known.check.__module__} has",
                hint="give it a code of its own",
            )
        looks_at = "files" if "SqlFile" in looks_at else looks_at.rpartition(".")[2]
        _rules[code] = Rule(
            code,
            severity,
            page,
            looks_at,
            check,
            tuple(on),
            measurable,
            tuple(measured_as),
            asked,
            anywhere,
        )
        return check

    return register


def rules() -> tuple[Rule, ...]:
    """Every rule, by code."""
    for folder in _FOLDERS:
        _load(folder)
    _load_others()
    return tuple(_rules[code] for code in sorted(_rules))


@cache
def _load(family: str) -> None:
    """Import the modules of one folder."""
    folder = Path(__file__).parent / family
    package = f"{__name__}.{family}" if family else __name__
    for path in sorted(folder.glob("[!_]*.py")):
        import_module(f"{package}.{path.stem}")


@cache
def _load_others() -> None:
    """Import what other packages add."""
    from importlib.metadata import entry_points

    for point in entry_points(group="ringfence.rules"):
        try:
            point.load()
        except Misuse:
            raise
        except Exception as error:
            raise Misuse(
                f"the rules of {point.value} cannot be loaded: {type(error).__name__}: {error}",
                hint=f"pip uninstall {point.dist.name}" if point.dist else "",
            ) from error


def spelled(code: str) -> str:
    """A code or family as the rules have it, however its letters are: M001 for m001."""
    family, slash, rest = code.partition("/")
    if family.lower() in FAMILIES:
        family = family.lower()
        return f"{family}{slash}{rest.upper() if family == 'style' else rest}"
    return code.upper() if re.fullmatch(r"[A-Za-z](\d{3})?", code) else code


def known(codes: Iterable[str]) -> tuple[str, ...]:
    """Codes and families as they were given, checked. Raises `Misuse` for one that does not exist."""
    every = {each.code for each in rules()} | set(FAMILIES)
    for code in (given := tuple(codes)):
        if code in every or (code.startswith("squawk/") and _squawks(code.removeprefix("squawk/"))):
            continue
        if code.startswith("style/"):
            from ringfence.rules import _sqlfluff

            styles = {_sqlfluff.UNPARSED, *_sqlfluff.codes()}
            if code.removeprefix("style/") in styles:
                continue
            every |= {f"style/{name}" for name in styles}
        raise Misuse(f"no rule {code}", hint=_near(code, every))
    return given


def _squawks(name: str) -> bool:
    """Whether squawk has a rule of that name, as far as one can ask."""
    from ringfence.rules import _squawk

    return _squawk.has(name)


def covers(given: str, code: str) -> bool:
    """Whether a code or family that somebody gave means this code."""
    return given == code or code.startswith(f"{given}/") or (len(given) == 1 and code[:1] == given)


def _near(code: str, every: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(code, sorted(every), n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else "ringfence explain lists them"


def lint(
    project: Project | None,
    paths: Sequence[Path | str] = (),
    *,
    base: Path | None = None,
    fail_on: Severity = Severity.WARNING,
    progress: Progress | None = None,
    select: Sequence[str] = (),
    skip: Sequence[str] = (),
    catalog: bool = False,
    squawk: bool = False,
    since: str = "",
    baseline: Path | None = None,
    accept: str | None = None,
    fix: bool = False,
) -> Report:
    """Look at SQL files, and with `catalog` at the schema they make, and report what rules find.

    `paths` are files and folders, relative to `base` (default: the working directory); with none,
    the project's ddl and migrations. `select` and `skip` are codes or families. With `since`, only
    what stands in files that differ from where this branch left that commit; with `baseline`, not
    what it accepts; with `accept`, a reason, it is written to accept what is found. With `fix`,
    files are laid out anew where that changes nothing else. Raises `Misuse`
    when there is nothing to look at, a path cannot be read or a code is unknown, `BadProject` when
    a file is not text.
    """
    from ringfence.rules._run import run

    return run(
        project,
        paths,
        (base or Path.cwd()).absolute(),
        fail_on=fail_on,
        progress=progress,
        select=tuple(map(spelled, select)),
        skip=tuple(map(spelled, skip)),
        catalog=catalog,
        squawk=squawk,
        since=since,
        baseline=baseline,
        accept=accept,
        fix=fix,
    )


def settled(
    findings: Iterable[Finding], ran: Iterable[tuple[Span, str]], seen: Iterable[Finding] = ()
) -> tuple[Finding, ...]:
    """Findings without the guesses about statements that were run and measured.

    `ran` holds, for each such statement, its place and its text, `seen` what was found of them. Of
    what only others can tell, that a name is gone, or real rows, how many are written, a guess goes
    where the same was seen.
    """
    import postgast

    from ringfence.finding import AGREED, Basis, Severity

    measured: dict[tuple[str, int, int], tuple[str, str]] = {}
    for at, text in ran:
        with suppress(postgast.PgQueryError):
            place = (at.path, at.line, at.column)
            measured[place] = (at.path, str(postgast.fingerprint(text).hex))
    told = {
        (f.code, measured.get((f.span.path, f.span.line, f.span.column)))
        for f in seen
        if f.span is not None and (f.severity is not Severity.INFO or f.help == AGREED)
    }
    statements = set(measured.values())
    by_code = {each.code: each for each in rules()}

    def settles(guess: Finding) -> bool:
        rule = by_code.get(guess.code)
        if guess.basis is not Basis.STATIC or guess.span is None or rule is None:
            return False
        its = (guess.span.path, guess.key.rpartition(":")[2])
        if rule.measured_as:
            return any((code, its) in told for code in rule.measured_as)
        return rule.measurable and its in statements

    return tuple(each for each in findings if not settles(each))


def explain(code: str) -> str:
    """The page of a rule, by its code or the code of one of its findings.

    Raises `Misuse` that names the nearest code for one that does not exist.
    """
    every = {each.code: each for each in rules()}
    family, _, rest = code.partition("/")
    if family == "squawk" and rest:
        return f"squawk's rule {rest}: https://squawkhq.com/docs/{rest}"
    if code.upper() in every:
        code = code.upper()
    if code in every:
        return every[code].page
    if family in every and rest:
        from ringfence.rules import _sqlfluff

        page = _sqlfluff.page(rest)
        if page:
            return page
        every |= {f"{family}/{name}": every[family] for name in _sqlfluff.codes()}
    if code in FAMILIES:
        return listed(code)
    near = _near(code, every)
    raise Misuse(f"no rule {code}", hint=near)


def listed(family: str = "") -> str:
    """Every rule, or those of a family, a line each."""
    return "\n".join(
        f"{each.code}  {each.title}" for each in rules() if not family or covers(family, each.code)
    )
