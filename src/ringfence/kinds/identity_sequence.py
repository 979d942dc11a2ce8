"""The sequence behind an identity column: there for what is granted on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Context, Do, Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Fact


class IdentitySequence(Kind):
    """A sequence that comes and goes with its column, which says all else of it."""

    name = "identity_sequence"
    probe = "EXISTS (SELECT FROM relations WHERE relkind = 'S')"
    keyword = "SEQUENCE"
    renames = False
    grantable = "SEQUENCE"
    privileges = "rwU"
    folds = True

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        return iter(())  # by the column's IDENTITY

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        column = context.new.facts.get(old.parent) if old.parent is not None else None
        if column is not None and column["identity"] and column.ref not in context.drops:
            # It is renamed: what was granted on it would stay.
            for child in context.old.children.get(old.ref, ()):
                yield from kind_of(child.ref).drop(child, context)


KIND = IdentitySequence()
