"""A catalog as JSON, and back: a source that needs no server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ringfence import __version__
from ringfence.errors import Misuse
from ringfence.model import Catalog, Fact, Ref, Unmodeled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ringfence.model import Value

FORMAT = 1
"""The version of the format; another one is refused."""


def dumps(catalog: Catalog) -> str:
    """The catalog as JSON text, the same bytes for the same catalog."""
    facts = []
    for ref in catalog.facts:
        fact = catalog.facts[ref]
        row: dict[str, Any] = {"ref": str(ref)}
        if fact.parent is not None:
            row["parent"] = str(fact.parent)
        if fact.attrs:
            row["attrs"] = dict(sorted(fact.attrs.items()))
        uses = catalog.uses.get(ref)
        if uses:
            row["uses"] = sorted(map(str, uses))
        facts.append(row)
    document = {
        "ringfence": __version__,
        "format": FORMAT,
        "server_version": catalog.server_version,
        "unmodeled": [[u.what, u.name, u.reason] for u in catalog.unmodeled],
        "facts": facts,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def loads(text: str, shown: str) -> Catalog:
    """The inverse of `dumps`. Raises `Misuse` on anything else, naming it `shown`."""
    try:
        document = json.loads(text)
        if not isinstance(document, dict) or "facts" not in document:
            raise Misuse(f"{shown} is not a snapshot", hint="ringfence snapshot -o FILE writes one")
        if document.get("format") != FORMAT:
            raise Misuse(
                f"{shown} is a snapshot of format {document.get('format')}; this ringfence reads {FORMAT}",
                hint="make it again: ringfence snapshot -o FILE",
            )
        facts: dict[Ref, Fact] = {}
        uses: dict[Ref, frozenset[Ref]] = {}
        for row in document["facts"]:
            ref = Ref.parse(row["ref"])
            parent = Ref.parse(row["parent"]) if "parent" in row else None
            attrs = {k: _value(v) for k, v in row.get("attrs", {}).items()}
            facts[ref] = Fact(ref, attrs, parent)
            if "uses" in row:
                uses[ref] = frozenset(map(Ref.parse, row["uses"]))
        unmodeled = tuple(Unmodeled(*row) for row in document["unmodeled"])
        version = int(document["server_version"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Misuse(
            f"{shown} is not a snapshot: {error}", hint="ringfence snapshot -o FILE writes one"
        ) from None
    _check(facts, uses, shown)
    return Catalog(facts, uses, version, unmodeled)


def _check(facts: Mapping[Ref, Fact], uses: Mapping[Ref, frozenset[Ref]], shown: str) -> None:
    """Raise `Misuse` where a snapshot was cut or written by another ringfence than this."""
    from ringfence.kinds import kinds

    strange = next((ref for ref in facts if ref.kind not in kinds()), None)
    if strange is not None:
        raise Misuse(
            f"{shown} has {strange}, and this ringfence knows no {strange.kind}",
            hint="make it again: ringfence snapshot -o FILE",
        )
    needed = {fact.parent: ref for ref, fact in facts.items() if fact.parent is not None}
    needed |= {used: ref for ref, those in uses.items() for used in those}
    missing = next((ref for ref in needed if ref not in facts), None)
    if missing is not None:
        raise Misuse(
            f"{shown} is not whole: {needed[missing]} needs {missing}, which is not in it",
            hint="make it again: ringfence snapshot -o FILE",
        )


def _value(value: Any) -> Value:
    if isinstance(value, list):
        return tuple(_value(v) for v in value)
    if value is None or isinstance(value, (str, int, bool)):
        return value
    raise TypeError(f"{type(value).__name__} is no value")
