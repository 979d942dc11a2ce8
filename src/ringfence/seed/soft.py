"""References that only a name makes: `account_ids uuid[]`, `created_by uuid`, without a foreign key.

Nothing holds them to a row that exists, or to the tenant's own, so the rows written here do: a
reference that points nowhere would look like a fault of the schema to whoever reads the data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringfence.seed.place import words_of
from ringfence.seed.shape import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.seed.rows import Family, Row
    from ringfence.seed.shape import Shape, Table

_PEOPLE = ("users", "user", "usuarios", "usuario")
_NAMED = re.compile(r"_(?:(?P<stem>\w+)_ids?|\w+_by)_\Z")


@dataclass(frozen=True, slots=True)
class Soft:
    """A column that names rows of another table: one, or with `many` some in an array."""

    column: str
    reference: Reference
    many: bool


def soft_references(shape: Shape, table: Table, bound: set[str]) -> Iterator[Soft]:
    """The columns of a table that refer to rows by name alone; none of those in `bound`."""
    for column in table.columns:
        if column.name in bound or column.generated or column.sequence:
            continue
        match = _NAMED.match(words_of(column.name))
        if match is None:
            continue
        type_, _ = shape.base(shape.types[column.type])
        member = shape.types[type_.element] if type_.element else type_
        if member.name != "uuid":
            # Numbers and text so named are more often another system's identifiers than ours.
            continue
        target = _target(shape, table, match["stem"])
        key = None if target is None else _single_key(target)
        if target is not None and key is not None and target.column[key].type == member.oid:
            reference = Reference(
                column.name, "", table.oid, target.oid, target.path, (column.name,), (key,)
            )
            yield Soft(column.name, reference, bool(type_.element))


def _target(shape: Shape, table: Table, stem: str | None) -> Table | None:
    """The one table that the name can mean, those of the same schema first."""
    found: list[Table] = []
    for candidate in shape.tables.values():
        words = words_of(candidate.name)
        if stem is None:
            fits = candidate.name.lower() in _PEOPLE
        else:
            fits = any(words.endswith(f"_{plural}_") for plural in _plurals(stem))
        if fits:
            found.append(candidate)
    near = [candidate for candidate in found if candidate.schema == table.schema]
    best = near or found
    return best[0] if len(best) == 1 else None


def _plurals(stem: str) -> tuple[str, ...]:
    plurals = (stem, f"{stem}s", f"{stem}es")
    return (*plurals, f"{stem[:-1]}ies") if stem.endswith("y") else plurals


def _single_key(table: Table) -> str | None:
    primary = next((key for key in table.keys if key.primary), None)
    return primary.columns[0] if primary and len(primary.columns) == 1 else None


def point(family: Family, row: Row, soft: Soft) -> None:
    """Let the column name rows that exist, of the row's own tenant; NULL stays NULL.

    Where there is no such row it is NULL, or what it was where it must be something.
    """
    if row.values.get(soft.column) is None:
        return
    key = soft.reference.target_columns[0]
    found = family.relatives(row, soft.reference, 2 if soft.many else 1)
    keys = [text for relative in found if (text := relative.values.get(key))]
    if keys:
        row.values[soft.column] = "{" + ",".join(keys) + "}" if soft.many else keys[0]
    elif not row.table.column[soft.column].not_null:
        row.values[soft.column] = None
