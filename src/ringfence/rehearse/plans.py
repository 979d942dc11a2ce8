"""A plan to rehearse: what `ringfence diff --format json` wrote, and a shadow that stands where it begins."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringfence import revisions, step
from ringfence.errors import Error, Misuse, Refused
from ringfence.revise import segments
from ringfence.script import Script
from ringfence.sources import Shop, Source, source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ringfence.pg.connect import Target
    from ringfence.pg.shadow import Host
    from ringfence.project import Project
    from ringfence.step import Plan


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, the file that it came from, and its steps as files: one for each transaction."""

    path: str
    plan: Plan
    scripts: tuple[Script, ...]


def read(path: Path, shown: str) -> Planned:
    """The plan that a file holds. Raises `Misuse` where it holds none."""
    hint = "ringfence diff live ddl --format json > plan.json writes one"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misuse(f"cannot read {shown}: {error.strerror}") from None
    except ValueError as error:
        raise Misuse(f"{shown} is not JSON: {error}", hint=hint) from None
    try:
        plan = step.from_json(document)
    except Misuse as error:
        raise Misuse(f"{shown} is {error.message}", hint=hint) from None
    parts = segments(plan.steps)
    scripts = []
    for number, steps in enumerate(parts, 1):
        head = "-- ringfence: transaction: none\n" if steps[0].transactional == "no" else ""
        # A body may name what is made only later; it is not looked into before it runs.
        head += "SET check_function_bodies = off;\n"
        text = head + "\n".join(f"{s.sql};" for s in steps) + "\n"
        name = shown if len(parts) == 1 else f"{shown} ({number} of {len(parts)})"
        scripts.append(Script(name, text))
    return Planned(shown, plan, tuple(scripts))


@contextmanager
def base(project: Project, host: Host, target: Target, planned: Planned) -> Iterator[Target]:
    """A shadow with the schema that the plan begins with, wherever that is to be had.

    Raises `Refused` where neither the database, nor the revisions, nor ddl/ have it.
    """
    with Shop(project) as shop:
        shop.host = host
        for found in _places(project, target):
            try:
                same = shop.catalog(found).fingerprint == planned.plan.source
            except Error:
                continue  # what cannot be made is not where the plan begins
            if same:
                yield shop.copy(found)
                return
    raise Refused(
        f"{planned.path} begins with another schema than {target.shown}, the revisions and ddl have",
        detail="what it was made from has changed since, or is not here",
        hint="make it anew: ringfence diff live ddl --format json",
    )


def _places(project: Project, target: Target) -> Iterator[Source]:
    yield Source("live", "database", target=target)
    try:
        known = tuple(revisions.read(project).revisions)
    except Error:
        known = ()
    for revision in reversed(known):
        yield Source(revision, "revision", revision=revision)
    yield Source("base", "revision", revision="base")
    try:
        yield source(project, "ddl")
    except Error:
        return
