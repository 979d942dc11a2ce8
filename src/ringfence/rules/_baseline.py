"""Findings that a project has accepted as they are, each with a reason, in a file of its own.

A baseline is for what cannot carry a comment: a revision that ran is frozen, and a table from years
ago is not rewritten for a linter. New findings are reported all the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringfence.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ringfence.finding import Finding

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Accepted:
    """One entry: the fingerprint of a finding, and why it stays. `matched`: whether it was found."""

    fingerprint: str
    reason: str
    matched: bool = False


def read(path: Path) -> tuple[Accepted, ...]:
    """The entries of a baseline. Raises `Misuse` for a file that is none."""
    hint = "ringfence lint --baseline FILE --accept REASON writes one"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misuse(f"there is no baseline {path}", hint=hint) from None
    except OSError as error:
        raise Misuse(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise Misuse(f"{path} is no baseline: it is not JSON ({error})", hint=hint) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise Misuse(f"{path} is no baseline of format {FORMAT}", hint=hint)
    entries = document.get("accepted")
    if not isinstance(entries, list):
        raise Misuse(f"{path} is no baseline: it has no list of what is accepted", hint=hint)
    found = []
    for number, entry in enumerate(entries, 1):
        said = entry if isinstance(entry, dict) else {}
        fingerprint, reason = said.get("fingerprint"), said.get("reason")
        if not isinstance(fingerprint, str) or not fingerprint:
            raise Misuse(f"{path}: entry {number} has no fingerprint", hint=hint)
        if not isinstance(reason, str) or not reason.strip():
            raise Misuse(
                f"{path}: entry {number}, {fingerprint}, has no reason",
                hint="say why it is accepted: whoever reads it next year will ask",
            )
        found.append(Accepted(fingerprint, reason))
    return tuple(found)


def write(path: Path, findings: Iterable[Finding], reason: str, old: Iterable[Accepted]) -> int:
    """Accept findings: those known keep their reasons. The number of entries written."""
    if not reason.strip():
        raise Misuse("--accept gives no reason", hint='--accept "1.0 is in production as it is"')
    reasons = {each.fingerprint: each.reason for each in old}
    prints = sorted({finding.fingerprint for finding in findings})
    document = {
        "format": FORMAT,
        "accepted": [{"fingerprint": p, "reason": reasons.get(p, reason.strip())} for p in prints],
    }
    try:
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise Misuse(f"cannot write {path}: {error.strerror}") from None
    return len(prints)


def heeded(
    findings: Sequence[Finding], accepted: Iterable[Accepted]
) -> tuple[list[Finding], list[Accepted]]:
    """The findings that are not accepted, and the entries with whether they matched."""
    known = {each.fingerprint for each in accepted}
    found = {finding.fingerprint for finding in findings}
    kept = [finding for finding in findings if finding.fingerprint not in known]
    return kept, [Accepted(e.fingerprint, e.reason, e.fingerprint in found) for e in accepted]
