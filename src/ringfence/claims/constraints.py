"""Every constraint does what it says.

A CHECK that never refuses anything, a NOT NULL that a trigger undoes, a default that the table itself
refuses, a cascade that stops half way: all of them look right in the catalog. So each is tried, on a
shadow with the target's schema and rows of its own making: a CHECK must take what is there and refuse
something, a unique key a second row, a foreign key a row that points nowhere, and what becomes of a
row when the one it points to goes must be what `ON DELETE` says.

What could not be seen is information, with the reason; a unique key that holds across tenants too.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from ringfence.behaviour import constraints as behaviour
from ringfence.behaviour import rows as behaviours
from ringfence.claims import claim
from ringfence.errors import Error
from ringfence.finding import Basis, Finding, Severity
from ringfence.pg.connect import connect, server_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.behaviour.constraints import Seen
    from ringfence.behaviour.rows import Rows
    from ringfence.claims import Case, Verdict


@claim("constraints", "every constraint does what it says", "constraint", aside=True)
def constraints(case: Case, verdict: Verdict) -> None:
    """Try every constraint on a shadow with rows in it."""
    with shadow(case, verdict) as rows:
        if rows is not None:
            tell(verdict, behaviour.look(rows))
            tell(verdict, behaviour.undeletable(rows), wrong=Severity.WARNING)


@contextmanager
def shadow(case: Case, verdict: Verdict) -> Iterator[Rows | None]:
    """A shadow with rows in it, in a transaction; None where there is none, and why is said."""
    exclude = (case.project.config.migrate.schema,)
    with ExitStack() as stack:
        try:
            target = case.shadow(stack)
            connection = connect(target)
            try:
                rows = behaviours.make(connection, case.project.config.tenancy, exclude)
            except BaseException:
                connection.close()
                raise
            rows = replace(rows, target=target)
        except (Error, psycopg.Error) as error:
            said = error if isinstance(error, Error) else server_error(error)
            if said.message == "there is no table to fill":
                yield None
                return
            verdict.no(f"nothing could be tried: {said.message}", help=said.hint)
            yield None
            return
        try:
            yield rows
        finally:
            connection.close()


def tell(verdict: Verdict, seen: Iterable[Seen], wrong: Severity = Severity.ERROR) -> None:
    """Count what was seen, and report what contradicts, what is unknown and what is worth knowing."""
    for one in seen:
        said = next(
            (
                (severity, text)
                for severity, text in (
                    (wrong, one.wrong),
                    (Severity.INFO, one.unknown and f"not seen at work: {one.unknown}"),
                    (Severity.INFO, one.note),
                )
                if text
            ),
            None,
        )
        verdict.checked += not one.unknown
        if said is not None:
            severity, text = said
            verdict.findings.append(
                Finding(
                    f"{verdict.code}/{one.kind}",
                    severity,
                    f"{one.ref.path}: {text}",
                    one.ref,
                    basis=Basis.MEASURED,
                )
            )
