"""What a session that names no tenant, or none that there is, can write and call.

A guard that compares with what the session names lets everything through where that is NULL, if it asks
`<>`, or says what to do instead. So what passed in tenant A's name is tried in nobody's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.isolation import probes, writing
from ringfence.isolation.contexts import CONTEXTS
from ringfence.isolation.judge import ENDLESS, Cell, State, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.isolation.aims import Aim
    from ringfence.isolation.judge import Examiner
    from ringfence.isolation.prober import Outcome
    from ringfence.isolation.probes import Probe
    from ringfence.isolation.surface import Relation, Role, Routine

TRIED = ("empty", "nobody")
"""The contexts that something is written and called in: another one that fails, fails."""

CALLS = 12
"""How many calls of one routine are tried in each context."""


def examine(examiner: Examiner, only: frozenset[int] | None = None) -> list[Cell]:
    """Judge what is written in nobody's name, where writing it in A's name did no harm."""
    if not examiner.prober.setting:
        return examiner.cells
    fine = _harmless(examiner)
    for role in examiner.roles:
        for relation in examiner.relations():
            if only is not None and relation.oid not in only:
                continue
            for probe, aim in _writes(examiner, role, relation, fine):
                for context in TRIED:
                    out = examiner.prober.attempt(
                        role.name,
                        CONTEXTS[context],
                        probe.statement,
                        setup=probe.setup,
                        writes=True,
                    )
                    _judge(examiner, role, relation, probe, aim, out, context)
    return examiner.cells


def _harmless(examiner: Examiner) -> frozenset[tuple[str, int, str]]:
    """What roles wrote and did no harm with: (role, relation, verb)."""
    done = {(c.role, c.oid, c.probe.verb) for c in examiner.cells if c.state is State.PASS}
    leaks = (c for c in examiner.cells if c.state is State.LEAK and not c.probe.cause)
    return frozenset(done - {(c.role, c.oid, c.probe.verb) for c in leaks})


def _writes(
    examiner: Examiner, role: Role, relation: Relation, fine: frozenset[tuple[str, int, str]]
) -> Iterator[tuple[Probe, Aim]]:
    """One statement a verb: B's row made anew, changed, and all rows deleted."""
    aim, parents = examiner.aims.get(relation.oid, (None, {}))
    if aim is None or relation.partition_of or relation.kind not in "rpv":
        return
    wanted = {"insert", "update unread", "delete all"}
    for probe in writing.writes(examiner.fixture, aim, role.name, examiner.version, parents):
        if probe.name in wanted and (role.name, relation.oid, probe.verb) in fine:
            yield probe, aim


def _judge(
    examiner: Examiner,
    role: Role,
    relation: Relation,
    probe: Probe,
    aim: Aim,
    out: Outcome,
    context: str,
) -> None:
    a, b = examiner.tenants
    touched = any(owner in (a, b) for _, _, owner, _ in (*out.lost, *out.made))
    if out.sqlstate in ("23503", "23001") and probe.verb == "DELETE":
        touched = True  # what points to the row held it, and no policy
    if touched and out.prepared:
        state, why = State.LEAK, "a tenant's rows are others afterwards"
    elif out.sqlstate == ENDLESS:
        state, why = State.INCONCLUSIVE, unknown(out)
    else:
        state, why = State.PASS, out.sqlstate
    examiner.cells.append(
        Cell(role.name, relation.ref, relation.oid, probe, state, why, context=context, aim=aim)
    )


def call(
    examiner: Examiner, role: Role, routine: Routine, texts: Sequence[str], known: Sequence[str]
) -> Cell | None:
    """A call that shows or changes a tenant's rows in nobody's name, where none did in A's."""
    fixture, prober = examiner.fixture, examiner.prober
    for context in TRIED if prober.setting else ():
        for text in texts[:CALLS]:
            out = prober.attempt(role.name, CONTEXTS[context], text, writes=True)
            if out.sqlstate == ENDLESS:
                return None
            touched = any(owner in examiner.tenants for _, _, owner, _ in (*out.lost, *out.made))
            but = (*known, *examiner.tenants)
            saw = fixture.shown(out.values(), but=but)
            saw = saw or fixture.shown(out.values(), own=True, but=but)
            if touched or saw:
                why = (
                    "shows a value of a tenant's rows"
                    if saw
                    else "a tenant's rows are others afterwards"
                )
                probe = probes.Probe("EXECUTE", "call", text, keyed=not touched)
                return Cell(
                    role.name, routine.ref, routine.oid, probe, State.LEAK, why, saw,
                    max(out.count, 0), context,
                )  # fmt: skip
    return None
