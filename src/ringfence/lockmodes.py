"""Which lock a statement takes on what is there already, as far as its words tell.

For people who read a dry run: the strongest lock, and who waits for it. What a statement really does
to a table of a size, `ringfence rehearse` measures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ringfence.script import Statement

_WAITS = {
    "ACCESS EXCLUSIVE": "readers and writers wait",
    "EXCLUSIVE": "writers wait",
    "SHARE ROW EXCLUSIVE": "writers wait",
    "SHARE": "writers wait",
    "SHARE UPDATE EXCLUSIVE": "nobody waits but other changes of the schema",
    "ROW EXCLUSIVE": "nobody waits but for the rows it writes",
    "": "no lock on a table that is there",
}


def lock(statement: Statement) -> str:
    """The strongest lock's mode, empty where none is taken on a table that is there already."""
    words = statement.words
    first, second = (*words, "", "")[:2]
    if statement.takes_long and first != "REFRESH":
        return "SHARE UPDATE EXCLUSIVE"
    if first in {"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"}:
        return "ROW EXCLUSIVE"
    if first == "ALTER" and second in {"TABLE", "VIEW", "MATERIALIZED", "FOREIGN", "POLICY"}:
        return _altered(words)
    if first == "CREATE":
        return _created(words)
    if first == "ALTER" and second in {"INDEX", "SEQUENCE"}:
        return "SHARE ROW EXCLUSIVE" if second == "SEQUENCE" else "SHARE UPDATE EXCLUSIVE"
    if first == "COMMENT":
        return "SHARE UPDATE EXCLUSIVE"
    if first == "DROP":
        relations = {
            "TABLE",
            "VIEW",
            "MATERIALIZED",
            "INDEX",
            "SEQUENCE",
            "TRIGGER",
            "POLICY",
            "RULE",
        }
        return "ACCESS EXCLUSIVE" if second in relations else ""
    if first == "REFRESH":
        return "EXCLUSIVE" if "CONCURRENTLY" in words else "ACCESS EXCLUSIVE"
    if first in {"TRUNCATE", "CLUSTER", "VACUUM", "LOCK"}:
        return "ACCESS EXCLUSIVE"
    return "ACCESS EXCLUSIVE" if first == "REINDEX" else ""


def _altered(words: tuple[str, ...]) -> str:
    said = set(words[3:])
    if words[1] == "TABLE" and {"ATTACH", "STATISTICS", "CLUSTER"} & said:
        return "SHARE UPDATE EXCLUSIVE"
    if words[1] == "TABLE" and {"ADD", "FOREIGN", "REFERENCES"} <= said:
        return "SHARE ROW EXCLUSIVE"
    if words[1] == "TABLE" and "TRIGGER" in said and {"ENABLE", "DISABLE"} & said:
        return "SHARE ROW EXCLUSIVE"
    return "ACCESS EXCLUSIVE"


def _created(words: tuple[str, ...]) -> str:
    kinds = set(words[1:5])
    if "INDEX" in kinds and "ON" in words:
        return "SHARE"
    if "TRIGGER" in kinds:
        return "SHARE ROW EXCLUSIVE"
    if {"POLICY", "RULE"} & kinds:
        return "ACCESS EXCLUSIVE"
    if "STATISTICS" in kinds:
        return "SHARE UPDATE EXCLUSIVE"
    if "TABLE" in kinds and "PARTITION" in words:
        return "ACCESS EXCLUSIVE"
    if "TABLE" in kinds and "REFERENCES" in words:
        return "SHARE ROW EXCLUSIVE"
    return ""


def told(statement: Statement) -> str:
    """The lock and what it means for others, in a phrase."""
    mode = lock(statement)
    return f"{mode}: {_WAITS[mode]}" if mode else _WAITS[mode]
