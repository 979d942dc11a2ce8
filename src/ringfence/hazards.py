"""Hazards that somebody has to agree to by name: in a plan, and where a revision is about to run.

A revision's file says at its top what in it is a hazard that nobody agreed to yet:
`-- ringfence: hazard: DATA_LOSS:shop.orders`. It runs where that is allowed, by the file itself
(`-- ringfence: allowed: …`), by `--allow`, by RINGFENCE_ALLOW or by the project's configuration.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence.errors import BadProject, Misuse, Refused
from ringfence.finding import counted
from ringfence.step import HazardCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ringfence.model import Unmodeled
    from ringfence.project import Project
    from ringfence.revisions import Direction, Revision
    from ringfence.script import Script
    from ringfence.step import Hazard

VARIABLE = "RINGFENCE_ALLOW"
"""The environment variable with hazards that are allowed, separated by commas."""

UNMODELED = "UNMODELED"
"""What the name of something that is not modelled begins with, where it is allowed."""

CONFIGURED = "[tool.ringfence.migrate] allow:"

DRIFT = "DRIFT"
"""What the name of an object begins with that is not what a revision was planned on."""

DISK = "DISK_SPACE"
"""What the name of an object begins with for which there may be no room."""

_ITEM = re.compile(r'(?:"(?:[^"]|"")*"|[^,"])+')


def refuse_unknown(
    allow: Iterable[str], *, said: str = "--allow", more: Sequence[str] = ()
) -> None:
    """Raise `Misuse` on a name that begins with no hazard's code, nor with any of `more`."""
    known = sorted({*more, *(str(code) for code in HazardCode)})
    for name in allow:
        code = name.partition(":")[0]
        if code not in known:
            near = difflib.get_close_matches(code, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
            raise Misuse(f"{said} {name}: no such hazard", hint=hint)


def refuse_unknown_measured(project: Project, allow: Iterable[str]) -> None:
    """The same of what a rehearsal is told, on the spot and by the project: it finds more of them."""
    from ringfence.rehearse.pages import codes

    refuse_unknown(allow, more=codes())
    agreed = project.config.migrate.allow
    refuse_unknown(agreed, said=CONFIGURED, more=[DRIFT, DISK, *codes()])


def allowed(name: str, allow: Iterable[str]) -> bool:
    """Whether a hazard is among those agreed to, by its own name or by its code alone."""
    return name in allow or name.partition(":")[0] in allow


def refuse(hazards: Iterable[Hazard], allow: Sequence[str], alike: Sequence[str] = ()) -> None:
    """Raise `Refused` that names every hazard of a plan nobody agreed to, and how to.

    `alike`: what may be meant instead of what loses something.
    """
    left = [h for h in dict.fromkeys(hazards) if not allowed(h.name, allow)]
    if left:
        raise Refused(
            f"{counted(len(left), 'hazard')} that nobody agreed to",
            detail="\n".join((*(f"{h.code}: {h.message}" for h in left), *alike)),
            hint="to agree: " + " ".join(f"--allow '{h.name}'" for h in dict.fromkeys(left)),
        )


def refuse_unmodeled(found: Iterable[Unmodeled], allow: Sequence[str]) -> None:
    """Raise `Refused` that names what a plan cannot see, and how to plan without it."""
    left = [u for u in found if u.code not in allow and UNMODELED not in allow]
    if left:
        raise Refused(
            f"{counted(len(left), 'thing')} that ringfence does not model",
            detail="\n".join(map(str, left)),
            hint="to plan without: "
            + " ".join(f"--allow '{u.code}'" for u in left)
            + "; for good: unmodeled in [tool.ringfence]",
        )


def agreeing(project: Project, allow: Sequence[str]) -> Project:
    """The project, in which these are allowed too where revisions run."""
    refuse_unknown(allow, more=[DRIFT, DISK])
    if not allow:
        return project
    migrate = project.config.migrate
    migrate = replace(migrate, allow=(*migrate.allow, *allow))
    return replace(project, config=replace(project.config, migrate=migrate))


def agreeing_to(project: Project, revisions: Iterable[Revision]) -> Project:
    """The project, in which all hazards of these revisions are allowed: they run in a shadow alone."""
    scripts = (revision.script("up") for revision in revisions if revision.sql)
    return agreeing(project, [name for text in scripts for name in declared(text)])


def agreed(project: Project) -> frozenset[str]:
    """What is allowed where revisions run, by the configuration and by the environment."""
    given = [item.strip() for item in _ITEM.findall(os.environ.get(VARIABLE, ""))]
    refuse_unknown(given, said=VARIABLE, more=[DRIFT, DISK])
    return frozenset({*project.config.migrate.allow, *given})


def refuse_revisions(project: Project, moving: Iterable[tuple[Revision, Direction]]) -> None:
    """Raise `Refused` before anything runs, when a revision's file has a hazard nobody agreed to."""
    configured = project.config.migrate.allow
    if configured:
        # The project agrees in one place, to what rehearsals find as well.
        from ringfence.rehearse.pages import codes

        refuse_unknown(configured, said=CONFIGURED, more=[DRIFT, DISK, *codes()])
    allow = agreed(project)
    for revision, direction in moving:
        if not revision.sql:
            continue
        text = revision.script(direction)
        left = [n for n in declared(text) if not allowed(n, {*allow, *text.said("allowed")})]
        if left:
            verb = "undoing revision" if direction == "down" else "revision"
            raise Refused(
                f"{verb} {revision} has {counted(len(left), 'hazard')} that nobody agreed to",
                detail="\n".join([*left, f"declared in {text.path}"]),
                hint="to agree: " + " ".join(f"--allow '{name}'" for name in left),
            )


def declared(text: Script) -> tuple[str, ...]:
    """The hazards that a file says it has. Raises `BadProject` on one that there is not."""
    known = sorted(str(code) for code in HazardCode)
    for key in ("hazard", "allowed"):
        for name in text.said(key):
            if name.partition(":")[0] not in known:
                raise BadProject(
                    f"{text.path}: {name or 'nothing'} is no hazard",
                    hint=f"-- ringfence: {key}: CODE:name, with CODE one of {', '.join(known)}",
                )
    return text.said("hazard")
