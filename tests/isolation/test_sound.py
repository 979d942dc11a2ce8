"""A schema in which nothing leaks: nothing is found, and that rests on something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.support import count
from ringfence.isolation.judge import State

if TYPE_CHECKING:
    from isolation.support import Sound


def test_nothing_is_found(sound: Sound) -> None:
    cells, causes = sound.with_("SELECT 1")
    assert [
        (c.ref.path, c.probe.name, c.because) for c in cells if c.state is State.INCONCLUSIVE
    ] == []
    assert sound.said(causes) == []
    assert count(cells, State.PASS) > 150


def test_everything_that_is_granted_was_tried(sound: Sound) -> None:
    cells, _ = sound.with_("SELECT 1")
    tried = {(c.role, c.ref.name[1], c.probe.verb) for c in cells}
    app = "ringfence_test_app"
    for table in ("customer", "invoice", "line"):
        for verb in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            assert (app, table, verb) in tried
    assert {(app, "Firm", "SELECT"), (app, "event", "INSERT"), (app, "unpaid", "SELECT")} <= tried
    assert ("ringfence_test_clerk", "customer", "SELECT") in tried
    assert {(app, "mail_of", "EXECUTE"), (app, "pay", "EXECUTE")} <= tried
    # Granted to nobody, nobody's, or nothing to do with rows.
    assert {name for _, name, _ in tried} & {"turnover", "currency", "twice", "event_old"} == set()
