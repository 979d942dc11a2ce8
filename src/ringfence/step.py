"""A plan as data: steps of SQL with their hazards, and the proof that they do what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from ringfence.change import Rename
from ringfence.errors import Misuse
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ringfence.change import Verb


def remark(text: str) -> str:
    """The text as a comment of SQL: one line, whatever names and messages it holds.

    A line that ends within it would end the comment, and what follows would run. Nor does it read
    as a directive (`-- ringfence: …`), which only ringfence writes.
    """
    line = one_line(text)
    return f"-- ({line})" if _SPEAKS.match(line) else f"-- {line}"


def one_line(text: str) -> str:
    """The text with what ends a line, or is no character to see, as an escape."""
    return text.translate(_ESCAPES)


_SPEAKS = re.compile(r"\s*ringfence\s*:", re.IGNORECASE)

_ESCAPES = {
    code: chr(code).encode("unicode_escape").decode()
    for code in (*range(32), 127, 0x85, 0x2028, 0x2029)
    if chr(code) != "\t"
}


class HazardCode(StrEnum):
    """What a step may do that somebody should agree to by name."""

    DATA_LOSS = "DATA_LOSS"
    REWRITE = "REWRITE"
    LONG_LOCK = "LONG_LOCK"
    SCAN_UNDER_LOCK = "SCAN_UNDER_LOCK"
    INDEX_BUILD = "INDEX_BUILD"
    STALE = "STALE"
    LOST_PRIVILEGE = "LOST_PRIVILEGE"
    LOST_PROTECTION = "LOST_PROTECTION"
    NOT_REVERSIBLE = "NOT_REVERSIBLE"


@dataclass(frozen=True, slots=True)
class Hazard:
    """One hazard of one step, with its consequence in a sentence."""

    code: HazardCode
    ref: Ref
    message: str

    @property
    def name(self) -> str:
        """What `--allow` takes: `DATA_LOSS:messaging.old_table`."""
        return f"{self.code}:{self.ref.path}"


Transactional = Literal["yes", "no", "commit"]
"""Whether a statement may run in a transaction; `commit`: yes, and what follows needs it committed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, without its semicolon."""

    sql: str
    ref: Ref
    verb: Verb
    hazards: tuple[Hazard, ...] = ()
    transactional: Transactional = "yes"
    comment: str = ""
    key: str = ""
    """The key, `id` or `a,b`, by which a statement about rows can be run a few rows at a time."""

    def remarks(self) -> tuple[str, ...]:
        """What stands above it in a script: its comment and its hazards, a line each."""
        told = dict.fromkeys((h.code, h.message) for h in self.hazards)
        hazards = (remark(f"hazard {code}: {message}") for code, message in told)
        return (*map(remark, [self.comment] if self.comment else []), *hazards)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was done to show that a plan does what it says, and what was not."""

    holds: bool
    checked: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps that turn the catalog with fingerprint `source` into the one with `target`."""

    steps: tuple[Step, ...]
    source: str
    target: str
    server_version: int
    notes: tuple[str, ...] = ()
    proof: Proof | None = None
    renames: tuple[Rename, ...] = ()

    @property
    def hazards(self) -> tuple[Hazard, ...]:
        """Every hazard, in the order of the steps."""
        return tuple(h for step in self.steps for h in step.hazards)

    def script(self) -> str:
        """The plan as a script for psql: what may run in a transaction is wrapped in one."""
        if not self.steps:
            return ""
        # A body may name what is made only later; it is not looked into before it runs.
        lines: list[str] = ["SET check_function_bodies = off;\n"]
        inside = False
        for step in self.steps:
            if step.transactional == "no" and inside:
                lines.append("COMMIT;\n")
                inside = False
            elif step.transactional != "no" and not inside:
                lines.append("BEGIN;\n")
                inside = True
            lines += step.remarks()
            lines.append(f"{step.sql};\n")
            if step.transactional == "commit":
                lines.append("COMMIT;\n")
                inside = False
        if inside:
            lines.append("COMMIT;\n")
        return "\n".join(lines)

    def to_json(self) -> Mapping[str, Any]:
        """The plan as JSON takes it; `from_json` is the inverse."""
        return {
            "format": 1,
            "source": self.source,
            "target": self.target,
            "server_version": self.server_version,
            "notes": list(self.notes),
            "renames": [{"from": str(r.old), "to": str(r.new)} for r in self.renames],
            "steps": [
                {
                    "sql": s.sql,
                    "ref": str(s.ref),
                    "verb": s.verb,
                    "transactional": s.transactional,
                    "comment": s.comment,
                    "key": s.key,
                    "hazards": [
                        {"code": str(h.code), "ref": str(h.ref), "message": h.message}
                        for h in s.hazards
                    ],
                }
                for s in self.steps
            ],
            "proof": None
            if self.proof is None
            else {
                "holds": self.proof.holds,
                "checked": list(self.proof.checked),
                "unchecked": list(self.proof.unchecked),
                "differences": list(self.proof.differences),
            },
        }


def from_json(document: Mapping[str, Any]) -> Plan:
    """The plan that `Plan.to_json` wrote. Raises `Misuse` on anything else."""
    try:
        return _read(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        hint = "ringfence diff live ddl --format json writes one; json.load reads it"
        raise Misuse(f"not a plan: {why}", hint=hint) from error


def _read(document: Mapping[str, Any]) -> Plan:
    if not isinstance(document, dict) or "format" not in document:
        raise ValueError("it is not an object that says its format")
    if document["format"] != 1:
        raise ValueError(f"it is of format {document['format']!r}, and this reads format 1")
    steps = tuple(
        Step(
            s["sql"],
            Ref.parse(s["ref"]),
            s["verb"],
            tuple(
                Hazard(HazardCode(h["code"]), Ref.parse(h["ref"]), h["message"])
                for h in s["hazards"]
            ),
            s["transactional"],
            s["comment"],
            s.get("key", ""),
        )
        for s in document["steps"]
    )
    proof = document["proof"]
    return Plan(
        steps,
        document["source"],
        document["target"],
        document["server_version"],
        tuple(document["notes"]),
        proof
        and Proof(
            proof["holds"],
            tuple(proof["checked"]),
            tuple(proof["unchecked"]),
            tuple(proof["differences"]),
        ),
        tuple(Rename(Ref.parse(r["from"]), Ref.parse(r["to"])) for r in document["renames"]),
    )
