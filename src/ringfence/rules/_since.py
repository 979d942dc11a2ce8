"""Which files a branch has changed, from git."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Sequence


def changed(base: Path, ref: str) -> set[Path]:
    """The files that differ from where this branch left `ref`, new ones not yet added included.

    Raises `Misuse` where there is no git, no repository or no such commit.
    """
    if ref.startswith("-"):
        raise Misuse(f"--since {ref} names no commit", hint="--since origin/main")
    top = Path(_git(base, ref, ["rev-parse", "--show-toplevel"])[0])
    fork = _git(base, ref, ["merge-base", ref, "HEAD"])[0]
    names = _git(top, ref, ["diff", "--name-only", "--no-renames", "-z", fork])
    names += _git(top, ref, ["ls-files", "--others", "--exclude-standard", "-z"])
    return {(top / name).resolve() for name in names}


def _git(folder: Path, ref: str, arguments: Sequence[str]) -> list[str]:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise Misuse(f"--since needs git: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Misuse(
            f"git cannot say what changed since {ref}: {said[-1] if said else 'no common commit'}",
            hint="name a branch or commit that is there: git fetch first, with its history",
        )
    text = done.stdout.decode(errors="surrogateescape")
    return [each for each in text.strip("\n\0").split("\0") if each] or [""]
