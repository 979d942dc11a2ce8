"""What is recorded without being run: a baseline, and an edited file that somebody accepts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence import baseline
from ringfence.errors import Refused
from ringfence.history.session import locked
from ringfence.migrate import difference, halves
from ringfence.pg import ledger
from ringfence.pg.connect import connect
from ringfence.pg.runner import refuse_standby

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence.history.session import Session
    from ringfence.revisions import Revision


def adopt(session: Session, upto: Sequence[str]) -> tuple[Revision, ...]:
    """Record every revision up to these as applied, without running any.

    Where the database stands at a revision, those that it lacks, if its schema is what they make.
    """
    assert session.target is not None
    session.connection = connection = connect(session.target, pinned=True)
    with connection:
        refuse_standby(connection, session.target)
        with locked(session):
            current = ledger.state(connection, session.schema).current
            connection.rollback()
            session.graph.refuse_unknown(current)
            have = session.graph.applied(current)
            adopted = tuple(r for r in session.graph.applied(upto) if r not in have)
            ends = session.graph.ends((*have, *adopted))
            if current and not adopted:
                raise Refused(
                    f"{session.target.shown} stands at revision {', '.join(current)} already",
                    hint="ringfence status says what is to be done",
                )
            if current:
                baseline.refuse(session.project, session.target, adopted, ends)
            with ledger.writing(connection, session.schema), connection.transaction():
                for revision in adopted:
                    row = session.row("baseline", revision, "up", 1, with_sql=True)
                    ledger.record(connection, session.schema, row)
                ledger.stamp(connection, session.schema, ends)
    return adopted


def accept(session: Session, name: str, reason: str) -> tuple[str, str]:
    """Record that an applied file may be as it is now; which, and the difference to what was applied.

    Of a revision that is half applied or half undone, that it is as it was before it began. Raises
    `Refused` where it is not applied, or is as it was.
    """
    assert session.target is not None
    session.connection = connection = connect(session.target, pinned=True)
    with connection:
        refuse_standby(connection, session.target)
        with locked(session):
            state = ledger.state(connection, session.schema)
            given_up = [h for h in halves(session.graph, state) if h.revision == name]
            if given_up:
                with ledger.writing(connection, session.schema), connection.transaction():
                    client = ledger.client(session.project.root)
                    for half in given_up:
                        ledger.give_up(connection, session.schema, half, reason, client)
                stands = "applied" if given_up[0].direction == "down" else "pending"
                return f"{name} counts as {stands}", ""
            session.graph.refuse_unknown(state.current)
            revision = session.graph.named(name)
            if revision not in session.graph.applied(state.current):
                raise Refused(
                    f"revision {revision} is not applied to {session.target.shown}",
                    hint="what has not run may be edited as it is",
                )
            event = state.applied.get(revision.id)
            if event is not None and event.checksum == revision.checksum:
                raise Refused(
                    f"revision {revision} is as it was applied: there is nothing to repair"
                )
            row = replace(session.row("repaired", revision, "up", 1, with_sql=True), reason=reason)
            with ledger.writing(connection, session.schema):
                ledger.begin(connection, session.schema, row)
    told_ = difference(revision, event) if event is not None else ""
    return f"{revision} is accepted as it is", told_
