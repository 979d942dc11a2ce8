"""A schema's tables as an entity relationship diagram in Mermaid's language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Ref
    from ringfence.rules._schema import Foreign, Schema, Table


def diagram(schema: Schema, name: str) -> str:
    """The tables of one schema with their columns, and those that they refer to by name alone.

    Empty where it has none. A line for each foreign key: `||` one, `|o` one or none, `o{` any number.
    """
    tables = [t for ref, t in sorted(schema.tables.items()) if ref.name[0] == name]
    if not tables:
        return ""
    others = {k.target for t in tables for k in t.foreign} - {t.ref for t in tables}
    ids = {t.ref: f"t{n}" for n, t in enumerate(tables, 1)}
    ids |= {ref: f"o{n}" for n, ref in enumerate(sorted(others), 1)}
    lines = ["erDiagram"]
    for table in tables:
        lines.append(f'    {ids[table.ref]}["{_said(table.ref.name[-1])}"] {{')
        lines += [f"        {line}" for line in _columns(table)]
        lines.append("    }")
    lines += [f'    {ids[ref]}["{_said(ref.path)}"]' for ref in sorted(others)]
    for table in tables:
        lines += [f"    {line}" for line in _keys(table, ids)]
    return "\n".join(lines)


def _columns(table: Table) -> Iterator[str]:
    foreign = {c for key in table.foreign for c in key.columns}
    unique = {columns[0] for _, columns in table.uniques if len(columns) == 1}
    for name, fact in table.columns.items():
        marks = [
            mark
            for mark, has in (
                ("PK", name in table.primary),
                ("FK", name in foreign),
                ("UK", name in unique),
            )
            if has
        ]
        yield " ".join([_word(fact.text("type")), _word(name), ", ".join(marks)]).rstrip()


def _keys(table: Table, ids: dict[Ref, str]) -> Iterator[str]:
    unique = {frozenset(columns) for _, columns in table.uniques} | {frozenset(table.primary)}
    for key in sorted(table.foreign, key=lambda k: k.ref):
        one = "|o" if any(table.nullable(c) for c in key.columns) else "||"
        many = "o|" if frozenset(key.columns) in unique else "o{"
        yield f'{ids[key.target]} {one}--{many} {ids[table.ref]} : "{_label(key)}"'


def _label(key: Foreign) -> str:
    return _said(", ".join(key.columns))


def _said(text: str) -> str:
    """Text between double quotes, which Mermaid has no escape for."""
    return " ".join(text.replace('"', "'").split())


def _word(text: str) -> str:
    """A word of letters, digits and `_`, which is all that Mermaid takes for a type or a column."""
    word = re.sub(r"\W+", "_", text.replace("[]", " array")).strip("_") or "_"
    return word if not word[0].isdigit() else f"_{word}"
