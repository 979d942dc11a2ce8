"""Functions and procedures called with whatever names tenant B's rows, to see what they let through.

Arguments come from pools: values of both tenants' rows whose column has the argument's type, those
whose name the argument's name resembles first. Every value of B's has a counterpart of A's, so that
each call has its control.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ringfence.isolation import unnamed
from ringfence.isolation.judge import ENDLESS, Cell, State, unknown
from ringfence.isolation.probes import Probe
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.seed.place import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ringfence.isolation.estate import Fixture, Row
    from ringfence.isolation.judge import Examiner
    from ringfence.isolation.prober import Outcome
    from ringfence.isolation.surface import Role, Routine, Surface

    Pair = tuple[str | None, str | None]

CALLS = 48
"""How many calls of one routine are tried."""

COMMITS = "2D000"
"""What the server says to a procedure that ends the transaction that it is called in."""

_PLAIN = {
    "integer": ("1", "2", "0", "1000000"),
    "bigint": ("1", "2", "0", "1000000"),
    "smallint": ("1", "2", "0", "30000"),
    "numeric": ("1", "2", "0", "1000000"),
    "boolean": ("true", "false"),
    "text": ("ringfence",),
    "character varying": ("ringfence",),
    "jsonb": ("{}",),
    "json": ("{}",),
    "date": ("2030-01-01", "1990-01-01"),
    "timestamp with time zone": ("2030-01-01 00:00:00+00", "1990-01-01 00:00:00+00"),
    "timestamp without time zone": ("2030-01-01 00:00:00", "1990-01-01 00:00:00"),
    "interval": ("1 day",),
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call for B's things, and the same for A's. `row` tells calls about the same row."""

    theirs: tuple[str | None, ...]
    mine: tuple[str | None, ...]
    row: str = ""

    @property
    def known(self) -> tuple[str, ...]:
        """What whoever calls has said himself."""
        return tuple(v for v in (*self.theirs, *self.mine) if v)


def examine(examiner: Examiner, only: frozenset[int] | None = None) -> list[Cell]:
    """Judge every routine that one of the roles may call."""
    surface, fixture = examiner.surface, examiner.fixture
    reached = touching(surface, fixture)
    for role in examiner.roles:
        for routine in surface.routines:
            wanted = only is None or routine.oid in only
            if wanted and role.name in routine.callers and routine.oid in reached:
                _any_type(examiner, role, routine)
    return examiner.cells


_ANY = re.compile(r"any(?:compatible)?(element|nonarray|array)?")


def _any_type(examiner: Examiner, role: Role, routine: Routine) -> None:
    """Judge a routine; one that takes arguments of any type with those that name rows mostly."""
    if not any(_ANY.fullmatch(type_) for type_ in routine.types):
        _judge(examiner, role, routine)
        return
    before = len(examiner.cells)
    for type_ in ("uuid", "text", "integer"):
        types = tuple(
            type_ + ("[]" if (found := _ANY.fullmatch(t)) and found[1] == "array" else "")
            if _ANY.fullmatch(t)
            else t
            for t in routine.types
        )
        _judge(examiner, role, replace(routine, types=types))
    order = (State.LEAK, State.PASS, State.DENIED_ALL, State.INCONCLUSIVE, State.NO_GRANT)
    tried = sorted(examiner.cells[before:], key=lambda c: order.index(c.state))
    examiner.cells[before:] = tried[:1]


def touching(surface: Surface, fixture: Fixture) -> frozenset[int]:
    """The routines that name a table or view of tenants' rows, or a routine that does."""
    tables = set(fixture.estate.tables)
    words = [
        rf"(?<![\w$.']){re.escape(r.name)}(?![\w$'])"
        rf"|(?<![\w$]){re.escape(r.schema)}\"?\.\"?{re.escape(r.name)}(?![\w$])"
        for oid, r in surface.relations.items()
        if oid in tables or (r.kind in "vm" and surface.reads(oid) & tables)
    ]
    found: set[int] = set()
    while True:
        said = re.compile("|".join(words) or r"(?!)")
        more = {
            r.oid
            for r in surface.routines
            if r.oid not in found
            # The words that it only says name nothing.
            and (
                said.search(re.sub(r"'(?:[^']|'')*'", "''", r.body))
                or dynamic(r.body)
                or not r.body.strip()
            )
        }
        if not more:
            return frozenset(found)
        found |= more
        words += [
            rf"(?<![\w$]){re.escape(r.name)}\"?\s*\(" for r in surface.routines if r.oid in more
        ]


def dynamic(body: str) -> bool:
    """Whether a routine's body runs SQL that it puts together."""
    made = r"\bEXECUTE\b\s+(?!FUNCTION|PROCEDURE)"
    return re.search(made, body, re.IGNORECASE) is not None


def statement(routine: Routine, arguments: Sequence[str | None]) -> str:
    """The call, with arguments as text of the types the routine takes."""
    said = [
        f"{literal(value).strip()}::{type_}" if value is not None else f"NULL::{type_}"
        for value, type_ in zip(arguments, routine.types, strict=True)
    ]
    if routine.any_number:
        said[-1] = f"VARIADIC {said[-1]}"
    given = ", ".join(said)
    if routine.procedure:
        return f"CALL {routine.sql}({given})"
    if routine.aggregate:
        names = ", ".join(f"v{place}" for place in range(len(arguments)))
        return f"SELECT {routine.sql}({names}) FROM (VALUES ({given})) AS given ({names})"
    if routine.opens_cursor:
        return (
            f"SELECT found FROM {routine.sql}({given}) AS opened (cursor),"
            " pg_temp.ringfence_fetch(opened.cursor) AS found"
        )
    return f"SELECT * FROM {routine.sql}({given})"


def _judge(examiner: Examiner, role: Role, routine: Routine, *, mirrored: bool = False) -> None:
    prober, fixture = examiner.prober, examiner.fixture
    a, b = fixture.a, fixture.b
    calls = list(plans(fixture, routine))
    texts = [statement(routine, call.theirs) for call in calls]
    full: list[Outcome] = []
    setup = uncommitted(examiner) if routine.procedure else ()
    for text in texts:
        full.append(prober.attempt(role.name, a, text, setup=setup, writes=True))
        if full[-1].sqlstate == ENDLESS:
            # The others would not end either, and each takes its time.
            calls, texts = calls[: len(full)], texts[: len(full)]
            break
    with fixture.without(b):
        alone = [prober.attempt(role.name, a, text, setup=setup) for text in texts]
    for call, text, out, without in zip(calls, texts, full, alone, strict=True):
        touched, crossed = examiner.touches(out)
        saw = fixture.shown(out.values(), but=(*call.known, a, b))
        depends = False
        if not touched and not saw and out.answer() != without.answer():
            # An answer that is another one every time depends on nothing.
            again = prober.attempt(role.name, a, text, setup=setup)
            depends = again.answer() == out.answer() and _tells(out, without)
        if touched or saw or depends:
            why = (
                "B's rows are others afterwards"
                if touched
                else "shows a value of B's rows"
                if saw
                else "the answer is another one when B has no rows"
            )
            probe = Probe("EXECUTE", "call", text, statement(routine, call.mine), keyed=not touched)
            _add(
                examiner,
                role,
                routine,
                probe,
                State.LEAK,
                why,
                saw,
                max(out.count, 0),
                crossed=crossed,
            )
            return
    probe = Probe("EXECUTE", "call", texts[0], statement(routine, calls[0].mine))
    if became := _becomes(examiner, role, routine, calls, texts):
        _add(examiner, role, routine, became, State.LEAK, "the session is B's afterwards")
        return
    bad = [o for o in full if o.sqlstate in (ENDLESS, "54001", COMMITS, "40P01")]
    if bad and (len(bad) == len(full) or full[-1].sqlstate == ENDLESS):
        _add(examiner, role, routine, probe, State.INCONCLUSIVE, unknown(bad[0]))
        return
    state, why = _control(examiner, role, routine, calls, texts, setup)
    asked = any(routine.oid in p.calls for p in examiner.surface.policies)
    if state is State.INCONCLUSIVE and asked:
        return  # what policies ask is tried with the tables they are on
    if state is State.INCONCLUSIVE and not mirrored and not setup:
        # What a superuser is not shown of B's for A's sake (the greatest of all) may be told of A's to B.
        other = replace(fixture, a=b, b=a)
        mirror = replace(examiner, fixture=other, cells=[], aims={})
        _judge(mirror, role, routine, mirrored=True)
        if mirror.cells and mirror.cells[-1].state in (State.LEAK, State.PASS):
            examiner.cells.append(mirror.cells[-1])
            return
    known = [v for call in calls for v in call.known]
    if state is State.PASS and routine.definer and not setup:
        found = unnamed.call(examiner, role, routine, texts, known)
        if found is not None:
            examiner.cells.append(found)
            return
        if kept := _remembers(examiner, role, routine, calls):
            why = "shows a value that it kept of a call of B's"
            _add(examiner, role, routine, kept[0], State.LEAK, why, kept[1])
            return
    _add(examiner, role, routine, probe, state, why)


def uncommitted(examiner: Examiner) -> tuple[str, ...]:
    """The procedures that end transactions made anew, so that they can be tried within one: what
    commits does nothing there, and what rolls back fails."""
    ends = r"\b{}\b(\s+(WORK|TRANSACTION))?(\s+AND\s+(NO\s+)?CHAIN)?\s*;"
    made = []
    for routine in examiner.surface.routines:
        body = re.sub(ends.format("COMMIT"), "NULL;", routine.body, flags=re.IGNORECASE)
        body = re.sub(ends.format("ROLLBACK"), "RAISE 'rolled back';", body, flags=re.IGNORECASE)
        if not routine.procedure or body == routine.body:
            continue
        found = examiner.prober.conn.execute(
            "SELECT pg_get_functiondef(%s::oid)", [routine.oid]
        ).fetchone()
        text = str(found[0]) if found else ""
        if text.count(routine.body) == 1:
            made.append(text.replace(routine.body, body))
    return tuple(made)


def _becomes(
    examiner: Examiner, role: Role, routine: Routine, calls: Sequence[Call], texts: Sequence[str]
) -> Probe | None:
    """A call that names another tenant for the session, which knows of it what no key is.

    One that is told the tenant's key does what any session can do itself.
    """
    prober, (a, b) = examiner.prober, examiner.tenants
    setting, named = prober.setting, examiner.fixture.estate.model.named(b)
    if (
        not setting
        or not routine.definer
        or not re.search(r"(?i)\bset_config\b|\bSET\b", routine.body)
    ):
        return None
    asked = f"SELECT current_setting({literal(setting).strip()}, true)"
    for call, text in zip(calls, texts, strict=True):
        if b in call.theirs:
            continue
        out = prober.attempt(role.name, a, asked, before=(text,))
        if out.rows and out.rows[0][0] == named:
            mine = (statement(routine, call.mine),)
            return Probe("EXECUTE", "call", asked, asked, before=(text,), control_before=mine)
    return None


def _remembers(
    examiner: Examiner, role: Role, routine: Routine, calls: Sequence[Call]
) -> tuple[Probe, str] | None:
    """A call in A's name after the same one in B's, where a function keeps something, and the value of
    B's that it shows then."""
    prober, (a, b) = examiner.prober, examiner.tenants
    keeps = r"(?i)\b(INSERT|UPDATE|MERGE|set_config|CREATE|SET)\b"
    if not prober.setting or not re.search(keeps, routine.body):
        return None
    named = examiner.fixture.estate.model.named
    use_b, use_a = (
        f"SELECT set_config({literal(prober.setting)}, {literal(named(t))}, true)" for t in (b, a)
    )
    for call in calls[:4]:
        text = statement(routine, call.theirs)
        before = (use_b, text, use_a)
        out = prober.attempt(role.name, a, text, before=before)
        if saw := examiner.fixture.shown(out.values(), but=(*call.known, a, b)):
            return Probe("EXECUTE", "call after B", text, text, before=before), saw
    return None


def _tells(out: Outcome, without: Outcome) -> bool:
    """Whether the difference is more than the words of an error."""
    return out.ok != without.ok or out.sqlstate != without.sqlstate or out.rows != without.rows


def _control(
    examiner: Examiner,
    role: Role,
    routine: Routine,
    calls: Sequence[Call],
    texts: Sequence[str],
    setup: Sequence[str] = (),
) -> tuple[State, str]:
    """Whether the calls would have shown anything: who may everything reaches B's rows with one, and
    the role reaches its own."""
    prober, fixture = examiner.prober, examiner.fixture
    a, b = fixture.a, fixture.b
    reached = False
    words = ""
    almighty = [prober.attempt(None, b, text, setup=setup, writes=True) for text in texts]
    with fixture.without(b):
        alone = [prober.attempt(None, b, text, setup=setup) for text in texts]
    for call, out, without in zip(calls, almighty, alone, strict=True):
        touched, _ = examiner.touches(out)
        seen = fixture.shown(out.values(), but=(*call.known, a, b))
        if touched or seen or (out.ok and out.answer() != without.answer()):
            reached = True
            break
        words = words or (unknown(out) if not out.ok else "")
    if not reached:
        said = f": {words}" if words else ""
        return (
            State.INCONCLUSIVE,
            f"no call of {len(calls)} reaches a row of B's for a superuser{said}",
        )
    refused = ""
    for call in calls:
        out = prober.attempt(role.name, a, statement(routine, call.mine), setup=setup)
        if out.ok:
            return State.PASS, ""
        if out.sqlstate == "42501" and out.message.startswith("permission denied"):
            return State.NO_GRANT, out.message
        refused = refused or unknown(out)
    return State.DENIED_ALL, refused


def plans(fixture: Fixture, routine: Routine) -> Iterator[Call]:
    """Calls worth trying: the likeliest argument everywhere, then one argument after the other."""
    pools = [
        _pool(fixture, type_, name, routine.body)
        for type_, name in zip(routine.types, _names(routine), strict=True)
    ]
    seen: set[Call] = set()
    first = [pool[0] for pool in pools]
    wanted = [*_from_one_row(fixture, routine, first), (first, "")]
    wanted += [(mixed, "") for plan, _ in wanted[-2:] for mixed in _mixed(plan)]
    for place, pool in enumerate(pools):
        wanted += [([*first[:place], pair, *first[place + 1 :]], "") for pair in pool[1:]]
    # Rows of one tenant belong together: the n-th of every pool as well.
    depth = max((len(pool) for pool in pools), default=0)
    wanted += [([pool[min(n, len(pool) - 1)] for pool in pools], "") for n in range(1, depth)]
    for plan, row in wanted:
        call = Call(tuple(b for b, _ in plan), tuple(a for _, a in plan), row)
        if call not in seen:
            seen.add(call)
            yield call
        if len(seen) >= CALLS:
            return


def _mixed(plan: Sequence[Pair]) -> Iterator[list[Pair]]:
    """Where several arguments name rows: one of them B's, the others A's own."""
    naming = [place for place, (b, a) in enumerate(plan) if None not in (b, a) and a != b]
    for one in naming if 1 < len(naming) <= 4 else ():
        yield [(b if place == one else a, a) for place, (b, a) in enumerate(plan)]


def neighbours(fixture: Fixture, routine: Routine, call: Call) -> Iterator[Call]:
    """The same call of A's with one argument another one."""
    for place, (type_, name) in enumerate(zip(routine.types, _names(routine), strict=True)):
        for theirs, mine in _pool(fixture, type_, name, routine.body):
            if mine is not None and mine != call.mine[place]:
                yield Call(
                    (*call.theirs[:place], theirs, *call.theirs[place + 1 :]),
                    (*call.mine[:place], mine, *call.mine[place + 1 :]),
                )
                break


def _from_one_row(
    fixture: Fixture, routine: Routine, first: Sequence[Pair]
) -> Iterator[tuple[list[Pair], str]]:
    """Arguments that the body compares with columns of one table, from one row of it; with each text
    that it does not compare something nobody has said yet."""
    names = _names(routine)
    compared = [set(_compared(routine.body, name)) for name in names]
    for oid, table in fixture.estate.tables.items():
        if not re.search(rf"\b{re.escape(table.name)}\b", routine.body):
            continue
        at = {
            place: column.name
            for place, columns in enumerate(compared)
            for column in table.columns
            if column.name in columns and _family(column.sql) == _family(routine.types[place])
        }
        if len(at) < 2 and not (len(names) == 1 and at):
            continue
        pairs = list(
            zip(
                fixture.rows[fixture.b].get(oid, ()),
                fixture.rows[fixture.a].get(oid, ()),
                strict=False,
            )
        )[:3]
        fresh = [p for p, t in enumerate(routine.types) if p not in at and _family(t) == "text"]
        for number, (theirs, mine) in enumerate(pairs):
            plan = [
                (theirs.values[at[place]], mine.values[at[place]]) if place in at else pair
                for place, pair in enumerate(first)
            ]
            row = f"{table.path} {number}"
            yield plan, row
            for place in fresh:
                yield [*plan[:place], ("ringfence", "ringfence"), *plan[place + 1 :]], row


def _compared(body: str, name: str) -> list[str]:
    """The columns that a body compares an argument with."""
    if not name:
        return []
    said = re.escape(name)
    there = re.findall(rf"(\w+)\s*=\s*{said}(?![\w$])", body, re.IGNORECASE)
    return there + re.findall(rf"(?<![\w$]){said}\s*=\s*(?:\w+\.)?(\w+)", body, re.IGNORECASE)


def _names(routine: Routine) -> Sequence[str]:
    missing = len(routine.types) - len(routine.names)
    return (*routine.names, *[""] * missing)[: len(routine.types)]


def _pool(fixture: Fixture, type_: str, name: str, body: str) -> list[Pair]:
    """Values for an argument, the likeliest first: B's, each with its counterpart of A's."""
    said = words_of(re.sub(r"\A(p|v|in|arg|_)_*(?=[a-zA-Z])(?<=_)", "", name)) if name else ""
    compared = set(_compared(body, name))
    array = type_.endswith("[]")
    wanted = _family(type_.removesuffix("[]"))
    shape = fixture.estate.shape
    own = {
        _family(t.sql): _family(shape.base(t)[0].sql)
        for t in shape.types.values()
        if t.schema != "pg_catalog"
    }
    like = {wanted, own.get(wanted, wanted)}
    scored: list[tuple[int, str, str, Pair]] = []
    for oid, table in fixture.estate.tables.items():
        pairs = list(
            zip(
                fixture.rows[fixture.b].get(oid, ()),
                fixture.rows[fixture.a].get(oid, ()),
                strict=False,
            )
        )
        keys = {c for k in table.keys if k.primary for c in k.columns}
        for column in table.columns:
            if not like & {_family(column.sql), _family(shape.below_domains(column))}:
                continue
            score = _likeness(said, table.name, column.name, column.name in keys)
            if column.name in compared and _speaks_of(body, table.name):
                score = max(score, 3)
            if (wanted in own or wanted == "moment") and _speaks_of(body, table.name):
                score = max(score, 2)
            if wanted != "uuid" and score < 2:
                # What an argument is turned into before it is compared nobody can read off.
                spoken = _speaks_of(body, column.name) or dynamic(body)
                if wanted != "text" or not spoken or not _speaks_of(body, table.name):
                    continue
                score = min(score, 1)
            limit = 2 if score < (2 if wanted == "text" else 1) else 6
            for theirs, mine in pairs[:limit]:
                values = (theirs.values[column.name], mine.values[column.name])
                if type_ == "date":
                    values = (values[0] and values[0][:10], values[1] and values[1][:10])
                if values[0] is not None:
                    scored.append((-score, table.path, column.name, values))
    scored.sort(key=lambda s: s[:3])
    found: list[Pair] = [pair for *_, pair in scored]
    if array:
        found = [("{" + str(b) + "}", "{" + str(a) + "}") for b, a in found]
    if wanted == "text" and dynamic(body):
        harm = _injections(fixture)
        found = [*([(_listed(b), _listed(a)) for b, a in harm] if array else harm), *found]
        if re.search(r"(?i)%(\d+\$)?-?I|\bquote_ident\b", body):
            found = [*_columns(fixture, body), *found]
    if wanted == "text" and not array and name:
        found = [*((word, word) for word in _words(body, name)), *found]
    if wanted in ("json", "jsonb") and not array:
        if dynamic(body):
            found = [*_harmful(fixture), *found]
        found = [*_documents(fixture, body), *found]
    found += _whole_rows(fixture, type_)
    found += [(v, v) for v in _PLAIN.get(type_, ())]
    if not found or wanted in ("text", "uuid"):
        found.append((None, None))
    return list(dict.fromkeys(found))


def _speaks_of(body: str, name: str) -> bool:
    return re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", body) is not None


def _words(body: str, name: str) -> list[str]:
    """The words that a body compares an argument with."""
    near = re.findall(
        rf"(?i)(?<![\w$]){re.escape(name)}(?![\w$])\s*(?:=|<>|!=|(?:NOT\s+)?IN\b|WHEN\b)((?:(?!\bTHEN\b|;).){{0,200}})",
        body,
        re.DOTALL,
    )
    found = [w for text in near for w in re.findall(r"'((?:[^'\n]|''){1,60})'", text)]
    return [w.replace("''", "'") for w in dict.fromkeys(found)][:6]


def _columns(fixture: Fixture, body: str) -> list[Pair]:
    """The names of columns, where a name of one is put into a statement."""
    tables = [t for t in fixture.estate.tables.values() if _speaks_of(body, t.name)]
    names = dict.fromkeys(c.name for t in tables for c in t.columns if _family(c.sql) == "text")
    return [(name, name) for name in list(names)[:6]]


def _injections(fixture: Fixture) -> list[Pair]:
    """Text that does harm where it becomes a part of a statement, or is one."""
    found: list[Pair] = [("' OR true --", "' OR false --"), ("true", "false")]
    for table in list(fixture.estate.tables.values())[:6]:
        name = qualified((table.schema, table.name))
        said = f"SELECT string_agg(t::text, ' ') FROM {name} AS t"
        # A name is put behind FROM, a statement runs alone; an expression tells by its error.
        found += [(said, said), (name, name), (f"({said})::int", "1")]
    return found


def _harmful(fixture: Fixture) -> list[Pair]:
    """JSON documents whose keys do harm where they become a part of a statement."""
    harm = [("true OR true --", "true OR false --"), *_injections(fixture)]
    return [tuple(json.dumps({key or "": "x"}) for key in pair) for pair in harm]  # type: ignore[misc]


def _listed(value: str | None) -> str:
    """An array of one text, as the server writes it."""
    return '{"' + (value or "").replace("\\", "\\\\").replace('"', '\\"') + '"}'


def _documents(fixture: Fixture, body: str) -> list[Pair]:
    """JSON documents with the keys that a body asks for, about the rows of one table."""
    asked = _asked(body)
    found: list[Pair] = []
    for oid, table in fixture.estate.tables.items():
        keys = {c for k in table.keys if k.primary for c in k.columns}
        columns: dict[tuple[str, ...], str] = {}
        for path, many in asked.items():
            word = path[-1].removesuffix("s") if many else path[-1]
            scored = [
                (score, c.name)
                for c in table.columns
                if (score := _likeness(words_of(word), table.name, c.name, c.name in keys))
                or (c.name in (word, path[-1]) and (score := 3))
            ]
            if scored:
                columns[path] = max(scored)[1]
        if not columns:
            continue
        rows = (fixture.rows[t].get(oid, ())[:2] for t in (fixture.b, fixture.a))
        for theirs, mine in zip(*rows, strict=False):
            found.append((_document(theirs, columns, asked), _document(mine, columns, asked)))
    return found


def _asked(body: str) -> dict[tuple[str, ...], bool]:
    """The paths of keys that a body looks into documents by, and whether it expects several there."""
    found: dict[tuple[str, ...], bool] = {}
    for path in re.finditer(r"[\w$.\"]*\s*((?:->>?\s*'[^']+'\s*)+)", body):
        each = r"(?i)\bjsonb?_array_elements(_text)?\s*\(\s*\Z"
        found[tuple(re.findall(r"'([^']+)'", path[1]))] = bool(
            re.search(each, body[: path.start()])
        )
    return found


def _document(
    row: Row, columns: Mapping[tuple[str, ...], str], asked: Mapping[tuple[str, ...], bool]
) -> str:
    whole: dict[str, Any] = {}
    for path, column in columns.items():
        within = whole
        for key in path[:-1]:
            below = within.setdefault(key, {})
            if not isinstance(below, dict):  # a value as well, where the body asks for that too
                below = within[key] = {}
            within = below
        value = row.values[column]
        within.setdefault(path[-1], [value] if asked[path] else value)
    return json.dumps(whole)


def _whole_rows(fixture: Fixture, type_: str) -> list[Pair]:
    """Rows of a table as a value, where an argument is one."""
    for oid, table in fixture.estate.tables.items():
        if type_ not in (qualified((table.schema, table.name)), ident(table.name)):
            continue
        rows = (fixture.rows[t].get(oid, ())[:3] for t in (fixture.b, fixture.a))
        return [(_record(theirs), _record(mine)) for theirs, mine in zip(*rows, strict=False)]
    return []


def _record(row: Row) -> str:
    """A row as the server writes it."""
    quoted = (
        "" if v is None else '"' + v.replace("\\", "\\\\").replace('"', '""') + '"'
        for v in row.values.values()
    )
    return f"({','.join(quoted)})"


def _likeness(said: str, table: str, column: str, key: bool) -> int:
    """How much an argument's name resembles a column's: 3 the same, 2 the key of the table it names."""
    if not said:
        return 0
    own = words_of(column)
    if said == own:
        return 3 if not key or said != "_id_" else 1
    stem = re.sub(r"_(id|uuid|key)_\Z", "_", said)
    near = words_of(table)
    if key and stem != said and any(near.endswith(f"{stem[:-1]}{s}_") for s in ("", "s", "es")):
        return 4
    if own.strip("_") and (own.strip("_") in said or said.strip("_") in own):
        return 2
    return 0


def _family(type_: str) -> str:
    type_ = re.sub(r"\([^()]*\)", "", type_).rpartition(".")[2]
    if type_.startswith(("timestamp", "date")) and not type_.startswith("daterange"):
        return "moment"
    if type_.startswith(("character", "varchar", "text", "citext")):
        return "text"
    if type_ in ("smallint", "integer", "bigint"):
        return "integer"
    return type_


def _add(
    examiner: Examiner,
    role: Role,
    routine: Routine,
    probe: Probe,
    state: State,
    because: str,
    saw: str = "",
    count: int = 0,
    *,
    crossed: bool = False,
) -> None:
    examiner.cells.append(
        Cell(
            role.name,
            routine.ref,
            routine.oid,
            probe,
            state,
            because,
            saw,
            count,
            crossed=crossed,
        )
    )
