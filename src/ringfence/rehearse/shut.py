"""Who is shut out by row security, whatever is in the rows: no policy lets it, or one that lets none.

Policies that look at rows or at who asks are not judged here: what they let through depends on both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import Connection

    from ringfence.rehearse.compat import Right

    Session = Connection[tuple[Any, ...]]

_SECURED = """
    SELECT
        n.nspname, c.relname,
        ARRAY(
            SELECT r.rolname::text FROM pg_roles AS r
            WHERE
                r.rolsuper OR r.rolbypassrls
                OR (NOT c.relforcerowsecurity AND pg_has_role(r.oid, c.relowner, 'USAGE'))
        )
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE c.relrowsecurity
"""
_POLICIES = """
    SELECT
        n.nspname, c.relname, p.polpermissive, p.polcmd::text,
        CASE
            WHEN NOT 0 = ANY (p.polroles)
                THEN ARRAY(
                    SELECT r.rolname::text FROM pg_roles AS r
                    WHERE EXISTS (
                        SELECT FROM unnest(p.polroles) AS u (role)
                        WHERE pg_has_role(r.oid, u.role, 'USAGE')
                    )
                )
        END,
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
    FROM pg_policy AS p
    INNER JOIN pg_class AS c ON p.polrelid = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE c.relrowsecurity
"""
_COMMANDS = {"SELECT": "r", "INSERT": "a", "UPDATE": "w", "DELETE": "d"}


@dataclass(frozen=True, slots=True, order=True)
class Shut:
    """A role that a table's row security lets do nothing of a kind, with no row."""

    schema: str
    name: str
    role: str
    right: str


@dataclass(frozen=True, slots=True)
class _Policy:
    permissive: bool
    command: str
    roles: frozenset[str] | None
    using: str | None
    check: str | None

    def about(self, right: str, role: str) -> bool:
        """Whether it has a say."""
        here = self.roles is None or role in self.roles
        return here and self.command in ("*", _COMMANDS[right])

    def said(self, right: str) -> str | None:
        """What has to hold."""
        return self.using if right != "INSERT" or self.check is None else self.check


def exempt(connection: Session) -> dict[tuple[str, str], set[str]]:
    """Of each table with row security the roles that its policies do not bind."""
    return {(s, n): set(roles) for s, n, roles in connection.execute(_SECURED).fetchall()}


def shut(connection: Session, rights: Iterable[Right]) -> frozenset[Shut]:
    """Of what roles may do with tables what row security lets them do with no row."""
    free = exempt(connection)
    if not free:
        return frozenset()
    policies: dict[tuple[str, str], list[_Policy]] = {}
    never: dict[str | None, bool] = {}
    for schema, name, permissive, command, roles, using, check in connection.execute(
        _POLICIES
    ).fetchall():
        for text in (using, check):
            if text not in never:
                never[text] = text is not None and _never(connection, text)
        who = None if roles is None else frozenset(roles)
        each = _Policy(permissive, command, who, using, check)
        policies.setdefault((schema, name), []).append(each)
    return frozenset(
        Shut(right.schema, right.name, right.role, right.right)
        for right in rights
        if right.kind in "rp" and right.right in _COMMANDS
        if right.role not in free.get((right.schema, right.name), {right.role})
        if _none(policies.get((right.schema, right.name), []), right, never)
    )


def _none(policies: Iterable[_Policy], right: Right, never: Mapping[str | None, bool]) -> bool:
    """Whether policies let a role do something with no row."""
    its = [p for p in policies if p.about(right.right, right.role)]
    said = [(p.permissive, p.said(right.right)) for p in its]
    lets = any(permissive and text is not None and not never[text] for permissive, text in said)
    return not lets or any(not permissive and never[text] for permissive, text in said)


_WORDS = {"and", "boolean", "false", "integer", "is", "not", "null", "or", "text", "true"}


def _never(connection: Session, text: str) -> bool:
    """Whether an expression holds for no row: one of constants alone, which is tried."""
    words = re.findall(r"\w+", re.sub(r"'[^']*'", "", text))
    if not all(word.isdigit() or word.lower() in _WORDS for word in words) or '"' in text:
        return False
    try:
        with connection.transaction():
            found = connection.execute(sql.SQL("SELECT ({}) IS TRUE").format(sql.SQL(text)))
            return found.fetchone() == (False,)
    except psycopg.Error:
        return False
