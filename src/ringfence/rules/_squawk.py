"""What squawk says of migrations, as findings of ours: for those who know its rules."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import Bug, Misuse
from ringfence.finding import Basis, Finding, Severity
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence.rules import SqlFile

_BATCH = 500  # files on one command line


def _program() -> str | None:
    beside = Path(sys.executable).with_name("squawk")
    return str(beside) if beside.is_file() else shutil.which("squawk")


def has(name: str) -> bool:
    """Whether squawk knows a rule of that name; so it is believed where squawk is not installed."""
    program = _program()
    if program is None:
        return True
    asked = [program, "--exclude", name, "--reporter", "json"]
    done = subprocess.run(asked, capture_output=True, input=b"", check=False)
    return bool(name) and b"invalid rule name" not in done.stderr


def findings(files: Sequence[SqlFile]) -> list[Finding]:
    """squawk's violations, with the code `squawk/its-rule`. Raises `Misuse` where it is not there."""
    program = _program()
    if program is None:
        raise Misuse("squawk is not installed", hint="pip install 'ringfence[squawk]'")
    by_path = {str(file.path): file for file in files}
    found = []
    paths = list(by_path)
    for first in range(0, len(paths), _BATCH):
        done = subprocess.run(
            [program, "--reporter", "json", "--", *paths[first : first + _BATCH]],
            capture_output=True,
            check=False,
        )
        try:
            said = json.loads(done.stdout or b"[]")
        except ValueError:
            why = done.stderr.decode(errors="replace").strip().splitlines()
            raise Bug(f"squawk did not answer: {why[-1] if why else done.returncode}") from None
        found += [_finding(by_path[each["file"]], each) for each in said if each["file"] in by_path]
    return found


def _finding(file: SqlFile, said: dict[str, object]) -> Finding:
    lines = file.text.split("\n")
    number = min(int(str(said["line"])) + 1, len(lines))
    before = sum(len(line) + 1 for line in lines[: number - 1])
    offset = before + len(
        lines[number - 1].encode()[: int(str(said["column"]))].decode(errors="replace")
    )
    return Finding(
        f"squawk/{said['rule_name']}",
        Severity.ERROR if said["level"] == "Error" else Severity.WARNING,
        str(said["message"]),
        span=Script(file.shown, file.text).span(offset),
        help=str(said["help"] or ""),
        basis=Basis.STATIC,
    )
