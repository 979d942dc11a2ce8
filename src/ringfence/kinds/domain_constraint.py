"""A constraint of a domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds._swap import stored
from ringfence.model import Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact

_NOT_VALID = " NOT VALID"


class DomainConstraint(Kind):
    """A constraint of a domain. Its definition is the server's own text of it."""

    name = "domain_constraint"
    probe = "EXISTS (SELECT FROM types WHERE typtype = 'd')"
    keyword = "CONSTRAINT"
    folds = True
    attributes = {"definition": Attribute("validate", when="can_validate")}

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("domain", name[:-1])

    def sql_name(self, ref: Ref) -> str:
        return f"{ident(ref.name[-1])} ON DOMAIN {qualified(ref.name[:-1])}"

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("domain_constraint", *fact.ref.name),)

    def folds_into_parent(self, fact: Fact, context: Context) -> bool:  # noqa: ARG002
        # CREATE DOMAIN has no word for a constraint that is not valid yet.
        return not fact.text("definition").endswith(_NOT_VALID)

    def addable(self, fact: Fact, context: Context) -> bool:
        """PostgreSQL does not look at values within arrays and other types, and refuses."""
        assert fact.parent is not None
        unchecked = fact.text("definition").endswith(_NOT_VALID)
        return unchecked or not stored(fact.parent, context.old, whole=False)

    def kept(self, fact: Fact, context: Context) -> tuple[str, str]:  # noqa: ARG002
        text, name = fact.text("definition"), ident(fact.ref.name[-1])
        if fact.parent is None or text.endswith(_NOT_VALID):
            return "", ""
        domain = f"ALTER DOMAIN {qualified(fact.parent.name)}"
        again = f"{domain} DROP CONSTRAINT {name}; {domain} ADD CONSTRAINT {name} {text} NOT VALID"
        said = f"the values of {fact.parent.path} passed {fact.ref.name[-1]}"
        return said, f"{again}; {domain} VALIDATE CONSTRAINT {name}"

    def inline(self, fact: Fact, context: Context) -> str:  # noqa: ARG002
        """The constraint as it stands in CREATE DOMAIN or behind ADD."""
        return f"CONSTRAINT {ident(fact.ref.name[-1])} {fact.text('definition')}"

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        text = f"ALTER DOMAIN {qualified(new.ref.name[:-1])} ADD {self.inline(new, context)}"
        known = new.parent in context.old.facts and not text.endswith(_NOT_VALID)
        yield Do(text, _scans(new) if known else ())

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        *domain, name = old.ref.name
        yield Do(f"ALTER DOMAIN {qualified(tuple(domain))} DROP CONSTRAINT {ident(name)}")

    def rename(self, old: Fact, to: Ref) -> Iterator[Do]:
        domain = f"ALTER DOMAIN {qualified(old.ref.name[:-1])}"
        yield Do(f"{domain} RENAME CONSTRAINT {ident(old.ref.name[-1])} TO {ident(to.name[-1])}")

    def can_validate(self, change: Change, context: Context) -> bool:
        """Only NOT VALID can go in place."""
        old, new = pair(change)
        return old.text("definition") == new.text("definition") + _NOT_VALID and self.addable(
            new, context
        )

    def validate(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """VALIDATE CONSTRAINT."""
        _, new = pair(change)
        *domain, name = new.ref.name
        yield Do(
            f"ALTER DOMAIN {qualified(tuple(domain))} VALIDATE CONSTRAINT {ident(name)}",
            _scans(new),
        )


def _scans(fact: Fact) -> tuple[Hazard, ...]:
    assert fact.parent is not None
    message = f"every row of every table with a column of {fact.parent.path} is read under lock"
    return (Hazard(HazardCode.SCAN_UNDER_LOCK, fact.ref, message),)


KIND = DomainConstraint()
