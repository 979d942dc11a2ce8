"""What triggers send in NOTIFY: any session may LISTEN to any channel, and no policy binds it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.isolation.aside import writing
from ringfence.isolation.judge import Cell, State
from ringfence.isolation.probes import Probe
from ringfence.model import Ref

if TYPE_CHECKING:
    from ringfence.isolation.estate import Row
    from ringfence.isolation.judge import Examiner
    from ringfence.isolation.surface import Relation, Trigger
    from ringfence.seed.shape import Table

_SENDS = re.compile(r"(?i)(?:pg_catalog\s*\.\s*)?\bpg_notify\s*\(")
_MARK = "ringfence_notified "
_HEARD = (
    "CREATE FUNCTION pg_temp.ringfence_notify(channel text, payload text) RETURNS void"
    f" LANGUAGE plpgsql AS $heard$ BEGIN RAISE NOTICE '{_MARK}%', payload; END $heard$"
)


def examine(examiner: Examiner, only: frozenset[int] | None = None) -> list[Cell]:
    """Judge what is sent when B's rows are written: of a row, its key may be told and nothing else."""
    estate = examiner.fixture.estate
    for trigger in examiner.surface.triggers:
        table = estate.tables.get(trigger.relation)
        relation = examiner.surface.relations.get(trigger.relation)
        if table is None or relation is None or not _SENDS.search(trigger.body):
            continue
        twins = examiner.fixture.twins(table)
        if twins is not None and (only is None or table.oid in only):
            _judge(examiner, relation, table, trigger, twins[1])
    return examiner.cells


def _judge(
    examiner: Examiner, relation: Relation, table: Table, trigger: Trigger, row: Row
) -> None:
    fixture, prober = examiner.fixture, examiner.prober
    heard = _listening(examiner, trigger)
    if heard is None or not examiner.roles:
        return
    known = {c for k in table.keys if k.primary for c in k.columns}
    known |= {c for edge in table.references for c in edge.columns}
    but = [v for c in known if (v := row.values.get(c)) is not None]
    role = examiner.roles[0].name
    ref = Ref("trigger", (relation.schema, relation.name, trigger.name))
    said: list[str] = []
    for lines in writing(examiner, table, row):
        setup = (_HEARD, heard, *lines[:-1])
        out = prober.attempt(None, fixture.b, lines[-1], setup=setup)
        said += [word.removeprefix(_MARK) for word in out.said if word.startswith(_MARK)]
        saw = fixture.shown(said, but=(*but, *examiner.tenants))
        if saw:
            probe = Probe("SELECT", "notify", lines[-1], setup=setup, cause="notify")
            why = "it sends what B has written"
            examiner.cells.append(Cell(role, ref, table.oid, probe, State.LEAK, why, saw, aim=None))
            return
    if said:
        probe = Probe("SELECT", "notify", "", cause="notify")
        examiner.cells.append(Cell(role, ref, table.oid, probe, State.PASS))


def _listening(examiner: Examiner, trigger: Trigger) -> str | None:
    """The trigger's function made anew, so that what it sends is heard within the transaction."""
    found = examiner.prober.conn.execute(
        "SELECT pg_get_functiondef(to_regprocedure(%s))", [f"{trigger.function}()"]
    ).fetchone()
    text = str(found[0]) if found and found[0] else ""
    if text.count(trigger.body) != 1:
        return None
    body = _SENDS.sub("pg_temp.ringfence_notify(", trigger.body)
    return text.replace(trigger.body, body)
