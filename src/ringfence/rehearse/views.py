"""Views that show other rows, or other values, than before by the name they have.

A view's own definition is judged, not the rows that it reads: what the definition of before would show
now is compared with what the one of now shows.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psycopg import sql

from ringfence.finding import Coverage, counted
from ringfence.model import Ref, quoted
from ringfence.rehearse.elsewhere import Otherwise, Read, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.rehearse.compat import Known, World

    Session = Connection[tuple[object, ...]]

_VIEWS = """
SELECT
    n.nspname, c.relname, c.relkind::text, pg_get_viewdef(c.oid),
    array(
        SELECT ARRAY[a.attname::text, format_type(a.atttypid, a.atttypmod)]
        FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
    )
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE c.relkind IN ('v', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND n.nspname <> ALL (%s)
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    )
ORDER BY n.nspname, c.relname
"""


@dataclass(frozen=True, slots=True)
class View:
    """A view's definition, its columns with their types, and what it shows; None: it cannot be read."""

    schema: str
    name: str
    kind: str
    definition: str
    types: Mapping[str, str]
    shows: Read | None = None

    @property
    def ref(self) -> Ref:
        """What findings call it."""
        kind = "materialized_view" if self.kind == "m" else "view"
        return Ref(kind, (self.schema, self.name))

    @property
    def would(self) -> sql.Composed:
        """What its definition selects now."""
        return sql.SQL("({}) AS rows").format(sql.SQL(self.definition))

    @property
    def rows(self) -> sql.Composable:
        """Where to read what it shows. What a materialized view holds is of when it was filled, which
        is before rows were made up."""
        return self.would if self.kind == "m" else sql.Identifier(self.schema, self.name)


def views(connection: Session, hidden: Sequence[str]) -> dict[tuple[str, str], View]:
    """The views there are, without what they show."""
    with connection.transaction():
        # So that every name in a definition is whole.
        connection.execute("SET LOCAL search_path = pg_catalog")
        listed = connection.execute(_VIEWS, [list(hidden)]).fetchall()
    found = {}
    for schema, name, kind, definition, columns in listed:
        assert isinstance(columns, list)
        text = str(definition).rstrip().rstrip(";")
        view = View(str(schema), str(name), str(kind), text, dict(columns))
        found[view.schema, view.name] = view
    return found


def shown(connection: Session, hidden: Sequence[str]) -> dict[tuple[str, str], View]:
    """The views there are, and what they show. Nothing is changed by it."""
    found = {}
    with _reading(connection):
        for key, view in views(connection, hidden).items():
            shows = read(connection, view.rows, view.types, view.types)
            found[key] = replace(view, shows=shows)
    return found


@contextmanager
def _reading(connection: Session) -> Iterator[None]:
    """Views are read, and what they call changes nothing."""
    with connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION READ ONLY")
        yield


@dataclass(frozen=True, slots=True)
class Seen:
    """What views show otherwise, and those with another definition that showed nothing to compare."""

    otherwise: tuple[Otherwise, ...] = ()
    unknown: tuple[str, ...] = ()


def compared(
    connection: Session,
    had: Mapping[tuple[str, str], View],
    after: World,
    hidden: Sequence[str],
) -> Seen:
    """What is read otherwise by the names of the views `had`, where that is for their definitions."""
    relations = {(r.schema, r.name): r for r in after.relations}
    now = views(connection, hidden)
    otherwise: list[Otherwise] = []
    unknown = []
    for key, was in had.items():
        here = relations.get(key)
        if here is None or (key in now and now[key].definition == was.definition):
            continue  # gone, and that is told; or the rows that it reads are looked at themselves
        with _reading(connection):
            seen = _judged(connection, was, here, now.get(key))
        if seen is None:
            unknown.append(was.ref.path)
        else:
            otherwise += seen
    return Seen(tuple(otherwise), tuple(unknown))


def _judged(
    connection: Session, was: View, here: Known, view: View | None
) -> list[Otherwise] | None:
    """What is read otherwise by the name of one; None where it showed nothing before."""
    if was.shows is None or not was.shows.count:
        return None
    types = {c.name: c.type for c in here.columns}
    same = {name: type_ for name, type_ in was.types.items() if name in types}
    rows = view.rows if view is not None else sql.Identifier(here.schema, here.name)
    shows = read(connection, rows, types, same)
    if shows is None:
        return None
    would = read(connection, was.would, was.types, same)
    return list(_told(was, shows, would, read(connection, rows, types, same)))


def _told(was: View, shows: Read, would: Read | None, again: Read | None) -> Iterator[Otherwise]:
    assert was.shows is not None
    if shows.count != was.shows.count:
        fewer = shows.count < was.shows.count
        expected = would.count if would is not None else None
        if shows.count != expected and (fewer or expected is not None):
            said = f"{counted(was.shows.count, 'row')} before, {shows.count} now"
            yield Otherwise(
                was.ref, f"{was.ref.path} reads otherwise: {said}", not shows.count, _LET
            )
        return
    if would is not None and would.count != shows.count:
        would = None
    for name, value in shows.values.items():
        before = was.shows.values[name]
        if value.same(before) or (would is not None and value.same(would.values[name])):
            continue
        if again is None or not value.same(again.values[name]):
            continue  # it is another one each time it is read
        said = "has other values than before"
        if not value.filled:
            said = "is NULL in every row, and had values before"
        path = f"{was.ref.path}.{quoted(name)}"
        yield Otherwise(was.ref, f"{path} reads otherwise: it {said}", not value.filled, _LET)


_LET = "let it show what it showed until nobody reads it, and give the new one a name of its own"


def coverage(unknown: Sequence[str]) -> list[Coverage]:
    """That nobody knows of these views whether they show what they did."""
    if not unknown:
        return []
    reason = f"nothing was seen of {', '.join(unknown)} before, or now: there was no row to compare"
    return [Coverage("views", "views with another definition show what they did", skipped=reason)]
