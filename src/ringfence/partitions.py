"""Make partitions ahead of the rows that will need them: as wide, as named and as guarded as the last.

How wide they are, and in which time zone they begin, follows from the bounds of those that are there;
what they are called from the name of the last. A new one is made beside the table and attached, which
keeps nobody from reading or writing the others, a transaction each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from ringfence.errors import Misuse, Refused
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.pg.connect import connect, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

    from ringfence.pg.connect import Target

    Connection = psycopg.Connection[tuple[object, ...]]

Position = datetime | int
P = TypeVar("P", datetime, int)

_MOST = 1000
_IN_EVERY_MONTH = 28
_LONGEST = 63  # bytes of a name

_PARTITIONS = r"""
SELECT
    t.oid::bigint, n.nspname, t.relname, t.relowner::regrole::oid::bigint,
    pg_get_userbyid(t.relowner), p.partstrat, p.partnatts, a.attname,
    CASE WHEN y.typtype = 'd' THEN y.typbasetype ELSE y.oid END::regtype::text,
    c.oid::bigint, cn.nspname, c.relname, c.relkind, pg_get_expr(c.relpartbound, c.oid)
FROM pg_partitioned_table AS p
INNER JOIN pg_class AS t ON t.oid = p.partrelid
INNER JOIN pg_namespace AS n ON n.oid = t.relnamespace
LEFT JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = p.partattrs[0]
LEFT JOIN pg_type AS y ON y.oid = a.atttypid
LEFT JOIN pg_inherits AS i ON i.inhparent = t.oid AND NOT i.inhdetachpending
LEFT JOIN pg_class AS c ON c.oid = i.inhrelid
LEFT JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
WHERE
    NOT t.relispartition AND t.relpersistence <> 't'
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (
        SELECT FROM pg_depend AS e
        WHERE
            e.classid = 'pg_class'::regclass AND e.objid = t.oid AND e.objsubid = 0
            AND e.deptype = 'e'
    )
ORDER BY n.nspname, t.relname, c.oid
"""

_LIKE = r"""
SELECT
    c.relpersistence = 'u', c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
    s.spcname, array_to_string(c.reloptions, ', '), pg_get_userbyid(c.relowner),
    c.relowner = CURRENT_USER::regrole,
    ARRAY(
        SELECT DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END
        FROM pg_default_acl AS d
        CROSS JOIN LATERAL aclexplode(d.defaclacl) AS x
        LEFT JOIN pg_roles AS r ON r.oid = x.grantee
        WHERE
            d.defaclrole = CURRENT_USER::regrole AND d.defaclobjtype = 'r'
            AND d.defaclnamespace IN (0, %(schema)s::regnamespace) AND x.grantee <> d.defaclrole
        ORDER BY 1
    )
FROM pg_class AS c
LEFT JOIN pg_tablespace AS s ON s.oid = c.reltablespace
WHERE c.oid = %(oid)s::oid
"""

_GRANTS = r"""
SELECT
    '' AS col, x.privilege_type, x.is_grantable,
    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END
FROM pg_class AS c
CROSS JOIN LATERAL aclexplode(c.relacl) AS x
LEFT JOIN pg_roles AS r ON r.oid = x.grantee
WHERE c.oid = %(oid)s::oid AND x.grantee <> c.relowner
UNION ALL
SELECT
    quote_ident(a.attname), x.privilege_type, x.is_grantable,
    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END
FROM pg_attribute AS a
INNER JOIN pg_class AS c ON c.oid = a.attrelid
CROSS JOIN LATERAL aclexplode(a.attacl) AS x
LEFT JOIN pg_roles AS r ON r.oid = x.grantee
WHERE a.attrelid = %(oid)s::oid AND a.attnum > 0 AND x.grantee <> c.relowner
ORDER BY 4, 1, 2
"""

_POLICIES = r"""
SELECT
    p.polname, p.polpermissive,
    CASE p.polcmd
        WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
        WHEN 'd' THEN 'DELETE' ELSE 'ALL'
    END,
    CASE WHEN p.polroles = '{0}' THEN 'PUBLIC' ELSE (
        SELECT string_agg(quote_ident(r.rolname), ', ' ORDER BY r.rolname)
        FROM pg_roles AS r WHERE r.oid = ANY(p.polroles)
    ) END,
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
FROM pg_policy AS p
WHERE p.polrelid = %(oid)s::oid
ORDER BY p.polname
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A partition: where it begins and ends, None where it has no end; `bounded` on both sides."""

    oid: int
    schema: str
    name: str
    kind: str
    lower: Position | None
    upper: Position | None
    default: bool = False

    @property
    def bounded(self) -> bool:
        """Whether it begins and ends somewhere."""
        return self.lower is not None and self.upper is not None


@dataclass(frozen=True, slots=True)
class Parted:
    """A partitioned table, its key's column and type, and its partitions in order."""

    oid: int
    schema: str
    name: str
    owner: str
    strategy: str
    width: int
    column: str | None
    type: str
    parts: tuple[Part, ...]

    @property
    def path(self) -> str:
        """Its name as messages and SQL have it."""
        return qualified((self.schema, self.name))

    @property
    def unfit(self) -> str:
        """Why nobody can tell where its next partition begins; empty where that can be told."""
        if self.strategy != "r":
            kind = {"l": "LIST", "h": "HASH"}.get(self.strategy, self.strategy)
            return f"it is partitioned by {kind}: nothing comes after the last one"
        if self.width != 1 or self.column is None:
            return "it is partitioned by more than one column"
        if self.type not in (*_TIMES, *_NUMBERS):
            return (
                f"it is partitioned by {self.column}, which is {self.type}: no time and no number"
            )
        return ""


_TIMES = ("date", "timestamp without time zone", "timestamp with time zone")
_NUMBERS = ("smallint", "integer", "bigint")


@dataclass(frozen=True, slots=True)
class Step:
    """How far it is from one partition to the next: months, or a time, or a number."""

    months: int = 0
    time: timedelta = timedelta()
    number: int = 0

    def __str__(self) -> str:
        if self.number:
            return str(self.number)
        if self.months:
            years, months = divmod(self.months, 12)
            count, unit = (years, "year") if not months else (self.months, "month")
        elif self.time % timedelta(days=7) == timedelta():
            count, unit = self.time // timedelta(days=7), "week"
        elif self.time % timedelta(days=1) == timedelta():
            count, unit = self.time // timedelta(days=1), "day"
        elif self.time % timedelta(hours=1) == timedelta():
            count, unit = self.time // timedelta(hours=1), "hour"
        else:
            return str(self.time)
        return f"{count} {unit}{'s' * (count != 1)}"

    def after(self, at: P) -> P:
        """Where a partition ends that begins there."""
        if isinstance(at, int):
            return at + self.number
        if self.months:
            month = at.month - 1 + self.months
            return at.replace(year=at.year + month // 12, month=month % 12 + 1)
        return at + self.time


def every(said: str) -> Step:
    """What `--every` says: `month`, `2 weeks`, `day`, `1000`. Raises `Misuse`."""
    match = re.fullmatch(
        r"(?:(\d+)\s*)?(hour|day|week|month|quarter|year)?s?", said.strip().lower()
    )
    count = int((match and match[1]) or 1)
    if match is None or not any(match.groups()) or not count:
        raise Misuse(
            f"--every {said} is no width", hint="write month, week, 2 days, quarter or a number"
        )
    unit = match[2]
    if unit is None:
        return Step(number=count)
    if unit in ("month", "quarter", "year"):
        return Step(months=count * {"month": 1, "quarter": 3, "year": 12}[unit])
    hours = {"hour": 1, "day": 24, "week": 168}[unit]
    return Step(time=timedelta(hours=count * hours))


def _step(lower: Position, upper: Position) -> Step:
    if isinstance(lower, int):
        assert isinstance(upper, int)
        return Step(number=upper - lower)
    assert isinstance(upper, datetime)
    months = (upper.year - lower.year) * 12 + upper.month - lower.month
    same = lower.day == upper.day <= _IN_EVERY_MONTH and lower.time() == upper.time()
    if months > 0 and same:
        return Step(months=months)
    return Step(time=upper - lower)


def _steps(parts: Sequence[Part]) -> Step | None:
    """How wide partitions are, by the last of those that begin and end somewhere.

    Of one that may be a month or four weeks, those before it tell.
    """
    bounded = [p for p in parts if p.bounded]
    if not bounded:
        return None
    last = bounded[-1]
    assert last.lower is not None
    assert last.upper is not None
    found = _step(last.lower, last.upper)
    if found.months and len(bounded) > 1 and isinstance(last.lower, datetime):
        assert isinstance(last.upper, datetime)
        plain = Step(time=last.upper - last.lower)
        before = bounded[-2]
        assert before.lower is not None
        assert before.upper is not None
        if _step(before.lower, before.upper) == plain:
            return plain
    return found


@dataclass(frozen=True, slots=True)
class New:
    """A partition to be made: its name, its bounds as the server reads them, and the SQL."""

    table: str
    name: str
    lower: str
    upper: str
    statements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """What was done, or would be, for one table; `why` nothing, where that has a reason."""

    table: str
    step: str
    new: tuple[New, ...]
    until: str = ""
    why: str = ""


def ahead(
    target: Target,
    name: str | None,
    count: int,
    *,
    width: str | None = None,
    lock_timeout: str = "1s",
    dry_run: bool = False,
) -> tuple[Made, ...]:
    """Make partitions until `count` of them lie ahead of the one for now; of one table, or of all.

    Of a table that is partitioned by a number, now is its greatest, or where the first one begins. Raises `Misuse` where a named
    table is not partitioned or cannot be gone on with, `Busy` where somebody holds it.
    """
    if count < 0:
        raise Misuse(
            "--ahead is less than nothing", hint="write how many partitions are to be there"
        )
    wanted = every(width) if width is not None else None
    with connect(target, pinned=True) as connection:
        done = []
        with translated(connection):
            tables = _tables(connection, name)
        if name is None and wanted is not None:
            raise Misuse("--every is for one table", hint="name the table")
        for table in tables:
            with translated(connection, table.path):
                done.append(_table(connection, table, count, wanted, lock_timeout, dry_run=dry_run))
            if name is not None and done[-1].why:
                raise Refused(f"{table.path}: {done[-1].why}", hint=_hint(table))
    return tuple(done)


def _hint(table: Parted) -> str:
    if table.unfit:
        return "its partitions are made by hand"
    if not any(p.bounded for p in table.parts):
        return "say how wide they are to be: --every month"
    return "make it by hand, or name a free one"


def _tables(connection: Connection, name: str | None) -> tuple[Parted, ...]:
    with connection.transaction():
        connection.execute("SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'")
        rows = connection.execute(_PARTITIONS).fetchall()
    found: dict[int, tuple[tuple[Any, ...], list[Part]]] = {}
    for row in rows:
        oid, _, _, _, _, strategy, natts, _, kind, child, *rest = (_any(v) for v in row)
        parts = found.setdefault(oid, (tuple(row), []))[1]
        if child is not None:
            fit = strategy == "r" and natts == 1 and kind in (*_TIMES, *_NUMBERS)
            parts.append(_part(child, *rest, kind=kind if fit else ""))
    tables = [
        Parted(oid, row[1], row[2], row[4], row[5], row[6], row[7], row[8] or "", _in_order(parts))
        for oid, (row, parts) in found.items()
    ]
    if name is None:
        return tuple(tables)
    named = [t for t in tables if name in (t.path, t.name, f"{t.schema}.{t.name}")]
    if len(named) != 1:
        near = ", ".join(t.path for t in named or tables)
        raise Misuse(
            f"{name} may be any of {near}" if named else f"there is no partitioned table {name}",
            hint="write its schema too" if named else f"there is {near or 'none at all'}",
        )
    return tuple(named)


def _any(value: object) -> Any:
    return value


_BOUND = re.compile(r"FOR VALUES FROM \((MINVALUE|'[^']*'|-?\d+)\) TO \((MAXVALUE|'[^']*'|-?\d+)\)")


def _part(oid: int, schema: str, name: str, relkind: str, bound: str, *, kind: str) -> Part:
    match = _BOUND.fullmatch(bound) if kind else None
    if match is None:
        return Part(oid, schema, name, relkind, None, None, default=bound == "DEFAULT")
    lower, upper = (_read(text.strip("'"), kind) for text in match.groups())
    return Part(oid, schema, name, relkind, lower, upper)


def _read(text: str, kind: str) -> Position | None:
    if text in ("MINVALUE", "MAXVALUE", "infinity", "-infinity"):
        return None
    if kind in _NUMBERS:
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:  # before our era, or beyond the year 9999
        return None
    return found if kind != _TIMES[2] else found.astimezone(UTC)


def _in_order(parts: Sequence[Part]) -> tuple[Part, ...]:
    def key(part: Part) -> tuple[int, Any]:
        at = part.upper if part.upper is not None else part.lower
        return (1, at) if at is not None else (0, 0)

    return tuple(sorted(parts, key=key))


def _table(
    connection: Connection,
    table: Parted,
    count: int,
    wanted: Step | None,
    lock_timeout: str,
    *,
    dry_run: bool,
) -> Made:
    """Make one table's partitions, each in a transaction that looks anew what is missing."""
    made: list[New] = []
    while True:
        with connection.transaction():
            if not dry_run:
                connection.execute(f"SET LOCAL lock_timeout = {literal(lock_timeout)}")
                connection.execute(f"LOCK TABLE ONLY {table.path} IN SHARE UPDATE EXCLUSIVE MODE")
                table = _tables(connection, table.path)[0]
            connection.execute("SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'")
            planned = _plan(connection, table, count, wanted)
            if dry_run or planned.why or not planned.new:
                new = planned.new if dry_run else tuple(made)
                return Made(table.path, planned.step, new, planned.until, planned.why)
            for statement in planned.new[0].statements:
                connection.execute(statement.encode())
            made.append(planned.new[0])


def _plan(connection: Connection, table: Parted, count: int, wanted: Step | None) -> Made:
    """What is missing of one table, and the SQL that makes it."""
    if table.unfit:
        return Made(table.path, "", (), why=table.unfit)
    ends = [p for p in table.parts if not p.default]
    if not ends:
        return Made(table.path, "", (), why="it has no partition to go on from")
    if ends[-1].upper is None:
        return Made(table.path, "", (), why=f"{ends[-1].name} has no end")
    zone = _zone(connection, table, ends)
    local = [_at(p, zone) for p in ends] if zone else ends
    step = wanted or _steps(local)
    if step is None:
        return Made(table.path, "", (), why="nobody can tell how wide its partitions are")
    if bool(step.number) != (table.type in _NUMBERS):
        raise Misuse(
            f"{table.path} is partitioned by {table.column}, which is {table.type}",
            hint="--every takes a number for numbers, and a time for times",
        )
    like = next((p for p in reversed(local) if p.kind == "r"), None)
    if local[-1].kind != "r" or like is None:
        return Made(table.path, str(step), (), why=f"{local[-1].name} is no plain table")
    now = _now(connection, table, zone)
    begins = local[-1].upper
    assert begins is not None
    missing = list(_missing(local, begins, step, now, count))
    if len(missing) > _MOST:
        raise Refused(
            f"{table.path} lacks more than {_MOST} partitions of {step}",
            hint="make the first of those to come by hand, and go on from there",
        )
    shape = _Shape(connection, table, like)
    taken = {p.name for p in table.parts}
    new = []
    for lower, upper in missing:
        name = _called(table, local, lower, upper)
        if name in taken or _exists(connection, table.schema, name):
            return Made(table.path, str(step), (), why=f"the name {name} is taken")
        taken.add(name)
        bounds = _written(lower, zone, table.type), _written(upper, zone, table.type)
        new.append(New(table.path, name, *bounds, tuple(shape.statements(name, *bounds))))
    last = missing[-1][1] if missing else begins
    return Made(table.path, str(step), tuple(new), _written(last, zone, table.type))


def _missing(
    parts: Sequence[Part], begins: Position, step: Step, now: Position, count: int
) -> Iterator[tuple[Any, Any]]:
    """The ranges from `begins` on, until `count` of them begin behind now."""
    moment: Any = now
    there = sum(1 for p in parts if p.lower is not None and moment < p.lower)
    lower: Any = begins
    for number in range(_MOST + 2):
        if lower > now:
            there += 1
            if there > count:
                return
        if number > _MOST + 1:
            return
        upper = step.after(lower)
        yield lower, upper
        lower = upper


def _zone(connection: Connection, table: Parted, parts: Sequence[Part]) -> ZoneInfo | None:
    """The time zone in which partitions begin at midnight: UTC, or the database's; None for no times."""
    if table.type not in _TIMES:
        return None
    utc = ZoneInfo("UTC")
    if table.type != _TIMES[2]:
        return utc
    bounds = [b for p in parts for b in (p.lower, p.upper) if isinstance(b, datetime)]
    row = connection.execute("SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'").fetchone()
    for name in ("UTC", str(row[0]) if row else "UTC"):
        try:
            zone = ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            continue
        if all(b.astimezone(zone).time() == datetime.min.time() for b in bounds):
            return zone
    return utc


def _at(part: Part, zone: ZoneInfo) -> Part:
    def local(at: Position | None) -> Position | None:
        if isinstance(at, datetime) and at.tzinfo is not None:
            return at.astimezone(zone).replace(tzinfo=None)
        return at

    from dataclasses import replace

    return replace(part, lower=local(part.lower), upper=local(part.upper))


def _now(connection: Connection, table: Parted, zone: ZoneInfo | None) -> Position:
    if zone is not None:
        row = connection.execute("SELECT statement_timestamp()").fetchone()
        assert row is not None
        now: Any = row[0]
        found: datetime = now.astimezone(zone).replace(tzinfo=None)
        return found
    row = connection.execute(
        f"SELECT max({ident(table.column or '')})::bigint FROM {table.path}"  # noqa: S608 - quoted
    ).fetchone()
    assert row is not None
    if row[0] is not None:
        return int(str(row[0]))
    # Of an empty table it is where the first one begins, or its last value.
    first = next((p for p in table.parts if not p.default), None)
    if first is None:
        return 0
    return first.lower if isinstance(first.lower, int) else int(str(first.upper)) - 1


def _written(at: Any, zone: ZoneInfo | None, kind: str) -> str:
    if isinstance(at, int):
        return str(at)
    if kind == "date":
        return f"{at:%Y-%m-%d}"
    if kind == _TIMES[1]:
        return f"{at:%Y-%m-%d %H:%M:%S}" + (f".{at.microsecond:06}" if at.microsecond else "")
    return str(at.replace(tzinfo=zone).isoformat(sep=" "))


def _exists(connection: Connection, schema: str, name: str) -> bool:
    row = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL", [qualified((schema, name))]
    ).fetchone()
    return bool(row and row[0])


_FORMS = (
    "%Y_%m_%d_%H", "%Y%m%d_%H", "%Y%m%d%H", "%Y_%m_%d", "%Y-%m-%d", "%Y%m%d", "y%Ym%md%d",
    "%G_w%V", "%Gw%V", "%G_%V", "%Y_q{quarter}", "%Yq{quarter}", "y%Yq{quarter}", "y%Ym%m",
    "%Y_%m", "%Y-%m", "%Y%m", "%Y",
)  # fmt: skip


def _rendered(form: str, at: Any) -> str:
    if isinstance(at, int):
        return str(at)
    return str(at.strftime(form)).replace("{quarter}", str((at.month + 2) // 3))


def _called(table: Parted, parts: Sequence[Part], lower: Any, upper: Any) -> str:
    """The name of a partition: as the last one that tells where it begins, or ends, is called."""
    following = [
        (p.lower, p.name) for p in reversed(parts) if p.lower is not None and p.kind == "r"
    ]
    for begins, name in following[:1]:
        for form in _FORMS:
            mark = _rendered(form, begins)
            at = name.rfind(mark)
            whole = (
                at >= 0
                and not re.search(r"\d\Z", name[:at])
                and not re.match(r"\d", name[at + len(mark) :])
            )
            if whole and _rendered(form, lower) not in (_rendered(form, upper), mark):
                return f"{name[:at]}{_rendered(form, lower)}{name[at + len(mark) :]}"
            if isinstance(begins, int):
                break
    form = "%Y_%m_%d_%H"
    if not isinstance(lower, int):
        short = [f for f in ("%Y", "%Y_%m", "%Y_%m_%d") if _whole(f, lower) and _whole(f, upper)]
        form = short[0] if short else form
    mark = f"_{_rendered(form, lower)}"
    stem = table.name
    while len(f"{stem}{mark}".encode()) > _LONGEST:
        stem = stem[:-1]
    return f"{stem}{mark}"


def _whole(form: str, at: datetime) -> bool:
    """Whether a moment is the beginning of what the form names."""
    return datetime.strptime(at.strftime(form), form) == at  # noqa: DTZ007 - local to its zone


class _Shape:
    """What a new partition has of the one before it: owner, grants, policies, where and how it is kept."""

    def __init__(self, connection: Connection, table: Parted, like: Part) -> None:
        self._table, self._like = table, like
        given = {"oid": like.oid, "schema": ident(table.schema)}
        row: Any = connection.execute(_LIKE, given).fetchone()
        (
            self._unlogged, self._guarded, self._forced, self._identity, self._space, self._options,
            self._owner, self._ours, self._defaults,
        ) = row  # fmt: skip
        self._grants: list[Any] = connection.execute(_GRANTS, given).fetchall()
        self._policies: list[Any] = connection.execute(_POLICIES, given).fetchall()

    def statements(self, name: str, lower: str, upper: str) -> Iterator[str]:
        """The SQL that makes and attaches it."""
        at = qualified((self._table.schema, name))
        yield (
            f"CREATE {'UNLOGGED ' if self._unlogged else ''}TABLE {at} (LIKE {self._table.path}"
            " INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE"
            " INCLUDING COMPRESSION)"
            + (f" WITH ({self._options})" if self._options else "")
            + (f" TABLESPACE {ident(self._space)}" if self._space else "")
        )
        for role in self._defaults:
            yield f"REVOKE ALL ON {at} FROM {role}"
        if not self._ours:
            yield f"ALTER TABLE {at} OWNER TO {ident(self._owner)}"
        for column, privilege, grantable, role in self._grants:
            of = f" ({column})" if column else ""
            option = " WITH GRANT OPTION" if grantable else ""
            yield f"GRANT {privilege}{of} ON {at} TO {role}{option}"
        if self._guarded:
            yield f"ALTER TABLE {at} ENABLE ROW LEVEL SECURITY"
        if self._forced:
            yield f"ALTER TABLE {at} FORCE ROW LEVEL SECURITY"
        if self._identity in "fn":
            what = "FULL" if self._identity == "f" else "NOTHING"
            yield f"ALTER TABLE {at} REPLICA IDENTITY {what}"
        for policy, permissive, verb, roles, using, check in self._policies:
            yield (
                f"CREATE POLICY {ident(policy)} ON {at}"
                + ("" if permissive else " AS RESTRICTIVE")
                + f" FOR {verb} TO {roles}"
                + (f" USING ({self._own(using, name)})" if using else "")
                + (f" WITH CHECK ({self._own(check, name)})" if check else "")
            )
        yield (
            f"ALTER TABLE {self._table.path} ATTACH PARTITION {at}"
            f" FOR VALUES FROM ({literal(lower)}) TO ({literal(upper)})"
        )

    def _own(self, expression: str, name: str) -> str:
        """A policy's expression, where it names the partition that it is of, for the new one."""
        old = re.escape(ident(self._like.name))
        return re.sub(rf"(?<![\w$\".]){old}(?=\.)", lambda _: ident(name), expression)
