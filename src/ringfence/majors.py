"""A schema as another major version of PostgreSQL has it: made there, and read back.

The text that a server gives of what it stores is its own: two majors never say quite the same. What
the other major has no word for is left out by name, what it cannot hold is refused by name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.errors import BadProject, Refused, ServerError
from ringfence.model import Catalog
from ringfence.pg.connect import connect
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ringfence.model import Fact, Ref, Value
    from ringfence.pg.connect import Target
    from ringfence.sources import Shop, Source
    from ringfence.step import Step

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

            text = dump.dump(source.target.conninfo, "--schema-only")
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
    return target, left


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
        if version < _MAINTAIN and ref.kind in ("grant", "default_acl"):
            attrs = {k: _without(v) if k in _LETTERS else v for k, v in attrs.items()}
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


def _without(value: Value) -> Value:
    """The letters of privileges, without that of MAINTAIN."""
    if isinstance(value, str):
        return value.replace("m", "")
    if isinstance(value, tuple):
        return tuple((v[0], *map(_without, v[1:])) if isinstance(v, tuple) else v for v in value)
    return value
