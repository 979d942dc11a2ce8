"""A column of a table or foreign table; of a view, only what can hang on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import (
    REPLACE,
    Attribute,
    Context,
    Do,
    Kind,
    kind_of,
    loses_data,
    options_clause,
    pair,
)
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds.table import reset_options
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact, Ref

# What PostgreSQL refuses to leave in place while a column's type changes (ATExecAlterColumnType in
# src/backend/commands/tablecmds.c); it remakes indexes, constraints and statistics by itself.
_TYPE_BLOCKS = frozenset(
    {"view", "materialized_view", "rule", "policy", "trigger", "routine", "publication_table",
     "default", "column"}
)  # fmt: skip

_STORAGE = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
_COMPRESSION = {"p": "pglz", "l": "lz4"}


class Column(Kind):
    """A column. Its default is a fact of its own, unless it is generated."""

    name = "column"
    keyword = "COLUMN"
    grantable = ""
    privileges = ""
    folds = True
    attributes = {
        "expression": Attribute("reexpress", when="can_reexpress"),
        "generated": Attribute("reexpress", when="can_reexpress"),
        "type": Attribute("retype", blocks=_TYPE_BLOCKS),
        "collation": Attribute("retype", blocks=_TYPE_BLOCKS),
        "not_null": Attribute("renull"),
        "identity": Attribute("reidentify"),
        "sequence": Attribute("reidentify"),
        "storage": Attribute("restore"),
        "compression": Attribute("recompress"),
        "statistics": Attribute("resample"),
        "options": Attribute("reoption"),
        "fdw_options": REPLACE,
        "inherited": REPLACE,
    }

    def sql_name(self, ref: Ref) -> str:
        return qualified(ref.name)

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("column", *fact.ref.name),)

    def inline(self, fact: Fact, context: Context) -> str:
        """The column as it stands in CREATE TABLE or ADD COLUMN."""
        if fact["inherited"]:
            return ""
        text = f"{ident(fact.ref.name[-1])} {fact.text('type')}"
        if fact["collation"]:
            text += f" COLLATE {fact.text('collation')}"
        if fact["generated"]:
            kept = "STORED" if fact["generated"] == "s" else "VIRTUAL"
            text += f" GENERATED ALWAYS AS ({fact.text('expression')}) {kept}"
        if fact["identity"]:
            when = "ALWAYS" if fact["identity"] == "a" else "BY DEFAULT"
            text += f" GENERATED {when} AS IDENTITY{_sequence(fact)}"
        for default in context.inlined(fact.ref, "default"):
            text += f" DEFAULT {default.text('expression')}"
        if fact["not_null"]:
            text += " NOT NULL"
        return text

    def afterwards(self, fact: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """What ADD COLUMN has no word for."""
        name = _table(fact)
        column = ident(fact.ref.name[-1])
        if fact["storage"]:
            yield Do(f"{name} ALTER COLUMN {column} SET STORAGE {_STORAGE[fact.text('storage')]}")
        if fact["compression"]:
            method = _COMPRESSION[fact.text("compression")]
            yield Do(f"{name} ALTER COLUMN {column} SET COMPRESSION {method}")
        if fact["statistics"] is not None:
            yield Do(f"{name} ALTER COLUMN {column} SET STATISTICS {fact['statistics']}")
        if fact["options"]:
            clause = options_clause(fact.list("options"), keyword="SET").lstrip()
            yield Do(f"{name} ALTER COLUMN {column} {clause}")

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        if new.parent is not None and new.parent.kind in ("table", "foreign_table"):
            text = self.inline(new, context)
            if text:
                yield Do(f"{_table(new)} ADD COLUMN {text}")
        yield from self.afterwards(new, context)

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        if old.parent is not None and old.parent.kind in ("table", "foreign_table"):
            yield Do(
                f"{_table(old)} DROP COLUMN {ident(old.ref.name[-1])}",
                loses_data(old.ref, f"every value of {old.ref.path} is lost"),
            )

    def retype(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ALTER COLUMN TYPE, with a cast when there is no implicit one to rely on."""
        _, new = pair(change)
        column = ident(new.ref.name[-1])
        kind = new.text("type")
        collate = f" COLLATE {new.text('collation')}" if new["collation"] else ""
        hazard = Hazard(
            HazardCode.REWRITE,
            new.ref,
            f"{'.'.join(new.ref.name[:-1])} may be written anew under lock",
        )
        yield Do(
            f"{_table(new)} ALTER COLUMN {column} TYPE {kind}{collate} USING {column}::{kind}",
            (hazard,),
        )

    def renull(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET or DROP NOT NULL."""
        _, new = pair(change)
        column = ident(new.ref.name[-1])
        if new["not_null"]:
            hazard = Hazard(
                HazardCode.SCAN_UNDER_LOCK,
                new.ref,
                "every row is read while nobody may use the table",
            )
            yield Do(f"{_table(new)} ALTER COLUMN {column} SET NOT NULL", (hazard,))
        else:
            yield Do(f"{_table(new)} ALTER COLUMN {column} DROP NOT NULL")

    def can_reexpress(self, change: Change, context: Context) -> bool:
        """DROP EXPRESSION always; SET EXPRESSION from PostgreSQL 17 on."""
        old, new = pair(change)
        if old["generated"] == "s" and not new["generated"]:
            return True
        return context.server_version >= 170000 and old["generated"] == new["generated"]

    def reexpress(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """DROP EXPRESSION or SET EXPRESSION."""
        _, new = pair(change)
        column = ident(new.ref.name[-1])
        if not new["generated"]:
            yield Do(f"{_table(new)} ALTER COLUMN {column} DROP EXPRESSION")
            return
        hazard = Hazard(HazardCode.REWRITE, new.ref, "the table is written anew under lock")
        yield Do(
            f"{_table(new)} ALTER COLUMN {column} SET EXPRESSION AS ({new.text('expression')})",
            (hazard,),
        )

    def reidentify(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ADD, SET or DROP IDENTITY."""
        old, new = pair(change)
        column = ident(new.ref.name[-1])
        when = "ALWAYS" if new["identity"] == "a" else "BY DEFAULT"
        if not new["identity"]:
            yield Do(f"{_table(new)} ALTER COLUMN {column} DROP IDENTITY")
        elif not old["identity"]:
            yield Do(
                f"{_table(new)} ALTER COLUMN {column} ADD GENERATED {when} AS IDENTITY{_sequence(new)}"
            )
        else:
            changes = [f"SET GENERATED {when}"] if old["identity"] != new["identity"] else []
            before, after = old.list("sequence"), new.list("sequence")
            words = ("", "START WITH", "INCREMENT BY", "MINVALUE", "MAXVALUE", "CACHE", "")
            for word, was, now in zip(words, before, after, strict=True):
                if word and was != now:
                    changes.append(f"SET {word} {now}")
            if before[6:] != after[6:]:
                changes.append("SET CYCLE" if after[6] == "true" else "SET NO CYCLE")
            if changes:
                yield Do(f"{_table(new)} ALTER COLUMN {column} {' '.join(changes)}")

    def restore(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET STORAGE."""
        _, new = pair(change)
        word = _STORAGE[new.text("storage")] if new["storage"] else "DEFAULT"
        yield Do(f"{_table(new)} ALTER COLUMN {ident(new.ref.name[-1])} SET STORAGE {word}")

    def recompress(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET COMPRESSION."""
        _, new = pair(change)
        word = _COMPRESSION[new.text("compression")] if new["compression"] else "DEFAULT"
        yield Do(f"{_table(new)} ALTER COLUMN {ident(new.ref.name[-1])} SET COMPRESSION {word}")

    def resample(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET STATISTICS; -1 is the default on every server."""
        _, new = pair(change)
        target = -1 if new["statistics"] is None else new["statistics"]
        yield Do(f"{_table(new)} ALTER COLUMN {ident(new.ref.name[-1])} SET STATISTICS {target}")

    def reoption(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET and RESET (n_distinct = …)."""
        old, new = pair(change)
        prefix = f"{_table(new)} ALTER COLUMN {ident(new.ref.name[-1])}"
        yield from reset_options(prefix, old.list("options"), new.list("options"))


def _table(fact: Fact) -> str:
    assert fact.parent is not None
    return f"ALTER {kind_of(fact.parent).keyword} {qualified(fact.ref.name[:-1])}"


def _sequence(fact: Fact) -> str:
    name, start, step, low, high, cache, cycle = fact.list("sequence")
    schema, table, column = fact.ref.name
    options: list[str] = []
    usual = f"{ident(schema)}.{ident(f'{table}_{column}_seq')}"
    if name != usual:
        options.append(f"SEQUENCE NAME {name}")
    if (
        (start, step, low, cache) != ("1", "1", "1", "1")
        or cycle == "true"
        or not high.endswith("7")
    ):
        options += [
            f"START WITH {start}",
            f"INCREMENT BY {step}",
            f"MINVALUE {low}",
            f"MAXVALUE {high}",
        ]
        options.append(f"CACHE {cache}")
        options += ["CYCLE"] if cycle == "true" else []
    return f" ({' '.join(options)})" if options else ""


KIND = Column()
