"""Every constraint is valid, and every index too.

A constraint added NOT VALID binds new rows only until it is validated; an index that CREATE INDEX
CONCURRENTLY left behind invalid costs every write and serves no query, and a unique one of that kind
lets duplicates in.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from ringfence.claims import claim
from ringfence.model import Ref, quoted

if TYPE_CHECKING:
    from ringfence.claims import Case, Verdict


@claim("constraints-valid", "every constraint is valid", "constraint")
def constraints(case: Case, verdict: Verdict) -> None:
    """No constraint outside the system's own schemas is NOT VALID."""
    query = (files(__package__) / "valid_constraints.sql").read_text(encoding="utf-8")
    for schema, parent, name, valid, domain in case.connection.execute(query):
        verdict.checked += 1
        if not valid:
            ref = Ref("constraint", (str(schema), str(parent), str(name)))
            what = "DOMAIN" if domain else "TABLE"
            target = f"{quoted(str(schema))}.{quoted(str(parent))}"
            verdict.no(
                f"constraint {ref.path} is not valid: rows from before it may break it",
                ref=ref,
                help="validate it; what fails are the rows to mend",
                fix=f"ALTER {what} {target} VALIDATE CONSTRAINT {quoted(str(name))};",
            )


@claim("indexes-valid", "every index is valid", "index")
def indexes(case: Case, verdict: Verdict) -> None:
    """No index outside the system's own schemas is invalid."""
    query = (files(__package__) / "valid_indexes.sql").read_text(encoding="utf-8")
    for schema, name, valid, building in case.connection.execute(query):
        verdict.checked += 1
        if not valid and not building:
            ref = Ref("index", (str(schema), str(name)))
            verdict.no(
                f"index {ref.path} is invalid: it costs writes and serves no query",
                ref=ref,
                help="a CREATE INDEX CONCURRENTLY failed; drop it and build it again",
                fix=f"DROP INDEX CONCURRENTLY {ref.path};",
            )
