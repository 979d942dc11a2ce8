"""A column of certain values takes any.

Why it matters: a misspelt status is stored, no query asks for it, and the row is lost from sight.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, status text NOT NULL DEFAULT 'open');

    CREATE TABLE app.t (id int PRIMARY KEY, colour text);
    COMMENT ON COLUMN app.t.colour IS 'one of: red, green, blue';

Passes:

    CREATE TABLE app.t (
        id int PRIMARY KEY,
        status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
        title text NOT NULL DEFAULT ''
    );

    CREATE TABLE app.customers (id int PRIMARY KEY, city text, state text, postal_code text);

When to ignore: where the values are another system's and may grow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C004", Severity.WARNING)
def choice_without_check(schema: Schema) -> Iterator[Problem]:
    """Text columns that are named like a choice, default to a word, or list their values in a comment."""
    comments = {
        f.parent: f.text("text") for f in schema.catalog.facts.values() if f.ref.kind == "comment"
    }
    for table in schema.tables.values():
        keyed = {column for key in table.foreign for column in key.columns}
        address = any(_ADDRESS.search(column) for column in table.columns)
        for column, fact in table.columns.items():
            kind = fact.text("type").partition("(")[0]
            if (
                kind not in ("text", "character varying")
                or column in keyed
                or table.checked(column)
            ):
                continue
            said = comments.get(fact.ref, "")
            lists = re.search(r":\s*\w+(\s*,\s*\w+)+\s*\.?$", said)
            default = re.match(r"'([a-z][a-z0-9_]+)'::", table.defaults.get(column, ""))
            named = _CHOICE.search(column)
            if named and named[2] == "state" and address:
                named = None  # of a country
            if lists or default or named:
                yield Problem(
                    f"{column} of {table.path} takes any text, and reads like one of a few values",
                    fact.ref,
                    help="CHECK (… IN (…)), a domain, an enum, or a table that it refers to",
                )


_CHOICE = re.compile(r"(^|_)(status|state|direction|severity|priority|kind)$")
_ADDRESS = re.compile(r"(^|_)(city|zip|zip_?code|post_?code|postal_?code|country)$")
