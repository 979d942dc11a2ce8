"""What is asked of sqlfluff: its configuration for a file, what it finds in a text, a rule's page.

sqlfluff takes half a second to import, so nothing here does until there is a text to look at.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringfence.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlfluff.core import FluffConfig, Linter, SQLBaseError
    from sqlfluff.core.rules import BaseRule
    from sqlfluff.core.types import ConfigMappingType

OURS = Path(__file__).with_name("sqlfluff.cfg")
"""The configuration of a project that says nothing about sqlfluff."""

_NAMES = ("setup.cfg", "tox.ini", "pep8.ini", ".sqlfluff", "pyproject.toml")  # later ones win
_CRASHED = "Unexpected exception: "
STUMBLED = ("PRS", "LXR", "TMP")

UNPARSED = "PRS"
"""The code of a note that says (a part of) the text was not checked."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Which configuration files hold for a file, outermost first; `digest` tells their content."""

    files: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Note:
    """One thing sqlfluff says of a text: 1-based place, its code, and the lines that would be right.

    `severity` is a `Severity`'s value.
    """

    line: int
    column: int
    code: str
    severity: str
    message: str
    help: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A text to check and the configuration that holds for it."""

    text: str
    shown: str
    settings: Settings


def version() -> str:
    """Which sqlfluff is installed, and with which of its extensions: "sqlfluff-4.5.0".

    Read from names in site-packages: asking the package would import it.
    """
    spec = find_spec("sqlfluff")
    if spec is None or spec.origin is None:
        raise Misuse("sqlfluff is not installed", hint="pip install sqlfluff")
    installed = Path(spec.origin).parent.parent.glob("sqlfluff*.dist-info")
    return " ".join(sorted(path.name.removesuffix(".dist-info") for path in installed))


def settings(directory: Path, top: Path) -> Settings:
    """The configuration for files in `directory`, looked for from `top` downwards.

    Where `top` itself says nothing about sqlfluff, ours stands in for it. Raises `Misuse` for a
    file that cannot be read.
    """
    folders = [directory, *directory.parents]
    folders = folders[: folders.index(top) + 1][::-1]
    said = [
        (folder, str(folder / name), _said(folder / name)) for folder in folders for name in _NAMES
    ]
    said = [each for each in said if each[2]]
    if not any(folder == top for folder, _, _ in said):
        said.insert(0, (top, str(OURS), OURS.read_bytes()))
    digest = hashlib.sha256()
    for _, name, content in said:
        digest.update(b"%d %s\0" % (len(content), Path(name).name.encode()) + content)
    return Settings(tuple(name for _, name, _ in said), digest.hexdigest())


def _said(path: Path) -> bytes:
    """What a file says about sqlfluff: nothing for most."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return b""
    except OSError as error:
        raise Misuse(f"cannot read {path}: {error.strerror}") from None
    if path.name == "pyproject.toml":
        if b"sqlfluff" not in content:
            return b""
        import tomllib

        try:
            table = tomllib.loads(content.decode()).get("tool", {}).get("sqlfluff")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Misuse(f"{path} is not valid TOML: {error}") from None
        return json.dumps(table, default=str).encode() if table else b""
    return content if path.name == ".sqlfluff" or b"[sqlfluff" in content else b""


def check(job: Job) -> list[Note]:
    """What is wrong with a text. Raises `Misuse` where sqlfluff's configuration is."""
    from sqlfluff.core.errors import SQLFluffUserError

    try:
        linter = _linter(job.settings)
        config = linter.config
        if "sqlfluff:" in job.text:
            config = config.copy()
            config.process_raw_file_for_config(job.text, job.shown)
            _rules(linter, config)
        linted = linter.lint_string(job.text, fname=job.shown, config=config)
    except SQLFluffUserError as error:
        raise Misuse(
            f"sqlfluff refuses its configuration for {job.shown}: {_one_line(str(error))}",
            detail=f"read from {', '.join(job.settings.files)}, and `-- sqlfluff:` lines of the file",
        ) from None
    except RecursionError:
        return [Note(1, 0, UNPARSED, "warning", "nested too deeply for sqlfluff")]
    said = linted.get_violations(filter_warning=False)
    stumbled = [v.line_no for v in said if v.rule_code() in STUMBLED]
    if stumbled and (wrong := _syntax_error(job.text)):
        return [wrong]
    # From where it lost the thread on, sqlfluff takes legal SQL for badly laid out.
    end = min(stumbled, default=sys.maxsize)
    said = [v for v in said if v.line_no < end or v.rule_code() in STUMBLED]
    # What it says more than once of a line is said once, with one fix for all.
    lines: dict[tuple[object, ...], list[SQLBaseError]] = {}
    for each in said:
        lines.setdefault((each.line_no, each.rule_code(), each.desc()), []).append(each)
    return [_note(alike, job.text) for alike in lines.values()]


def fixed(job: Job) -> str:
    """A text as sqlfluff would lay it out. Raises `Misuse` where its configuration is wrong."""
    from sqlfluff.core.errors import SQLFluffUserError

    try:
        linter = _linter(job.settings)
        config = linter.config
        if "sqlfluff:" in job.text:
            config = config.copy()
            config.process_raw_file_for_config(job.text, job.shown)
        linted = linter.lint_string(job.text, fname=job.shown, config=config, fix=True)
        if any(v.rule_code() in STUMBLED for v in linted.get_violations(filter_warning=False)):
            return job.text
        return str(linted.fix_string()[0])
    except SQLFluffUserError as error:
        raise Misuse(
            f"sqlfluff refuses its configuration for {job.shown}: {_one_line(str(error))}"
        ) from None
    except RecursionError:
        return job.text


def _note(alike: list[SQLBaseError], text: str) -> Note:
    violation = alike[0]
    stumbled = violation.rule_code() in STUMBLED
    message, help_ = _one_line(violation.desc()), ""
    if stumbled:
        message = "sqlfluff cannot parse this, although PostgreSQL can"
        help_ = "to accept that its style stays unchecked, end the line in -- noqa: PRS"
    elif message.startswith(_CRASHED):
        why = message.removeprefix(_CRASHED).partition("; Could you")[0]
        message = f"sqlfluff's rule failed, and looked at no more of the file: {why}"
        help_ = "look for a value of the wrong type in sqlfluff's configuration"
    return Note(
        line=max(violation.line_no, 1),
        column=violation.line_pos,
        code=UNPARSED if stumbled else violation.rule_code(),
        severity="info" if violation.warning else "warning",
        message=message,
        help=help_,
        fix="" if stumbled else _fix([v.to_dict().get("fixes", ()) for v in alike], text),
    )


def _syntax_error(text: str) -> Note | None:
    """What PostgreSQL's own parser says against a text: sqlfluff stumbles over legal SQL too."""
    from postgast import PgQueryError, parse

    try:
        parse(text)
    except PgQueryError as error:
        # Unlike what its documentation says, the position counts characters.
        before = text[: error.cursorpos - 1].split("\n") if error.cursorpos else [""]
        column = len(before[-1]) + 1 if error.cursorpos else 0
        return Note(
            len(before),
            column,
            UNPARSED,
            "error",
            _one_line(error.message),
            help="style is checked once PostgreSQL can parse the file",
        )
    return None


def _fix(fixes: Iterable[Any], text: str) -> str:
    """The lines that some edits change, as they would be; empty where the edits collide."""
    pieces, at = [], 0
    edits = [(f["start_file_pos"], f["end_file_pos"], f["edit"]) for fix in fixes for f in fix]
    for start, end, new in sorted(dict.fromkeys(edits), key=lambda edit: edit[:2]):
        if start < at:
            return ""
        pieces += [text[at:start], new]
        at = end
    old, new = text.split("\n"), ("".join(pieces) + text[at:]).split("\n")
    first = _common(old, new)
    last = _common(old[first:][::-1], new[first:][::-1])
    return "\n".join(new[first : len(new) - last])


def _common(old: list[str], new: list[str]) -> int:
    """How many lines two texts begin with alike."""
    return next(
        (n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b),
        min(len(old), len(new)),
    )


def codes() -> tuple[str, ...]:
    """Every sqlfluff rule's code."""
    return tuple(rule.code for rule in _every_rule())


def page(code: str) -> str:
    """What sqlfluff's documentation says of a rule, or "" for a code that it does not have."""
    for rule in _every_rule():
        if rule.code == code:
            said = cleandoc(type(rule).__doc__ or rule.description)
            return f"{rule.code} ({rule.name})\n\n" + re.sub(r"\n{3,}", "\n\n", said)
    return ""


def _every_rule() -> list[BaseRule]:
    from sqlfluff.core import Linter

    return Linter(dialect="postgres").get_rulepack().rules


@cache
def _linter(settings: Settings) -> Linter:
    from sqlfluff.core import FluffConfig, Linter
    from sqlfluff.core.config.file import load_config_file_as_dict
    from sqlfluff.core.errors import SQLFluffUserError
    from sqlfluff.core.helpers.dict import nested_combine

    load_config_file_as_dict.cache_clear()  # the settings say when it is time to read again
    base: ConfigMappingType = {"core": {"dialect": "postgres", "templater": "raw"}}
    # sqlfluff skips what is large; a file that nobody looked at must not pass.
    whole: ConfigMappingType = {"max_parse_nodes": 0, "large_file_skip_byte_limit": 0}
    combined = base
    try:
        said = [load_config_file_as_dict(name) for name in settings.files]
        combined = nested_combine(base, *said)
        config = FluffConfig(configs=combined, overrides=whole)
    except KeyError:  # what it raises for a dialect that it does not have
        core = combined["core"]
        assert isinstance(core, dict)
        raise SQLFluffUserError(f"unknown dialect {core['dialect']!r}") from None
    except (AssertionError, AttributeError, TypeError) as error:
        what = f": {error}" if str(error) else ""
        raise SQLFluffUserError(f"a value is of the wrong type{what}") from None
    linter = Linter(config=config)
    _rules(linter, config)
    return linter


def _rules(linter: Linter, config: FluffConfig) -> None:
    """Raise sqlfluff's error where it would only warn: a rule it does not know, so does not check."""
    import logging

    from sqlfluff.core.errors import SQLFluffUserError

    said: list[str] = []
    listener = logging.Handler(logging.WARNING)
    listener.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("sqlfluff")
    # Nothing of its own on stderr, now and later: what matters is in the answer.
    logger.propagate = False
    logger.addHandler(listener)
    try:
        linter.get_rulepack(config)
    finally:
        logger.removeHandler(listener)
        logger.addHandler(logging.NullHandler())
    if said:
        raise SQLFluffUserError(" ".join(said))


def _one_line(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.strip())
