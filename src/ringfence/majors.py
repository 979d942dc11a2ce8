"""A schema as another major version of PostgreSQL has it: made there, and read back.

The text that a server gives of what it stores is its own: two majors never say quite the same. What
the other major has no word for is left out by name, what it cannot hold is refused by name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.errors import BadProject, Refused, ServerError
from ringfence.kinds._acl import OWNER, PUBLIC, WORDS
from ringfence.model import Catalog
from ringfence.pg.connect import connect
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ringfence.model import Fact, Ref, Value
    from ringfence.pg.connect import Target
    from ringfence.sources import Shop, Source
    from ringfence.step import Step

_PRIVILEGES = ("grant", "default_acl")
_LETTERS = ("privileges", "options", "via")
_FEW = 3


def translated(
    shop: Shop, source: Source, catalog: Catalog, major: int
) -> tuple[Target, tuple[str, ...]]:
    """A shadow of that major that holds what the source says, and what of it was left out, in words.

    Raises `Refused` where that major cannot hold it.
    """
    from ringfence.pg.extract import attributes_known
    from ringfence.pg.load import Loader
    from ringfence.planner import plan

    target = shop.blank()
    with connect(target) as connection:
        left: tuple[str, ...] = ()
        steps: tuple[Step, ...] = ()
        if source.target is not None and catalog.server_version // 10000 < major:
            from ringfence.pg import dump

            text = dump.of_schema(source.target.conninfo, shop.hidden)
        else:
            empty = shop.extract(target, nobody=True)
            kept, left = _known(catalog, attributes_known(connection), empty.server_version)
            made = plan(empty, kept)
            text, steps = made.script(), made.steps
        try:
            Loader(connection, shop.host.own).load((Script(source.spec, text),))
        except (ServerError, BadProject) as error:
            line = error.span.text.strip() if error.span else ""
            about = next((s.ref for s in steps if line and line in s.sql), None)
            what = f"{about.kind.replace('_', ' ')} {about.path}" if about else "what it has"
            raise Refused(
                f"{source.spec} is PostgreSQL {catalog.server_version // 10000}, and {what} cannot"
                f" be on the PostgreSQL {major} of the other side: {error.message}",
                detail=f"{error.detail}\n  {line}".strip("\n"),
                hint="compare databases of one major version, or take it out of the newer one",
            ) from error
    if catalog.server_version < _MAINTAIN <= major * 10000:
        _grant_all(shop, target)
    return target, left


def _grant_all(shop: Shop, target: Target) -> None:
    """Whoever was granted ALL of a table has ALL of it, with the privilege that has come since.

    Who dumps the older server says what ALL was.
    """
    from ringfence.planner import plan

    found = shop.extract(target, nobody=False)
    facts = {
        ref: replace(fact, attrs={k: _with(v) for k, v in fact.attrs.items()})
        if ref.kind in _PRIVILEGES and ref.name[-1] != OWNER
        else fact
        for ref, fact in found.facts.items()
    }
    steps = plan(found, replace(found, facts=facts), marked=False).steps
    with connect(target) as connection:
        for step in steps:
            connection.execute(step.sql, prepare=False)


def _known(
    catalog: Catalog, known: Mapping[str, frozenset[str]], version: int
) -> tuple[Catalog, tuple[str, ...]]:
    """The catalog without the attributes that a server of that version does not have."""
    facts: dict[Ref, Fact] = {}
    left: dict[tuple[str, str], list[str]] = {}
    for ref, fact in catalog.facts.items():
        has = known.get(ref.kind)
        attrs = dict(fact.attrs)
        for name in () if has is None else attrs.keys() - has:
            del attrs[name]
            left.setdefault((ref.kind, name), []).append(ref.path)
        if version < _MAINTAIN and ref.kind in _PRIVILEGES:
            attrs = {k: _without(v) if k in _LETTERS else v for k, v in attrs.items()}
            if ref.name[-1] not in (OWNER, PUBLIC) and not any(attrs.values()):
                continue
        facts[ref] = replace(fact, attrs=attrs)
    said = []
    for (kind, name), refs in sorted(left.items()):
        more = f" and {len(refs) - _FEW} more" if len(refs) > _FEW else ""
        said.append(
            f"PostgreSQL {version // 10000} has no {name.replace('_', ' ')} of a"
            f" {kind.replace('_', ' ')}: left out for {', '.join(refs[:_FEW])}{more}"
        )
    return Catalog(facts, catalog.uses, version, catalog.unmodeled), tuple(said)


_MAINTAIN = 170000
"""The first server that has the privilege MAINTAIN."""


_ALL = "Dadrtwx"
"""The privileges of a table that there were before it, and so what GRANT ALL gave."""


def _without(value: Value) -> Value:
    """Privileges, as letters or words, without MAINTAIN."""
    if isinstance(value, str):
        return value.replace("m", "")
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return tuple((v[0], *map(_without, v[1:])) for v in value if isinstance(v, tuple))
    if isinstance(value, tuple):
        return tuple(v for v in value if v != WORDS["m"])
    return value


def _with(value: Value) -> Value:
    """Privileges with MAINTAIN, where they are all that there were: pg_dump says ALL of them."""
    if isinstance(value, str):
        return "".join(sorted(f"{value}m")) if "".join(sorted(value)) == _ALL else value
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return tuple((v[0], *map(_with, v[1:])) for v in value if isinstance(v, tuple))
    if isinstance(value, tuple) and {*value} == {WORDS[letter] for letter in _ALL}:
        return tuple(sorted([*map(str, value), WORDS["m"]]))
    return value
