"""What was measured, as findings: who would have waited for whom, and for how long a work."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import postgast

from ringfence.finding import Basis, Finding, Severity, Sheet, counted, sentences
from ringfence.model import Ref
from ringfence.rehearse import afar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ringfence.errors import Error, Span
    from ringfence.pg.observe import Lock, Observed
    from ringfence.rehearse.sizes import Expected

BRIEF = 0.25
"""Seconds of work under a lock that nobody need be told of, where the size is known."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A statement, where it stands, and what it did. `expected` where the real size is known.

    `transaction` says which of its file's it stands in; 0 for none but its own.
    """

    text: str
    span: Span
    observed: Observed
    expected: Expected | None = None
    transaction: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A file that was run: its statements, in one transaction or in those that they say.

    `batched`: its statement is run over a table's keys in small transactions.
    """

    name: str
    title: str
    transactional: bool
    statements: tuple[Measured, ...]
    batched: bool = False

    @property
    def error(self) -> Error | None:
        """Why it could not be run to its end."""
        return self.statements[-1].observed.error if self.statements else None

    @property
    def how(self) -> str:
        """How its statements are committed, in words."""
        if self.transactional:
            return "in one transaction"
        own = len({each.transaction for each in self.statements if each.transaction})
        if not own:
            return "statement by statement"
        every = all(each.transaction for each in self.statements)
        rest = "" if every else ", else statement by statement"
        return f"in {counted(own, 'transaction')} of its own{rest}"


def hazards(part: Part) -> Iterator[Finding]:
    """What of a part would keep others from working for as long as there are rows."""
    held: dict[str, tuple[Lock, int]] = {}
    number, last = 0, 0
    for each in part.statements:
        seen = each.observed
        if not part.transactional and (not each.transaction or each.transaction != last):
            held.clear()
            number = 0
        number, last = number + 1, each.transaction
        own = [
            lock
            for lock in _with_indexes(seen)
            if lock.stops_readers or (lock.stops_writers and lock.relation not in seen.views)
        ]
        if seen.error is not None:
            yield _failed(part, each)
            return
        found: list[Finding] = []
        if seen.works:
            found += _under_own(each, own)
            found += _under_earlier(each, held, {lock.relation for lock in own})
        elif seen.seconds >= _LONG:
            found += _while_it_takes(each, held)
        if not part.batched:
            found += _backfill(each)
        yield from (replace(f, key=f"{part.name}:{f.ref}:{digest(each.text)}") for f in found)
        tables = {lock.relation for lock in own} | set(held)
        for lock in own:
            if seen.index_of.get(lock.relation) not in tables:  # a table's lock keeps its indexes
                # The strongest counts: others wait for it since then.
                known = held.get(lock.relation)
                if known is None or (lock.stops_readers and not known[0].stops_readers):
                    held[lock.relation] = (lock, number)


def _with_indexes(seen: Observed) -> Iterator[Lock]:
    """The locks of a statement; of tables also what that of an index keeps away: plans look at them all.

    What lets writers be, as CONCURRENTLY does, locks only indexes so that no plan looks at any more.
    """
    locked = {
        seen.index_of[lock.relation]: lock.relation
        for lock in seen.locks
        if lock.stops_readers and lock.relation in seen.index_of
    }
    if seen.alone:  # it locks one index after the other, too short a time to be seen
        locked |= {table: index for index, table in seen.built_on.items()}
    for lock in seen.locks:
        index = locked.get(lock.relation, "") if lock.stops_writers else ""
        yield replace(lock, index=index) if index and not lock.stops_readers else lock


def digest(text: str) -> str:
    """A statement's meaning in a few letters: the same however it is laid out."""
    try:
        return str(postgast.fingerprint(text).hex)
    except postgast.PgQueryError:
        return hashlib.blake2b(" ".join(text.split()).encode(), digest_size=8).hexdigest()


def _failed(part: Part, each: Measured) -> Finding:
    error = each.observed.error
    assert error is not None
    if afar.refused(error):
        return Finding(
            "NOT_REHEARSED",
            Severity.ERROR,
            f"{part.name} reaches another server, and a rehearsal does not: {error.message}",
            span=error.span or each.span,
            help="this statement was not run, nor those behind it: try them where both servers are"
            " yours to change",
            basis=Basis.MEASURED,
        )
    done = "nothing of the file is left"
    before = part.statements[: part.statements.index(each)]
    left = [s for s in before if not s.transaction or s.transaction != each.transaction]
    if not part.transactional and left:
        done = f"{counted(len(left), 'statement')} before it ran and would stay"
    return Finding(
        "FAILS",
        Severity.ERROR,
        f"{part.name} fails: {error.message}",
        span=error.span or each.span,
        help=sentences(error.detail, error.hint, done),
        basis=Basis.MEASURED,
    )


def _stops(lock: Lock) -> str:
    return "readers and writers" if lock.stops_readers else "writers"


def _finding(
    code: str, message: str, ref: Ref, each: Measured, evidence: Mapping[str, str | int | bool]
) -> Finding:
    expected = each.expected
    severity, told = Severity.ERROR, {**evidence}
    if expected is not None:
        told["seconds"] = f"{expected.seconds:.2g}"
        if expected.seconds < BRIEF:
            severity = Severity.INFO
    return Finding(code, severity, message, ref, each.span, evidence=told, basis=Basis.MEASURED)


def _about(expected: Expected | None) -> str:
    if expected is None:
        return ""
    return f", about {duration(expected.seconds)} at its present size"


def _under_own(each: Measured, own: Iterable[Lock]) -> Iterator[Finding]:
    seen = each.observed
    stops = {lock.relation: lock for lock in own}
    about = _about(each.expected)
    told: set[str] = set()
    for table in seen.rewritten:
        if lock := stops.get(table):
            told.add(table)
            yield _finding(
                "REWRITE",
                f"rewrites {table} while {_stops(lock)} wait{about}",
                Ref.parse(f"table:{table}"),
                each,
                {"lock": lock.mode, "wal": seen.wal},
            )
    for table, built in _builds(seen).items():
        lock = stops.get(table)
        if lock is not None and table not in seen.rewritten:
            yield _finding(
                "INDEX_BUILD",
                f"builds {', '.join(built)} while {_stops(lock)} of {lock.relation} wait{about}",
                _built(table, built),
                each,
                {"lock": lock.mode, "wal": seen.wal},
            )
            told.add(table)
    for table in seen.scanned:
        lock = stops.get(table)
        if table in told or lock is None:
            continue
        yield _finding(
            "SCAN_UNDER_LOCK",
            f"reads all of {table} while its {_stops(lock)} wait{about}",
            Ref.parse(f"table:{table}"),
            each,
            {"lock": lock.mode, "rows": seen.scanned[table]},
        )


def _builds(seen: Observed) -> dict[str, list[str]]:
    """The indexes that a statement builds, by table."""
    found: dict[str, list[str]] = {}
    for index in seen.built:
        found.setdefault(seen.built_on.get(index, ""), []).append(index)
    return found


def _built(table: str, indexes: Sequence[str]) -> Ref:
    """What is agreed to: the index; of several that one statement builds, their table."""
    return Ref.parse(f"index:{indexes[0]}" if len(indexes) == 1 else f"table:{table}")


def _under_earlier(
    each: Measured, held: Mapping[str, tuple[Lock, int]], own: set[str]
) -> Iterator[Finding]:
    """Work while locks of earlier statements of the transaction still stop others."""
    for relation, (lock, number) in held.items():
        if relation in own:
            continue
        if relation in each.observed.rewritten:
            yield _finding(
                "REWRITE",
                f"rewrites {relation} while {_stops(lock)} wait, since statement {number} of the"
                f" transaction{_about(each.expected)}",
                Ref.parse(f"table:{relation}"),
                each,
                {"lock": lock.mode, "since": number, "wal": each.observed.wal},
            )
            continue
        since = f"since statement {number} of the transaction{_about(each.expected)}"
        if built := _builds(each.observed).get(relation):
            yield _finding(
                "INDEX_BUILD",
                f"builds {', '.join(built)} while {_stops(lock)} of {relation} wait, {since}",
                _built(relation, built),
                each,
                {"lock": lock.mode, "since": number, "wal": each.observed.wal},
            )
        rows = each.observed.scanned.get(relation)
        building = relation in each.observed.built_on.values()
        if rows and not building and not each.observed.changed:
            yield _finding(
                "SCAN_UNDER_LOCK",
                f"reads all of {relation} while its {_stops(lock)} wait, {since}",
                Ref.parse(f"table:{relation}"),
                each,
                {"lock": lock.mode, "since": number, "rows": rows},
            )
        yield _finding(
            "LONG_LOCK",
            f"works while {_stops(lock)} of {relation} wait since statement {number} of the"
            f" transaction{_about(each.expected)}",
            Ref.parse(f"table:{relation}"),
            each,
            {"lock": lock.mode, "since": number},
        )


_LONG = 2.0
"""Seconds from which on a statement takes long, however few rows there are."""


def _while_it_takes(each: Measured, held: Mapping[str, tuple[Lock, int]]) -> Iterator[Finding]:
    """What takes long by itself, while locks of earlier statements stop others."""
    took = duration(each.observed.seconds)
    for relation, (lock, number) in held.items():
        yield Finding(
            "LONG_LOCK",
            Severity.ERROR,
            f"takes {took} while {_stops(lock)} of {relation} wait since statement {number} of the"
            " transaction",
            Ref.parse(f"table:{relation}"),
            each.span,
            evidence={
                "lock": lock.mode,
                "since": number,
                "seconds": f"{each.observed.seconds:.2g}",
            },
            basis=Basis.MEASURED,
        )


def _backfill(each: Measured) -> Iterator[Finding]:
    """Rows written wholesale: each is locked until the transaction ends."""
    seen = each.observed
    for table, (rows, there) in seen.replaced.items():
        # Of few rows, found by a key, nobody knows how many a real table would have.
        if rows * 2 >= there and (seen.scanned.get(table) or rows >= _FEW):
            yield Finding(
                "BACKFILL",
                Severity.WARNING,
                f"writes {counted(rows, 'row')} of the {there} in {table} in one transaction",
                Ref.parse(f"table:{table}"),
                each.span,
                help="write them in batches, each committed: locks are short, vacuum can follow,"
                " and replicas keep up",
                evidence={"wal": seen.wal},
                basis=Basis.MEASURED,
            )


_FEW = 20


def sheet(parts: Iterable[Part]) -> Sheet:
    """What was run, statement by statement: whom it stops, and what it does."""
    rows = []
    for part in parts:
        for each in part.statements:
            seen = each.observed
            words = " ".join(each.text.split())
            stops = [f"{lock.relation}: {lock.mode}" for lock in seen.locks if lock.stops_writers]
            work = [
                f"{verb} {', '.join(names)}"
                for verb, names in (
                    ("rewrites", seen.rewritten),
                    ("builds", seen.built),
                    ("reads all of", tuple(t for t in seen.scanned if t not in seen.rewritten)),
                    ("writes rows of", tuple(seen.changed)),
                )
                if names
            ]
            work += ["fails"] * (seen.error is not None)
            work += ["waits for older transactions"] * seen.waits
            cost = duration(each.expected.seconds) if each.expected else ""
            what = words[:_LONGEST] + "…" * (len(words) > _LONGEST)
            rows.append((part.name, what, "; ".join(stops), "; ".join(work), size(seen.wal), cost))
    head = ("file", "statement", "stops others at", "work", "WAL", "about")
    return Sheet("The plan, and its locks as measured", head, tuple(rows))


_LONGEST = 120


def size(count: int) -> str:
    """A number of bytes as a person says it.

    >>> size(900), size(3_500_000), size(7 << 30)
    ('900 bytes', '3.3 MB', '7 GB')
    """
    amount, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.3g} {unit}" if amount >= 10 or unit == "bytes" else f"{amount:.2g} {unit}"


def duration(seconds: float) -> str:
    """A duration with one number, as a person says it.

    >>> duration(0.004), duration(2.34), duration(150), duration(9000)
    ('4 ms', '2.3 s', '2.5 min', '2.5 h')
    """
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.2g} s"
    if seconds < 6000:
        return f"{seconds / 60:.2g} min"
    return f"{seconds / 3600:.2g} h"
