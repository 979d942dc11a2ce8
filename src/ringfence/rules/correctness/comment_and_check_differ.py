"""A comment lists a column's values, and the check lists others.

Why it matters: who writes against the comment is refused by the check, or never learns of a value that
is there.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, colour text NOT NULL CHECK (colour IN ('red', 'green')));
    COMMENT ON COLUMN app.t.colour IS 'one of: red, green, blue';

    CREATE TYPE app.size AS ENUM ('s', 'm', 'l');
    CREATE TABLE app.t (id int PRIMARY KEY, size app.size NOT NULL);
    COMMENT ON COLUMN app.t.size IS 'how large: s, m';

Passes:

    CREATE TABLE app.t (id int PRIMARY KEY, colour text NOT NULL CHECK (colour IN ('red', 'green')));
    COMMENT ON COLUMN app.t.colour IS 'one of: green, red';
    COMMENT ON TABLE app.t IS 'what there is: a, b';

When to ignore: where the comment gives examples only; say so in it: "such as red".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._schema import values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema

_LISTED = re.compile(r":\s*(?P<values>'?\w+'?(?:\s*,\s*'?\w+'?)+)\s*\.?\s*\Z")


@rule("C015", Severity.WARNING)
def comment_and_check_differ(schema: Schema) -> Iterator[Problem]:
    """COMMENT ON COLUMN … 'x: a, b, c' against CHECK (… IN (…)) or an enum's labels."""
    facts = schema.catalog.facts.values()
    comments = {f.parent: f.text("text") for f in facts if f.ref.kind == "comment"}
    enums = {f.ref.path: f.list("labels") for f in facts if f.ref.kind == "enum"}
    for table in schema.tables.values():
        allowed = {
            column: (set(values), ref)
            for ref, tree in table.checks
            for column, values in [values_of(tree)]
            if len(values) > 1
        }
        for column, fact in table.columns.items():
            match = _LISTED.search(comments.get(fact.ref, ""))
            if match is None:
                continue
            labels = enums.get(fact.text("type"))
            values, ref = allowed.get(column, (set(labels or ()), fact.ref))
            said = {word.strip().strip("'") for word in match["values"].split(",")}
            if values and said != values and said & values:
                more = ", ".join(sorted(said - values))
                less = ", ".join(sorted(values - said))
                parts = [
                    f"{more} only in the comment" * bool(more),
                    f"{less} only there" * bool(less),
                ]
                yield Problem(
                    f"the comment on {column} of {table.path} lists other values than what it takes:"
                    f" {'; '.join(filter(None, parts))}",
                    ref,
                    help="say in the comment what the check says, or the other way round",
                )
