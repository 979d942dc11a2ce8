"""Running Alembic ourselves, through the project's own env.py, over what is to be done."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import RevisionStep
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionMap
from alembic.util.exc import CommandError

from ringfence.errors import BadProject
from ringfence.history.explain import explained
from ringfence.history.python import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import ModuleType

    from alembic.runtime.migration import MigrationContext

    from ringfence.history.session import Session
    from ringfence.revisions import Direction, Graph, Revision


def drive(
    session: Session,
    choose: Callable[[tuple[str, ...]], Sequence[tuple[Revision, Direction]]],
    *,
    expected: Iterable[Revision] = (),
    offline_from: Sequence[str] | None = None,
) -> str:
    """Run Alembic, through the project's own env.py, over the revisions that `choose` names.

    `choose` is given where the database stands, once nobody else can move it; the modules of what it
    is `expected` to choose are run before anything is connected to. With `offline_from`
    nothing is connected to: the SQL for a database that stands there is returned.
    """
    buffer = io.StringIO()
    config = Config(output_buffer=buffer, stdout=io.StringIO())
    # % is configparser's own sign of interpolation.
    config.set_main_option("script_location", str(session.project.migrations).replace("%", "%%"))
    config.attributes["ringfence"] = session
    offline = offline_from is not None
    if not (session.project.migrations / "env.py").is_file():
        raise BadProject(
            f"there is no {session.project.shown(session.project.migrations / 'env.py')}, which"
            " Alembic runs",
            hint="ringfence init writes one in a new folder; one of another project does as well",
        )
    try:
        script = ScriptDirectory.from_config(config)
        script.revision_map = RevisionMap(lambda: _scripts(session.graph))
        modules = {revision.id: load(revision) for revision in expected}

        def steps(heads: tuple[str, ...], _: MigrationContext) -> list[RevisionStep]:
            return [_step(script, modules, *chosen) for chosen in choose(heads)]

        with EnvironmentContext(
            config,
            script,
            fn=steps,
            as_sql=offline,
            starting_rev=list(offline_from or ()) or None if offline else None,
        ):
            script.run_env()
    except CommandError as error:
        raise BadProject(str(error)) from error
    except Exception as error:
        found = explained(error, session.project)
        if found is error:
            raise
        raise found from error
    return buffer.getvalue()


def _scripts(graph: Graph) -> Iterator[Script]:
    """The revisions as Alembic knows them: what their files say was read, and none of them was run."""
    for revision in graph.revisions.values():
        said = SimpleNamespace(
            __doc__=revision.title,
            revision=revision.id,
            down_revision=revision.down,
            branch_labels=revision.labels,
            depends_on=revision.depends_on,
        )
        yield Script(cast("ModuleType", said), revision.id, str(revision.path))


def _step(
    script: ScriptDirectory,
    modules: dict[str, ModuleType],
    revision: Revision,
    direction: Direction,
) -> RevisionStep:
    theirs = script.get_revision(revision.id)
    assert theirs is not None
    theirs.module = modules.get(revision.id) or load(revision)
    name = "upgrade" if direction == "up" else "downgrade"
    if not hasattr(theirs.module, name):
        done = "applied" if direction == "up" else "undone"
        raise BadProject(
            f"revision {revision.id} cannot be {done}: {revision.shown} has no {name}",
            hint="write it, or go forward with a new revision",
        )
    return RevisionStep(script.revision_map, theirs, direction == "up")
