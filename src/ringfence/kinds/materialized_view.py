"""A materialized view."""

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
    reset_options,
)
from ringfence.kinds._sql import ident, qualified
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact


class MaterializedView(Kind):
    """A materialized view. What it holds comes from elsewhere: making it anew loses nothing."""

    name = "materialized_view"
    probe = "EXISTS (SELECT FROM relations WHERE relkind = 'm')"
    keyword = "MATERIALIZED VIEW"
    grantable = "TABLE"
    privileges = "arwdDxtm"
    computed = True
    attributes = {
        "definition": REPLACE,
        "columns": REPLACE,
        "access_method": Attribute("reaccess"),
        "tablespace": Attribute("respace"),
        "options": Attribute("reoption"),
        "toast_options": Attribute("reoption"),
        "unpopulated": Attribute("refill"),
    }

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("relation", *fact.ref.name), ("type", *fact.ref.name))

    def kept(self, fact: Fact, context: Context) -> tuple[str, str]:  # noqa: ARG002
        if fact["unpopulated"]:
            return "", ""
        refresh = f"REFRESH MATERIALIZED VIEW {qualified(fact.ref.name)}"
        return f"the rows of {fact.ref.path} were computed", refresh

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        text = f"CREATE MATERIALIZED VIEW {qualified(new.ref.name)}"
        if new["access_method"]:
            text += f" USING {ident(new.text('access_method'))}"
        text += options_clause(_options(new))
        if new["tablespace"]:
            text += f" TABLESPACE {ident(new.text('tablespace'))}"
        text += f" AS\n{new.text('definition').strip().rstrip(';')}"
        clause = "\nWITH NO DATA" if new["unpopulated"] else ""
        yield Do(text + clause, _filled_anew(context.old.facts.get(new.ref), new))
        for child in context.folded.get(new.ref, ()):
            yield from kind_of(child).afterwards(context.new.facts[child], context)

    def reaccess(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET ACCESS METHOD, from PostgreSQL 15 on."""
        _, new = pair(change)
        method = ident(new.text("access_method") or "heap")
        yield Do(f"{_alter(new)} SET ACCESS METHOD {method}", _rewrites(new))

    def respace(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET TABLESPACE, which copies it."""
        _, new = pair(change)
        space = ident(new.text("tablespace") or "pg_default")
        hazard = Hazard(HazardCode.LONG_LOCK, new.ref, f"{new.ref.path} is copied under lock")
        yield Do(f"{_alter(new)} SET TABLESPACE {space}", (hazard,))

    def reoption(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """SET and RESET what differs."""
        old, new = pair(change)
        yield from reset_options(_alter(new), _options(old), _options(new))

    def refill(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """REFRESH, with or without data."""
        _, new = pair(change)
        clause = " WITH NO DATA" if new["unpopulated"] else ""
        name = qualified(new.ref.name)
        hazards = (*_rewrites(new), *(_emptied(new) if new["unpopulated"] else ()))
        yield Do(f"REFRESH MATERIALIZED VIEW {name}{clause}", hazards)


def _alter(fact: Fact) -> str:
    return f"ALTER MATERIALIZED VIEW {qualified(fact.ref.name)}"


def _filled_anew(old: Fact | None, new: Fact) -> tuple[Hazard, ...]:
    """What it means that it is dropped and made: until that commits, nobody may read it."""
    if old is None:
        return ()
    if not new["unpopulated"]:
        return _rewrites(new)
    return () if old["unpopulated"] else _emptied(new)


def _emptied(fact: Fact) -> tuple[Hazard, ...]:
    said = f"the rows of {fact.ref.path} are gone: it cannot be read until a REFRESH"
    return loses_data(fact.ref, said)


def _rewrites(fact: Fact) -> tuple[Hazard, ...]:
    return (Hazard(HazardCode.REWRITE, fact.ref, f"{fact.ref.path} is written anew under lock"),)


def _options(fact: Fact) -> list[str]:
    return [*fact.list("options"), *(f"toast.{o}" for o in fact.list("toast_options"))]


KIND = MaterializedView()
