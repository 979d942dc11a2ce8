"""Make partitions ahead of the rows that will need them: as wide, as named and as guarded as the last.

How wide they are, and in which time zone they begin, follows from the bounds of those that are there;
what they are called from the name of the last. A new one is made beside the table and attached, which
keeps nobody from reading or writing the others, a transaction each.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from ringfence.errors import Error, Misuse, Refused
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.likeness import Shape
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
        if self.width != 1:
            return "it is partitioned by more than one column"
        if self.column is None:
            return "it is partitioned by an expression"
        if self.type not in (*_TIMES, *_NUMBERS):
            return (
                f"it is partitioned by {self.column}, which is {self.type}: no time and no number"
            )
        return ""


_TIMES = ("date", "timestamp without time zone", "timestamp with time zone")
_NUMBERS = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
"""And the greatest of each."""


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
    try:
        return Step(time=timedelta(hours=count * hours))
    except OverflowError:
        raise Misuse(f"--every {said} is wider than time is") from None


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
    error: Error | None = None
    """What the server said, where it would not have one; those before it are there."""


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
            made: list[New] = []
            try:
                with translated(connection, table.path):
                    done.append(
                        _table(
                            connection, table, count, wanted, lock_timeout, made, dry_run=dry_run
                        )
                    )
            except Error as error:
                if name is not None or connection.closed:
                    raise
                done.append(Made(table.path, "", tuple(made), error=error))
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
    made: list[New],
    *,
    dry_run: bool,
) -> Made:
    """Make one table's partitions, each in a transaction that looks anew what is missing."""
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
    if table.type == _TIMES[2] and zone == UTC and _uneven(step):
        why = "its partitions begin at midnight neither in UTC nor in the database's time zone"
        return Made(table.path, str(step), (), why=why)
    try:
        missing = list(_missing(local, begins, step, now, count))
    except (ValueError, OverflowError):
        why = f"what comes {step} after {_written(begins, zone, table.type)} is no {table.type}"
        return Made(table.path, str(step), (), why=why)
    greatest = _NUMBERS.get(table.type)
    if greatest is not None and missing and missing[-1][1] > greatest:
        missing = [each for each in missing if each[1] <= greatest]
        if not missing:
            why = f"what comes {step} after {begins} is no {table.type}"
            return Made(table.path, str(step), (), why=why)
    if len(missing) > _MOST:
        raise Refused(
            f"{table.path} lacks more than {_MOST} partitions of {step}",
            hint="make the first of those to come by hand, and go on from there",
        )
    shape = Shape(connection, (table.schema, table.name), (like.schema, like.name), like.oid)
    taken: set[str] = set()
    new = []
    for lower, upper in missing:
        name = _called(table, local, lower, upper)
        if name in taken or _exists(connection, like.schema, name):
            return Made(table.path, str(step), (), why=f"the name {name} is taken")
        taken.add(name)
        bounds = _written(lower, zone, table.type), _written(upper, zone, table.type)
        shown = name if like.schema == table.schema else qualified((like.schema, name))
        new.append(New(table.path, shown, *bounds, tuple(shape.statements(name, *bounds))))
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


def _uneven(step: Step) -> bool:
    """Whether it is a month, a quarter or a year of days: of no width that one may repeat."""
    days = step.time / timedelta(days=1)
    return days in (29, 30, 31) or (days > _IN_EVERY_MONTH * 2 and days % 7 != 0)


def _zone(connection: Connection, table: Parted, parts: Sequence[Part]) -> tzinfo | None:
    """The time zone in which partitions begin at midnight: UTC, or the database's; None for no times."""
    if table.type not in _TIMES:
        return None
    if table.type != _TIMES[2]:
        return UTC
    bounds = [b for p in parts for b in (p.lower, p.upper) if isinstance(b, datetime)]
    row = connection.execute("SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'").fetchone()
    zones: list[tzinfo] = [UTC]
    with suppress(KeyError, ValueError, OSError):
        zones.append(ZoneInfo(str(row[0]) if row else "UTC"))
    for zone in zones:
        if all(_local(b, zone).time() == datetime.min.time() for b in bounds):
            return zone
    return UTC


def _local(at: datetime, zone: tzinfo) -> datetime:
    """A moment as the clocks there have it; the first of a day that has no midnight as its midnight."""
    found = at.astimezone(zone).replace(tzinfo=None)
    midnight = datetime.combine(found.date(), datetime.min.time())
    # In UTC: Python has no moment equal to one that depends on the fold.
    return midnight if midnight.replace(tzinfo=zone).astimezone(UTC) == at else found


def _at(part: Part, zone: tzinfo) -> Part:
    def local(at: Position | None) -> Position | None:
        return _local(at, zone) if isinstance(at, datetime) and at.tzinfo is not None else at

    return replace(part, lower=local(part.lower), upper=local(part.upper))


def _now(connection: Connection, table: Parted, zone: tzinfo | None) -> Position:
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


def _written(at: Any, zone: tzinfo | None, kind: str) -> str:
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
            if "%V" in form and upper - lower != timedelta(days=7):
                continue  # the first month of a year begins in a first week
            mark = _rendered(form, begins)
            at = name.rfind(mark)
            whole = (
                at >= 0
                and not re.search(r"\d\Z", name[:at])
                and not re.match(r"\d", name[at + len(mark) :])
            )
            found = f"{name[:at]}{_rendered(form, lower)}{name[at + len(mark) :]}"
            if (
                whole
                and _rendered(form, lower) not in (_rendered(form, upper), mark)
                and len(found.encode()) <= _LONGEST
            ):
                return found
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
