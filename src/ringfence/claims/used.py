"""Every index is used.

An index that no query uses costs every write, room and time in each backup. The server counts how often
each was used; what it has counted since yesterday says little, so that nothing is said before a month has
passed: some reports are asked for once in that time. Indexes that keep rows apart (unique ones, those of
constraints), tell replicas which row is meant, or that a table is clustered by do their work unused, and
are not counted. Reads on standbys are counted there: ask those too before an index is dropped.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from ringfence.claims import claim
from ringfence.finding import Severity
from ringfence.model import Ref

if TYPE_CHECKING:
    from datetime import datetime

    from ringfence.claims import Case, Verdict

_LONG_ENOUGH = 30  # days


@claim("indexes-used", "every index is used", "index", asked=True)
def used(case: Case, verdict: Verdict) -> None:
    """No index that is there for queries alone has served none since the server began to count."""
    query = (files(__package__) / "used.sql").read_text(encoding="utf-8")
    rows = case.connection.execute(query).fetchall()
    since: datetime | None = rows[0][0] if rows else None  # type: ignore[assignment]
    if since is not None and (days := (case.today - since.date()).days) < _LONG_ENOUGH:
        verdict.skipped = (
            f"the server has counted for {days} days, since {since:%Y-%m-%d}:"
            f" {_LONG_ENOUGH} say something"
        )
        return
    for _, schema, name, scans, size in rows:
        if name is None:
            continue
        verdict.checked += 1
        if not scans:
            ref = Ref("index", (str(schema), str(name)))
            verdict.no(
                f"index {ref.path} has served no query since {since:%Y-%m-%d}; it takes {size}",
                ref=ref,
                help="leave it out of ddl/, if no standby uses it either",
                severity=Severity.WARNING,
            )
