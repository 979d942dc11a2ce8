"""The difference of two catalogs, fact by fact. It names no kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ringfence.model import Catalog, Fact, Ref

Verb = Literal["create", "drop", "alter", "rename", "fill"]


@dataclass(frozen=True)
class Change:
    """One fact that is only in the one catalog, only in the other, or different in both."""

    ref: Ref
    old: Fact | None
    new: Fact | None

    @property
    def verb(self) -> Verb:
        """What has to happen to it."""
        if self.old is None:
            return "create"
        return "drop" if self.new is None else "alter"

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that differ, sorted; empty unless it is altered."""
        if self.old is None or self.new is None:
            return ()
        old, new = self.old.attrs, self.new.attrs
        return tuple(sorted(k for k in {*old, *new} if old.get(k) != new.get(k)))


@dataclass(frozen=True, slots=True)
class Rename:
    """One object that is to be called otherwise, and stays what it is. `old` has it as it is found."""

    old: Ref
    new: Ref

    def __str__(self) -> str:
        return f"{self.old.kind.replace('_', ' ')} {self.old.path} renamed to {self.new.path}"


def diff(a: Catalog, b: Catalog) -> tuple[Change, ...]:
    """What has to change for `a` to become `b`, sorted by reference; empty when they are equal."""
    changes = [Change(ref, fact, None) for ref, fact in a.facts.items() if ref not in b.facts]
    for ref, new in b.facts.items():
        old = a.facts.get(ref)
        if old is None or new.attrs != old.attrs or new.parent != old.parent:
            changes.append(Change(ref, old, new))
    return tuple(sorted(changes, key=lambda c: c.ref))


def outermost(changes: Collection[Change]) -> Iterator[Change]:
    """The changes, but for what comes or goes with what it is a part of: that says nothing new."""
    whole = {c.ref: c.verb for c in changes if c.verb != "alter"}
    for change in changes:
        fact = change.new or change.old
        above = fact.parent if fact is not None else None
        if change.verb == "alter" or above is None or whole.get(above) != change.verb:
            yield change
