"""A row-level security policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, pair
from ringfence.kinds._sql import ident, qualified
from ringfence.kinds._words import coded
from ringfence.model import Ref
from ringfence.step import Hazard, HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact

_COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


class Policy(Kind):
    """A policy. An expression can be changed in place, not taken away."""

    name = "policy"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_policy)"
    keyword = "POLICY"
    attributes = {
        "command": REPLACE,
        "restrictive": REPLACE,
        "roles": Attribute("redefine"),
        "using_expression": Attribute("redefine", when="can_redefine"),
        "check_expression": Attribute("redefine", when="can_redefine"),
    }
    words = {"command": coded({"": "ALL", **_COMMANDS}), "roles": coded({"": "PUBLIC"})}

    def parent(self, name: tuple[str, ...]) -> Ref:
        return Ref("table", name[:-1])

    def sql_name(self, ref: Ref) -> str:
        return f"{ident(ref.name[-1])} ON {qualified(ref.name[:-1])}"

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("policy", *fact.ref.name),)

    def roles(self, fact: Fact) -> tuple[str, ...]:
        return fact.list("roles")

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        text = f"CREATE POLICY {self.sql_name(new.ref)}"
        if new["restrictive"]:
            text += " AS RESTRICTIVE"
        if new["command"]:
            text += f" FOR {_COMMANDS[new.text('command')]}"
        if new["roles"]:
            text += f" TO {_roles(new)}"
        yield Do(text + _expressions(new))

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        yield Do(f"DROP POLICY {self.sql_name(old.ref)}", _gone(old, context))

    def can_redefine(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """ALTER POLICY sets expressions and has no word to drop one."""
        old, new = pair(change)
        return all(
            new[a] is not None or old[a] is None for a in ("using_expression", "check_expression")
        )

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """ALTER POLICY."""
        old, new = pair(change)
        text = f"ALTER POLICY {self.sql_name(new.ref)}"
        if old["roles"] != new["roles"]:
            text += f" TO {_roles(new) if new['roles'] else 'PUBLIC'}"
        if old["using_expression"] != new["using_expression"]:
            text += f"\n    USING ({new.text('using_expression')})"
        if old["check_expression"] != new["check_expression"]:
            text += f"\n    WITH CHECK ({new.text('check_expression')})"
        yield Do(text, tuple(_weaker(old, new)))


def _gone(old: Fact, context: Context) -> tuple[Hazard, ...]:
    """What a policy that is not made again as it was leaves open, or no longer lets anybody do."""
    new = context.new.facts.get(old.ref)
    if old.parent not in context.new.facts:
        return ()
    if new is not None and bool(new["restrictive"]) == bool(old["restrictive"]):
        return tuple(_weaker(old, new))
    ref, table = old.ref, old.parent.path if old.parent else ""
    if old["restrictive"]:
        said = f"policy {ref.path} no longer holds back anybody from rows of {table}"
        return (Hazard(HazardCode.LOST_PROTECTION, ref, said),)
    said = f"policy {ref.path} no longer lets anybody have rows of {table}"
    return (Hazard(HazardCode.LOST_PRIVILEGE, ref, said),)


def _weaker(old: Fact, new: Fact) -> Iterator[Hazard]:
    """Whom it is no longer for, and whether it lets every row through where it asked for something."""
    ref, table = old.ref, old.parent.path if old.parent else ""
    before, after = set(old.list("roles")), set(new.list("roles"))
    left = sorted(before - after) if before else ["PUBLIC"]
    if after and left:
        whom = ", ".join(left)
        if old["restrictive"]:
            said = f"policy {ref.path} no longer holds {whom} back from rows of {table}"
            yield Hazard(HazardCode.LOST_PROTECTION, ref, said)
        else:
            said = f"policy {ref.path} no longer lets {whom} have rows of {table}"
            yield Hazard(HazardCode.LOST_PRIVILEGE, ref, said)
    for name, does in (("using_expression", "see"), ("check_expression", "write")):
        was, now = (fact[name] or fact["using_expression"] for fact in (old, new))
        if now == "true" and was != "true" and (new[name] or not new["using_expression"]):
            said = f"policy {ref.path} lets everybody it is for {does} any row of {table}"
            yield Hazard(HazardCode.LOST_PROTECTION, ref, said)


def _roles(fact: Fact) -> str:
    return ", ".join(map(ident, fact.list("roles")))


def _expressions(fact: Fact) -> str:
    text = ""
    if fact["using_expression"]:
        text += f"\n    USING ({fact.text('using_expression')})"
    if fact["check_expression"]:
        text += f"\n    WITH CHECK ({fact.text('check_expression')})"
    return text


KIND = Policy()
