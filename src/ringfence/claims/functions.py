"""Functions do what they say, twice and at once.

A webhook delivers twice, two messages of a new customer come in the same moment, a page asks while a
job writes. So every function and procedure that touches rows is called, on a shadow with rows of its
own making: in a transaction that may not write, if by its name it only asks; again with the same
arguments; and in two sessions at once, the second waiting for the first as locks have it. What two
calls at once leave must be what one of the two orders leaves, and neither may fail that does not fail
alone.

A function labelled STABLE or IMMUTABLE that writes, and an IMMUTABLE one that reads tables, contradict
their label.

Where the extension plpgsql_check is installed in the database, what it says of bodies is reported too;
where it is not, the claim says so.
"""

from __future__ import annotations

from contextlib import closing
from importlib.resources import files
from typing import TYPE_CHECKING

from psycopg.rows import dict_row

from ringfence.behaviour import functions as behaviour
from ringfence.claims import claim
from ringfence.claims.constraints import shadow
from ringfence.errors import Error
from ringfence.finding import Basis, Finding, Severity
from ringfence.model import Ref
from ringfence.pg.connect import connect, translated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ringfence.behaviour.functions import Seen
    from ringfence.claims import Case, Verdict


@claim("functions", "functions do what they say, twice and at once", "function", aside=True)
def functions(case: Case, verdict: Verdict) -> None:
    """Call every function in every way there is."""
    _checked(case, verdict)
    with shadow(case, verdict) as rows:
        if rows is None:
            return
        staged = behaviour.stage(rows, (case.project.config.migrate.schema,))
        _tell(verdict, behaviour.look(staged))
        assert rows.target is not None
        with closing(connect(rows.target)) as other, closing(connect(rows.target)) as third:
            _tell(verdict, behaviour.race(staged, other, third))
        verdict.checked = len(staged.routines)


_LEVELS = {"error": Severity.ERROR, "warning": Severity.WARNING}


def _checked(case: Case, verdict: Verdict) -> None:
    """What plpgsql_check says, where it is installed."""
    row = case.connection.execute(
        "SELECT quote_ident(n.nspname) FROM pg_proc AS p"
        " JOIN pg_namespace AS n ON n.oid = p.pronamespace"
        " WHERE p.proname = 'plpgsql_check_function_tb' AND 'regprocedure'::regtype = p.proargtypes[0]"
    ).fetchone()
    if row is None:
        verdict.title = (
            "functions do what they say, twice and at once"
            " (plpgsql_check is not installed, and was not asked)"
        )
        return
    assert case.target is not None
    query = (files(__package__) / "plpgsql_check.sql").read_bytes()
    try:
        # A session of its own, in which bodies find names where they always do.
        with (
            connect(case.target) as conn,
            translated(conn),
            conn.transaction(),
            conn.cursor(row_factory=dict_row) as cursor,
        ):
            cursor.execute(
                "SELECT set_config('search_path', concat_ws(', ',"
                " nullif(current_setting('search_path'), ''), %s::text), true)",
                [row[0]],
            )
            found = cursor.execute(query).fetchall()
    except Error as error:
        verdict.no(
            f"plpgsql_check could not be asked: {error.message}",
            help=error.hint,
            severity=Severity.WARNING,
        )
        return
    for said in found:
        kind = "procedure" if said["procedure"] else "function"
        ref = Ref(kind, (said["schema"], said["name"], f"({', '.join(said['types'])})"))
        table = f", as a trigger of {said['table']}" if said["table"] else ""
        verdict.findings.append(
            Finding(
                "functions/plpgsql-check",
                _LEVELS.get(said["level"], Severity.INFO),
                f"{ref.path}, line {said['line']}{table}: {said['message']}",
                ref,
                help=said["hint"],
                evidence={"sqlstate": said["sqlstate"], "level": said["level"]},
                basis=Basis.CATALOG,
                key=f"{ref}:{said['line']}:{said['sqlstate']}",
            )
        )


def _tell(verdict: Verdict, seen: Iterable[Seen]) -> None:
    for one in seen:
        if one.wrong or one.unknown:
            grave = one.kind in ("race", "lost-update", "volatility")
            severity = Severity.ERROR if grave else Severity.WARNING if one.wrong else Severity.INFO
            said = one.wrong or f"not seen at work: {one.unknown}"
            verdict.findings.append(
                Finding(
                    f"functions/{one.kind}",
                    severity,
                    f"{one.ref.path}: {said}",
                    one.ref,
                    basis=Basis.MEASURED,
                    reproduction=one.script,
                )
            )
