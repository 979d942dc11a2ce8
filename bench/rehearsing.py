"""What `ringfence rehearse` adds to the statements that it runs."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.lab import RINGFENCE, Lab, bench
from ringfence import project, rehearse
from ringfence.pg.connect import connect, named
from ringfence.pg.observe import Observer
from ringfence.script import Script

if TYPE_CHECKING:
    from ringfence.pg.connect import Target

ROWS = 400_000
TABLE = f"""
CREATE TABLE public.orders (id bigint PRIMARY KEY, n integer NOT NULL, note text);
INSERT INTO public.orders SELECT i, i, repeat('x', 100) FROM generate_series(1, {ROWS}) AS i;
"""  # noqa: S608
UP = """
ALTER TABLE public.orders ADD CHECK (n > 0);
CREATE INDEX orders_n ON public.orders (n, id);
ALTER TABLE public.orders ALTER n TYPE bigint;
ALTER TABLE public.orders ALTER note SET NOT NULL;
UPDATE public.orders SET note = 'y' WHERE id % 2 = 0;
"""
DOWN = """
ALTER TABLE public.orders ALTER note DROP NOT NULL;
ALTER TABLE public.orders ALTER n TYPE integer;
DROP INDEX public.orders_n;
ALTER TABLE public.orders DROP CONSTRAINT orders_n_check;
"""


def _times(target: Target, *, observed: bool) -> float:
    """The seconds of the statements on a table made for them, run as they are or looked at."""
    with connect(target) as connection:
        connection.execute(TABLE.encode())
        connection.execute("VACUUM ANALYZE public.orders")
        connection.execute("CHECKPOINT")
    text = Script("up.sql", UP)
    if observed:
        with Observer(target) as observer:
            began = time.perf_counter()
            observer.open()
            observer.begin()
            for statement in text.statements:
                observer.observe(text, statement)
            observer.commit()
            seconds = time.perf_counter() - began
    else:
        with connect(target) as connection:
            began = time.perf_counter()
            with connection.transaction():
                for statement in text.statements:
                    connection.execute(statement.text)
            seconds = time.perf_counter() - began
    with connect(target) as connection:
        connection.execute("DROP TABLE public.orders")
    return seconds


@bench(
    f"what looking at statements adds, less a second, ÷ the statements alone, {ROWS:,} rows",
    limit=2,
    unit="×",
)
def looking(lab: Lab) -> float:
    """The median of three turns each."""
    target = named(f"{lab.server()} dbname=postgres", "the bench")
    alone, seen = [], []
    for _ in range(3):
        alone.append(_times(target, observed=False))
        seen.append(_times(target, observed=True))
    one, two = sorted(alone)[1], sorted(seen)[1]
    return max(0.0, (two - one - 1) / one)


_STUB = '''"""{0}."""

from ringfence.history import sqlfile

revision = "{0}"
down_revision = {1}
branch_labels = None
depends_on = None

upgrade, downgrade = sqlfile(__file__)
'''


@bench(
    f"what all of a rehearsal adds, less a second, ÷ the statements alone, {ROWS:,} rows",
    limit=2,
    unit="×",
)
def whole(lab: Lab) -> float:
    """With the shadow, its rows, down and up again, and those who read and wrote before."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        versions = root / "migrations" / "versions"
        versions.mkdir(parents=True)
        (root / "ddl").mkdir()
        (root / "pyproject.toml").write_text("[tool.ringfence]\n")
        shutil.copy(lab.project / "migrations" / "env.py", root / "migrations")
        for name, before, up, down in (
            ("0001", "None", TABLE, "DROP TABLE public.orders;\n"),
            ("0002", '"0001"', UP, DOWN),
        ):
            (versions / f"{name}.py").write_text(_STUB.format(name, before))
            (versions / f"{name}.up.sql").write_text(up)
            (versions / f"{name}.down.sql").write_text(down)
        lab.run([*RINGFENCE, "-C", str(root), "db", "start"])
        target = named(f"{lab.server()} dbname=postgres", "the bench")
        found = project.need(root)
        began = time.perf_counter()
        done = rehearse.rehearse(found, target, names=["0002"], count=1)
        seconds = time.perf_counter() - began
        lab.run([*RINGFENCE, "-C", str(root), "db", "destroy", "--yes"])
    own = sum(each.observed.seconds for part in done.parts for each in part.statements)
    return max(0.0, (seconds - own - 1) / own)
