"""The bridge to Alembic: what `migrations/env.py` and the revisions of a project call.

`guard()` in env.py takes the lock, checks the files against the history and hands Alembic its
options; `sqlfile()` in a revision runs the SQL beside it. `ringfence migrate` runs Alembic too, so
both commands do the same, through the same hooks.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ringfence.errors import BadProject
from ringfence.history.env import guard
from ringfence.history.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from ringfence.revisions import Direction


def sqlfile(file: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """`upgrade` and `downgrade` of the revision whose `__file__` this is.

    They run `<same name>.up.sql` and `<same name>.down.sql`.
    """
    stem = os.path.splitext(os.path.abspath(file))[0]  # noqa: PTH100, PTH122 - hundreds of times, at once

    def run(direction: Direction) -> None:
        from alembic import op

        context = op.get_context()
        session = context.opts.get("ringfence")
        if not isinstance(session, Session):
            raise BadProject(
                "migrations/env.py does not go through ringfence",
                hint="it must say: with guard() as options: context.configure(**options)",
            )
        session.run(context, stem, direction)

    def upgrade() -> None:
        run("up")

    def downgrade() -> None:
        run("down")

    return upgrade, downgrade


__all__ = ["guard", "sqlfile"]
