"""What is asked of sqlfluff: its configuration for a file, what it finds in a text, a rule's page.

sqlfluff takes half a second to import, so nothing here does until there is a text to look at.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringfence.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlfluff.core import FluffConfig, Linter, SQLBaseError

OURS = Path(__file__).with_name("sqlfluff.cfg")
"""The configuration of a project that says nothing about sqlfluff."""

_NAMES = ("setup.cfg", "tox.ini", "pep8.ini", ".sqlfluff", "pyproject.toml")  # later ones win
_LIMIT = "max_parse_nodes"


@dataclass(frozen=True, slots=True)
class Settings:
    """Which configuration files hold for a file, outermost first; `digest` tells their content."""

    files: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Note:
    """One thing sqlfluff says of a text: 1-based place, its code, and the lines that would be right.

    `severity` is a `Severity`'s value. `whole` is True where nothing else of the file was checked.
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
    """A text to check and the configuration files that hold for it."""

    text: str
    shown: str
    files: tuple[str, ...]


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
    said = [(folder, str(folder / name), _said(folder / name)) for folder in folders for name in _NAMES]
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
        linter = _linter(job.files)
        config = linter.config.copy()
        config.process_raw_file_for_config(job.text, job.shown)
        config.set_value(["large_file_skip_byte_limit"], 0)
        config.set_value([_LIMIT], 0)
        linted = linter.lint_string(job.text, fname=job.shown, config=config)
    except (SQLFluffUserError, ValueError, AssertionError) as error:
        raise Misuse(
            f"sqlfluff cannot work with its configuration: {_one_line(str(error))}",
            detail=f"read from {', '.join(job.files)}",
            hint="https://docs.sqlfluff.com tells what each key may be",
        ) from None
    said = linted.get_violations(filter_warning=False)
    unparsed = [v for v in said if v.rule_code() in ("PRS", "LXR", "TMP")]
    if unparsed and (wrong := _syntax_error(job.text)):
        return [wrong]
    return [_unparsed(v) if v in unparsed else _note(v, job.text) for v in said]


def _note(violation: SQLBaseError, text: str) -> Note:
    return Note(
        line=violation.line_no,
        column=violation.line_pos,
        code=violation.rule_code(),
        severity="info" if violation.warning else "warning",
        message=_one_line(violation.desc()),
        fix=_fix(violation.to_dict().get("fixes", ()), text),
    )
