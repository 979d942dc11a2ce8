"""What each hazard means, for `ringfence explain`: what happens, why it matters, the safe form."""

from __future__ import annotations

_PAGES = {
    "REWRITE": """\
A table's rows are written anew while others wait.

Why it matters: nobody reads or writes the table until the last row and every index are written. It
needs as much disk again, and replicas get all of it.

Safe form: a column whose default differs from row to row is added empty, given its default, filled by
a backfill, and then made NOT NULL by way of a constraint that is validated. A column of another type is
added beside the old one, kept equal by a trigger, filled by a backfill, and takes its place in a short
transaction.

Seen by: the table has another file afterwards.
""",
    "INDEX_BUILD": """\
An index is built while others wait.

Why it matters: CREATE INDEX lets nobody write for as long as it takes to read and sort every row; that
of a new primary key or unique constraint lets nobody read either.

Safe form: CREATE INDEX CONCURRENTLY in a file of its own (`-- ringfence: transaction: none`); a
constraint takes the index over with USING INDEX.

Seen by: the index is new, or has another file afterwards.
""",
    "SCAN_UNDER_LOCK": """\
A whole table is read while others wait.

Why it matters: a check, a foreign key or NOT NULL is proved by looking at every row, under a lock that
keeps writers away, or readers too.

Safe form: ADD CONSTRAINT … NOT VALID, and VALIDATE CONSTRAINT in another transaction: it lets others
work. SET NOT NULL needs no look where a valid constraint proves it.

Seen by: the rows that PostgreSQL counts as read.
""",
    "LONG_LOCK": """\
A statement works while a lock that an earlier one took stops others.

Why it matters: a lock is held to the end of its transaction. What takes a moment keeps everybody away
for as long as whatever comes behind it takes. In a plan: a table is locked while its data are copied.

Safe form: two transactions, which are two files.

Seen by: pg_locks before the statement, and what it reads, writes or builds, or that it took two seconds.
""",
    "NOT_REHEARSED": """\
A revision was not run, nor those behind it.

Why it matters: nobody knows what it does to a database at work. It is written in Python, and looks at what
is in the database before it says what is to be done; so there is no SQL to measure. Or a statement goes to
another server by a foreign table: what is tried there is tried on somebody's rows.

Safe form: the same in SQL. What moves rows is a backfill (`-- ringfence: backfill key=id batch=200ms`).

Seen by: Alembic writes no SQL for it while nobody is connected (`alembic upgrade --sql`). Foreign-data
wrappers have no handler on the shadow.
""",
    "BACKFILL": """\
Most of a table's rows are written in one transaction.

Why it matters: each row stays locked to the end, the table grows by as much as is written, vacuum has
to wait, and replicas fall behind.

Safe form: `-- ringfence: backfill key=id batch=200ms` at the top of a file that holds nothing else.

Seen by: rows written against rows read.
""",
    "OLD_READER": """\
What was read or called before cannot be, or reads otherwise.

Why it matters: the release that is running asks for what it knew: a column that is renamed, dropped or
of another type, a function with other arguments. It fails between the migration and the deploy.

Safe form: expand, deploy, contract. The new form comes beside the old one; the old one goes in a file
that says `-- ringfence: phase: contract`.

Seen by: each relation is read by the columns it had, each function looked up by its arguments. Where a
name leads elsewhere, where a view has another definition or a table fewer partitions, the rows and values
read by that name are compared. Who may read is looked up, and whom row security lets see no row, also
between two transactions.
""",
    "OLD_WRITER": """\
What was written before cannot be written any more.

Why it matters: the release that is running leaves out what is newly required, or writes what a new
check refuses. NOT VALID does not help: it holds for new rows.

Safe form: a default, or a trigger that fills in, until no release writes the old form.

Seen by: a row of each table is written again as it was, updated and deleted. Keys, constraints and enum
values that writers name, where sequences go on, who may write, and whom row security lets write no row,
are looked up before and after. So is whether triggers are off, and what a delete takes with it.
""",
    "DATA_LOSS": """\
Rows or values are gone.

Why it matters: no way back brings them again but a backup.

Safe form: rename it, wait until nobody misses it, and drop it in a later release.

Seen by: each table's rows, and each column's values, before and after. In a plan: a step drops what
holds data.
""",
    "DATA_CHANGED": """\
Values are others than before.

Why it matters: a change of a type may round, cut or reinterpret what is stored, and says nothing.

Safe form: none where it is meant; look at the values that differ.

Seen by: a digest of each column's values, compared in the type they had.
""",
    "NOT_REVERSIBLE": """\
The way back fails, or leaves a trace.

Why it matters: it is tried for the first time on the day it is needed.

Safe form: a down file that takes away what the up file made, and makes what it took away. Where
something cannot be made again, say so, and have no down file.

Seen by: up, down and up again, the whole catalog compared.
""",
    "STALE": """\
What was computed by a function stays as it was computed when the function becomes another.

Why it matters: PostgreSQL takes it at its word that it is IMMUTABLE. A query by an index over it finds
other rows than one without, a generated column holds old values, rows that a check refuses are there.

Safe form: REINDEX INDEX CONCURRENTLY; an UPDATE that sets a column which the generated one speaks of, to
what it is; the check dropped and added NOT VALID, and VALIDATE; REFRESH; ANALYZE. Or a function of
another name, and what is to follow it made with that.

Seen by: a plan looks for what is stored by way of a function, text search dictionary or configuration.
""",
    "LOST_PRIVILEGE": """\
A role may no longer do what it could.

Why it matters: the release that is running fails with "permission denied" from that moment on.

Safe form: revoke after the deploy of the release that does without.

Seen by: the grants before and after, in a plan.
""",
    "LOST_PROTECTION": """\
Rows may be seen or changed by who could not.

Why it matters: from that moment on nothing but the application parts one tenant's rows from another's.

Safe form: make what takes its place first, in the same revision.

Seen by: row security that is switched off, or no longer forced, restrictive policies that go or become
permissive, views that are no longer `security_invoker` or `security_barrier` or check less of what is
written, and routines that become SECURITY DEFINER, in a plan and in a rehearsal. There also: what of row
security is off, not forced or away for a moment between two transactions, and roles that policies bind no
more: a superuser, one with BYPASSRLS, a table's owner.
""",
    "FAILS": """\
A statement fails.

Why it matters: of a file that runs in one transaction nothing is left; of one that does not, the
statements before it stay.

Safe form: correct it. Rows made up for the rehearsal are not the reason: those that a new constraint
refuses are changed, and it is tried again.

Seen by: PostgreSQL says so, with its place.
""",
    "UNMODELED": """\
There is something that ringfence does not model.

Why it matters: no plan carries it, and no comparison sees it.

Safe form: look after it in a revision written by hand, and name it in `unmodeled` in [tool.ringfence].

Seen by: the catalog holds what no kind of object has asked for.
""",
}


def codes() -> tuple[str, ...]:
    """Every hazard's code, sorted."""
    return tuple(sorted(_PAGES))


def title(code: str) -> str:
    """What it means, in a line."""
    return page(code).partition("\n")[0].rstrip(".")


def page(code: str) -> str:
    """The whole page. Raises `KeyError` for a code that is none."""
    return _PAGES[code]
