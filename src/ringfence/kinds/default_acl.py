"""What somebody may do by default with what a role will make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair
from ringfence.kinds._acl import OWNER, PUBLIC, called, words
from ringfence.kinds._sql import ident
from ringfence.kinds._words import said
from ringfence.model import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.change import Change
    from ringfence.model import Fact, Ref, Value

# What the owner and everybody have where no default privileges say otherwise.
_USUAL = {
    "TABLES": ("arwdDxtm", ""),
    "SEQUENCES": ("rwU", ""),
    "FUNCTIONS": ("X", "X"),
    "TYPES": ("U", "U"),
    "SCHEMAS": ("UC", ""),
    "LARGE OBJECTS": ("rw", ""),
}


def _in_words(privileges: Value) -> str:
    return said(privileges or ())


class DefaultAcl(Kind):
    """Default privileges: their name is the schema (empty for all), the role, the kind of objects
    and the grantee.

    What a plan makes gets the privileges it is to have, not these: they are set when all is made.
    """

    name = "default_acl"
    probe = "EXISTS (SELECT FROM pg_catalog.pg_default_acl)"
    last = True
    maker = 1
    attributes = {"privileges": Attribute("regrant"), "options": Attribute("regrant")}
    words = dict.fromkeys(("privileges", "options"), _in_words)

    def title(self, ref: Ref) -> str:
        schema, role, on, grantee = ref.name
        where = f" in schema {quoted(schema)}" if schema else ""
        maker = f" for role {quoted(role)}" if role else ""
        return f"default privileges{maker}{where} on {on} to {called(grantee)}"

    def roles(self, fact: Fact) -> tuple[str, ...]:
        _, role, _, grantee = fact.ref.name
        return tuple(name for name in (role, grantee) if name)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:
        yield from _move(new, (_usual(new, context), set()), _words(new))

    def drop(self, old: Fact, context: Context) -> Iterator[Do]:
        yield from _move(old, _words(old), (_usual(old, context), set()))

    def regrant(self, change: Change, context: Context) -> Iterator[Do]:  # noqa: ARG002
        """From one set of privileges to the other."""
        old, new = pair(change)
        yield from _move(new, _words(old), _words(new))


def _words(fact: Fact) -> tuple[set[str], set[str]]:
    return set(fact.list("privileges")), set(fact.list("options"))


def _usual(fact: Fact, context: Context) -> set[str]:
    schema, _, on, grantee = fact.ref.name
    owner, public = _USUAL[on]
    letters = owner if grantee == OWNER else public if grantee == PUBLIC else ""
    if schema:
        letters = ""  # a schema's add to those of all schemas
    if context.server_version < 170000:
        letters = letters.replace("m", "")
    return set(words(letters))


def _move(
    fact: Fact, before: tuple[set[str], set[str]], after: tuple[set[str], set[str]]
) -> Iterator[Do]:
    schema, role, on, grantee = fact.ref.name
    where = f" IN SCHEMA {ident(schema)}" if schema else ""
    made_by = f" FOR ROLE {ident(role)}" if role else ""
    prefix = f"ALTER DEFAULT PRIVILEGES{made_by}{where}"
    to = "PUBLIC" if grantee == PUBLIC else ident(grantee)
    if grantee == OWNER:
        to = ident(role) if role else "CURRENT_USER"

    def named(privileges: set[str]) -> str:
        return ", ".join(sorted(privileges))

    if lost := before[0] - after[0]:
        yield Do(f"{prefix} REVOKE {named(lost)} ON {on} FROM {to}")
    if unoptioned := before[1] - after[1] - lost:
        yield Do(f"{prefix} REVOKE GRANT OPTION FOR {named(unoptioned)} ON {on} FROM {to}")
    if plain := after[0] - before[0] - after[1]:
        yield Do(f"{prefix} GRANT {named(plain)} ON {on} TO {to}")
    if optioned := after[1] - before[1]:
        yield Do(f"{prefix} GRANT {named(optioned)} ON {on} TO {to} WITH GRANT OPTION")


KIND = DefaultAcl()
