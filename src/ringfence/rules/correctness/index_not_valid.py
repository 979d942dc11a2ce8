"""An index is not valid.

Why it matters: no query uses it, a unique one guards nothing, and every write keeps it up all the
same.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, at date NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.t_1 PARTITION OF app.t DEFAULT;
    CREATE INDEX t_at ON ONLY app.t (at);

Passes:

    CREATE TABLE app.t (id int PRIMARY KEY, at date NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE app.t_1 PARTITION OF app.t DEFAULT;
    CREATE INDEX t_at ON app.t (at);

When to ignore: never: drop it, or attach what it lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C016", Severity.WARNING)
def index_not_valid(schema: Schema) -> Iterator[Problem]:
    """Indexes that the catalog marks as invalid."""
    for ref, fact in sorted(schema.catalog.facts.items()):
        if ref.kind == "index" and fact["invalid"]:
            yield Problem(f"index {ref.path} is not valid: no query uses it", ref)
