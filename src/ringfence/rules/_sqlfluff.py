"""What is asked of sqlfluff: its configuration for a file, what it finds in a text, a rule's page.

sqlfluff takes half a second to import, so nothing here does until there is a text to look at.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringfence.errors import Misuse

if TYPE_CHECKING:
    from sqlfluff.core import Linter, SQLBaseError
    from sqlfluff.core.rules import BaseRule
    from sqlfluff.core.types import ConfigMappingType

OURS = Path(__file__).with_name("sqlfluff.cfg")
"""The configuration of a project that says nothing about sqlfluff."""

_NAMES = ("setup.cfg", "tox.ini", "pep8.ini", ".sqlfluff", "pyproject.toml")  # later ones win
_STUMBLED = ("PRS", "LXR", "TMP")

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
        config = linter.config.copy()
        config.process_raw_file_for_config(job.text, job.shown)
        linted = linter.lint_string(job.text, fname=job.shown, config=config)
    except SQLFluffUserError as error:
        raise Misuse(
            f"sqlfluff refuses its configuration for {job.shown}: {_one_line(str(error))}",
            detail=f"read from {', '.join(job.settings.files)}, and `-- sqlfluff:` lines of the file",
        ) from None
    except RecursionError:
        return [Note(1, 0, UNPARSED, "warning", "nested too deeply for sqlfluff")]
    said = linted.get_violations(filter_warning=False)
    if any(v.rule_code() in _STUMBLED for v in said) and (wrong := _syntax_error(job.text)):
        return [wrong]
    return [_note(v, job.text) for v in said]


def _note(violation: SQLBaseError, text: str) -> Note:
    stumbled = violation.rule_code() in _STUMBLED
    message = _one_line(violation.desc())
    if stumbled:
        shown = message.partition(": ")[2] or message
        message = f"sqlfluff cannot parse what PostgreSQL can. {shown}"
    return Note(
        line=max(violation.line_no, 1),
        column=violation.line_pos,
        code=UNPARSED if stumbled else violation.rule_code(),
        severity="info" if violation.warning else "warning",
        message=message,
        help="to accept that its style stays unchecked, end the line in -- noqa: PRS"
        if stumbled
        else "",
        fix="" if stumbled else _fix(violation.to_dict().get("fixes", ()), text),
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


def _fix(fixes: Any, text: str) -> str:
    """The lines that a finding's edits change, as they would be; empty where edits collide."""
    pieces, at = [], 0
    for fix in sorted(fixes, key=lambda f: (f["start_file_pos"], f["end_file_pos"])):
        if fix["start_file_pos"] < at:
            return ""
        pieces += [text[at : fix["start_file_pos"]], fix["edit"]]
        at = fix["end_file_pos"]
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
            return (
                f"{rule.code} ({rule.name})\n\n{cleandoc(type(rule).__doc__ or rule.description)}\n"
            )
    return ""


def _every_rule() -> list[BaseRule]:
    from sqlfluff.core import Linter

    return Linter(dialect="postgres").get_rulepack().rules


@cache
def _linter(settings: Settings) -> Linter:
    from sqlfluff.core import FluffConfig, Linter
    from sqlfluff.core.config.file import load_config_file_as_dict
    from sqlfluff.core.helpers.dict import nested_combine

    # It warns on stderr of what it then reports, too.
    logging.getLogger("sqlfluff").addHandler(logging.NullHandler())
    logging.getLogger("sqlfluff").propagate = False
    load_config_file_as_dict.cache_clear()  # the settings say when it is time to read again
    said = [load_config_file_as_dict(name) for name in settings.files]
    base: ConfigMappingType = {"core": {"dialect": "postgres", "templater": "raw"}}
    # sqlfluff skips what is large; a file that nobody looked at must not pass.
    whole: ConfigMappingType = {"max_parse_nodes": 0, "large_file_skip_byte_limit": 0}
    return Linter(config=FluffConfig(configs=nested_combine(base, *said), overrides=whole))


def _one_line(text: str) -> str:
    return " ".join(text.split())
