"""Two sources compared: the renames that are asked for, the changes, and the plan."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg

from ringfence import asked, drift, filling, sources
from ringfence.change import diff
from ringfence.errors import Refused
from ringfence.kinds import kind_of
from ringfence.kinds._sql import qualified
from ringfence.model import quoted
from ringfence.pg.connect import connect, server_error
from ringfence.planner import plan as make_plan
from ringfence.renames import automatic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence.change import Change, Rename
    from ringfence.model import Catalog, Ref, Unmodeled
    from ringfence.pg.connect import Target
    from ringfence.sources import Shop, Source
    from ringfence.step import Plan, Step


@dataclass(frozen=True, slots=True)
class Compared:
    """What lies between two sources.

    `unmodeled` is what neither the changes nor the plan can see. `old` is FROM's catalog after the renames that are `asked` for, `renaming` their steps. `changes`
    are what is left to change after all renames; `plan` has everything.
    """

    old: Catalog
    new: Catalog
    changes: tuple[Change, ...]
    asked: tuple[Rename, ...]
    renaming: tuple[Step, ...]
    plan: Plan
    unmodeled: tuple[Unmodeled, ...] = ()
    alike: tuple[str, ...] = ()
    """What looks like a rename that nobody asked for, and how to ask."""


def compare(
    shop: Shop, a: Source, b: Source, *, renames: Sequence[str] = (), marked: bool = True
) -> Compared:
    """The plan that leads from `a` to `b`. `renames` are `KIND:OLD=NEW`, beside the hints in files.

    Who asks of `a`, where that is a database, is who will run it. A plan that nobody keeps need not
    be `marked` with fingerprints. Raises `BadProject` or `Misuse` on a rename that cannot be.
    """
    source, target = shop.catalogs(a, b)
    settled = asked.settle(source, target, b.scripts, renames, _Clone(shop, a, source).run)
    role = shop.role(a, b)
    executor = role if a.target is not None else ""
    kept = drift.left(settled.catalog, target) if a.target is not None and b.declared else ()
    kept = _unless_made_anew(kept, settled.catalog, target)
    if kept:
        settled = replace(settled, catalog=filling.without(settled.catalog, kept, ()))
    old, new = sources.align(a, settled.catalog, b, target, role)
    changes = diff(old, new)
    fills = filling.asked(b.scripts, target)
    made = filling.plan(old, new, fills, executor=executor, changes=changes, marked=marked)
    after = old
    if made.renames:
        # Only now can it be told whose owner is left open.
        after, _ = automatic(settled.catalog, target, diff(settled.catalog, target))
        after, new = sources.align(a, after, b, target, role)
        made = filling.plan(old, new, fills, executor=executor, marked=marked)
        changes = diff(after, new)
    alike = tuple(asked.proposals(after, new, changes)) if changes else ()
    unseen = shop.unseen(source, target)
    lacking = shop.lacking(a, needed(changes)) if changes else ()
    made, told = _with_roles(made, lacking), (*map(_absent, lacking), *alike, *shop.translations)
    told = (*told, *(f"not compared: {thing}" for thing in unseen), *map(_kept, kept))
    made = replace(
        made,
        steps=(*settled.steps, *_over_all(made.steps, kept, source)),
        renames=(*settled.renames, *made.renames),
        notes=(*settled.notes, *told, *made.notes),
        source=source.fingerprint if marked else "",
    )
    return Compared(old, new, changes, settled.renames, settled.steps, made, unseen, alike)


def _unless_made_anew(kept: Sequence[Ref], old: Catalog, new: Catalog) -> tuple[Ref, ...]:
    """Those of these partitions whose table stays: a table that is made anew takes them with it."""
    if not kept:
        return ()
    steps = make_plan(filling.without(old, kept, ()), new, marked=False).steps
    gone = {step.ref for step in steps if step.verb == "drop"}
    return tuple(part for part in kept if drift.whole(part, old) not in gone)


_ONLY = re.compile(r"(CREATE (?:UNIQUE )?INDEX .*? ON |ALTER TABLE )ONLY ")


def _over_all(steps: Sequence[Step], kept: Sequence[Ref], old: Catalog) -> tuple[Step, ...]:
    """The steps, where the indexes and keys of these partitions' tables come to these as well.

    What is made of the whole ONLY, and has those of the partitions attached, would never be valid.
    Made behind them, and of all, it takes in what is like it and makes it where it is not.
    """
    wholes = {drift.whole(part, old) for part in kept}
    done = [*steps]
    for step in steps:
        name = step.sql.partition(" ON ONLY ")[2] or step.sql.partition("ALTER TABLE ONLY ")[2]
        of = next((w for w in wholes if w and name.startswith(f"{qualified(w.name)} ")), None)
        if of is None or step.verb != "create" or step.ref.kind not in ("index", "constraint"):
            continue
        index = qualified((step.ref.name[0], step.ref.name[-1]))
        attached = [s for s in done if s.sql.startswith(f"ALTER INDEX {index} ATTACH PARTITION ")]
        at = done.index(attached[-1]) if attached else done.index(step)
        done[at] = replace(step, sql=_ONLY.sub(r"\1", step.sql, count=1))
        done = [s for s in done if s is not step and s not in attached]
    return tuple(done)


def _kept(part: Ref) -> str:
    return f"partition {part.path} is in no file and is left: partitions come and go with the rows"


def needed(changes: Sequence[Change]) -> frozenset[str]:
    """The roles that what is to be made or changed names."""
    found = (kind_of(c.ref).roles(c.new) for c in changes if c.new is not None)
    return frozenset(name for names in found for name in names)


def _absent(role: str) -> str:
    return f"role {quoted(role)} is not on FROM's server, and has to be before the script runs"


def _with_roles(plan: Plan, lacking: Sequence[str]) -> Plan:
    """The plan, which says above its first step which roles have to be there."""
    if not lacking or not plan.steps:
        return plan
    said = f"these roles have to exist: {', '.join(map(quoted, lacking))}"
    first = plan.steps[0]
    said += f"; {first.comment}" if first.comment else ""
    return replace(plan, steps=(replace(first, comment=said), *plan.steps[1:]))


@dataclass
class _Clone:
    """A clone of a source that renames are run on, made when there is one to run."""

    shop: Shop
    source: Source
    catalog: Catalog
    _target: Target | None = None

    def run(self, steps: Sequence[Step], renames: Sequence[Rename]) -> Catalog:
        """Run the steps; the source's catalog as it would be after."""
        if self._target is None:
            self._target = self.shop.copy(self.source)
        nobody = self.source.declared
        before = self.shop.extract(self._target, nobody=nobody)
        with connect(self._target) as connection:
            for step in steps:
                try:
                    connection.execute(step.sql, prepare=False)
                except psycopg.Error as error:
                    said = server_error(error)
                    raise Refused(
                        f"{step.ref.kind.replace('_', ' ')} {step.ref.path} cannot be renamed:"
                        f" {said.message}",
                        detail=f"{said.detail}\n  {step.sql}".strip(),
                    ) from error
        after = self.shop.extract(self._target, nobody=nobody)
        self.catalog = asked.merged(self.catalog, before, after, renames)
        return self.catalog
