"""A live database as a `Catalog`: one read-only snapshot, one statement a kind, none per object."""

from __future__ import annotations

import gc
from importlib.resources import files
from operator import itemgetter
from sys import intern
from typing import TYPE_CHECKING, Any

from psycopg.pq import TransactionStatus

from ringfence.errors import Bug
from ringfence.kinds import Kind, kinds
from ringfence.model import Catalog, Fact, Lazily, Ref, Unmodeled
from ringfence.pg import canonical
from ringfence.pg.ahead import Reader, Rows, columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import Connection
    from psycopg.pq.abc import PGresult

    from ringfence.model import Value

    Address = int
    """What pg_depend knows a thing by (see `_address`), as one number: there are many."""

_SPECIAL = (
    "classid",
    "objid",
    "objsubid",
    "name",
    "parent_kind",
    "parent",
    "owner",
    "acl",
    "acl_owner",
)

_SATELLITES = {
    "comments.sql": "comment",
    "labels.sql": "security_label",
    "extensions.sql": "extension_dependency",
}
_OTHERS = ("unmodeled.sql", *_SATELLITES, "aliases.sql", "depend.sql")

_DEPARSED = ("constraint", "index", "policy", "view", "trigger", "rule")
_MANY_ROWS = ("default", "table", "depend.sql", "column")
"""What takes longest. Whichever order it is asked in, the answer is the same: for what is deparsed
the server loads each table, so one connection asks for all of that; the other begins with what has
many rows, which Python then has time for."""

_MANY = 500
"""Relations from which on a second connection costs less than it saves."""

_BEGIN = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;"
_SETTINGS = (
    "SET LOCAL search_path = pg_catalog; SET LOCAL jit = off; SET LOCAL quote_all_identifiers = off;"
    " SET LOCAL extra_float_digits = 1; SET LOCAL IntervalStyle = postgres;"
    " SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL TimeZone = 'UTC';"
    " SET LOCAL bytea_output = hex; SET LOCAL xmlbinary = base64; SET LOCAL work_mem = '64MB';"
    # The planner knows nothing of the catalogs of a database just made, and would take them for small.
    " SET LOCAL enable_nestloop = off"
)


def extract(
    connection: Connection[tuple[object, ...]],
    *,
    exclude: tuple[str, ...] = ("ringfence",),
    nobody: str = "",
    roles: bool = False,
) -> Catalog:
    """Everything that is modelled of the database that `connection` is in.

    `exclude` are schemas to leave out (the history's own). An owner named `nobody` is taken to mean
    "whoever makes it", and is left out: so are objects loaded into a shadow whose SQL names no
    owner. Its default privileges are those of no name. With `roles`, the cluster's roles, their memberships and settings are in it too; passwords
    never are. Needs a connection in autocommit mode; reads in one REPEATABLE READ READ ONLY transaction.
    """
    # A hundred thousand small objects are made and none is thrown away: looking for garbage among
    # them would take longer than making them.
    collected = gc.isenabled()
    gc.disable()
    try:
        return _Extraction(connection, exclude, nobody, roles).catalog()
    finally:
        if collected:
            gc.enable()


class _Extraction:
    def __init__(
        self,
        connection: Connection[tuple[object, ...]],
        exclude: tuple[str, ...],
        nobody: str,
        roles: bool,
    ) -> None:
        self.connection = connection
        self.version = connection.info.server_version
        self.exclude = frozenset(exclude)
        self.nobody = nobody
        self.roles = roles
        self.rows = Rows(connection)
        self.at: dict[Address, Ref] = {}
        """Where pg_depend's addresses lead."""
        self.parents: dict[tuple[str, str], Ref] = {}
        self.above: list[Ref] = []
        """The parents that kinds know without being told."""
        self.acls: dict[tuple[str, str, str], list[tuple[str, Mapping[str, Value]]]] = {}

    def catalog(self) -> Catalog:
        by_kind: dict[str, dict[Ref, Fact]] = {}
        answers: dict[str, PGresult] = {}
        alone = self.connection.info.transaction_status == TransactionStatus.IDLE
        with self.connection.transaction():
            self.connection.execute(_BEGIN + _SETTINGS)
            queries, snapshot = self._queries(alone)
            with Reader(self.connection, queries, snapshot, _SETTINGS) as reader:
                for name, answer in reader:
                    if name in kinds():
                        by_kind[name] = self._unnamed(
                            kinds()[name], self._read(kinds()[name], answer)
                        )
                    else:
                        answers[name] = answer
        facts: dict[Ref, Fact] = {}
        for name in sorted(by_kind):
            facts.update(by_kind[name])
        for name, answer in answers.items():
            if name in _SATELLITES:
                self._satellites(_SATELLITES[name], answer, facts)
        facts = _sane(facts, {*self.parents.values(), *self.above})
        uses = Lazily(lambda: self._uses(facts, answers["aliases.sql"], answers["depend.sql"]))
        unmodeled = (Unmodeled(*map(str, row)) for row in self.rows.of(answers["unmodeled.sql"]))
        return Catalog(facts, uses, self.version, tuple(unmodeled))

    def _unnamed(self, kind: Kind, facts: dict[Ref, Fact]) -> dict[Ref, Fact]:
        """The facts, without the name of `nobody` where theirs tells who makes things."""
        if kind.maker is None or not self.nobody:
            return facts
        at = kind.maker
        to = {
            ref: ref._replace(name=(*ref.name[:at], "", *ref.name[at + 1 :]))
            for ref in facts
            if ref.name[at] == self.nobody
        }
        if to:
            self.at = {address: to.get(ref, ref) for address, ref in self.at.items()}
        return {to.get(r, r): Fact(to.get(r, r), f.attrs, f.parent) for r, f in facts.items()}

    def _queries(self, alone: bool) -> tuple[list[tuple[str, str]], str | None]:
        """What to ask, in two halves from the two ends; the snapshot to share where that is much."""
        superuser = self.connection.info.parameter_status("is_superuser") == "on"
        asked = [
            kind
            for kind in kinds().values()
            if not (kind.skip & {"extract"} or (kind.cluster and not self.roles))
            and (superuser or not kind.superuser)
        ]
        probed = [kind for kind in asked if kind.probe]
        probes = "".join(f",\n    {kind.probe}" for kind in probed)
        row = self.connection.execute(_text("probe.sql").replace("-- …", probes)).fetchone()
        assert row is not None
        relations, *there = row
        absent = {kind for kind, found in zip(probed, there, strict=True) if not found}
        snapshot = None
        if alone and isinstance(relations, int) and relations > _MANY:
            exported = self.connection.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()
            assert exported is not None
            snapshot = str(exported[0])
        major = self.version // 10000
        queries = [(kind.name, kind.query(major)) for kind in asked if kind not in absent]
        queries += [(name, _text(name)) for name in _OTHERS]
        queries.sort(key=lambda q: _MANY_ROWS.index(q[0]) + 1 if q[0] in _MANY_ROWS else 0)
        queries.sort(key=lambda q: q[0] not in _DEPARSED)
        return queries, snapshot

    def _read(self, kind: Kind, answer: PGresult) -> dict[Ref, Fact]:
        """The facts of one kind, and what hangs on them."""
        names, arrays = columns(answer)
        at = {name: names.index(name) for name in _SPECIAL if name in names}
        rest = [(i, n) for i, n in enumerate(names) if n not in at]
        for name in (n for _, n in rest):
            if name not in kind.attributes:
                raise Bug(f"kind {kind.name} reads {name} and does not say how it changes")
        class_at, object_at, part_at = at["classid"], at["objid"], at["objsubid"]
        # The row itself stands in for its attributes where there is none.
        key_of = itemgetter(*(i for i, _ in rest)) if rest else None
        name_at, owner_at = at["name"], at.get("owner")
        acl_at, acl_owner_at = at.get("acl"), at.get("owner", at.get("acl_owner", -1))
        parent_at, parent_kind_at = at.get("parent"), at.get("parent_kind", -1)
        facts: dict[Ref, Fact] = {}
        addresses, exclude, name_of = self.at, self.exclude, self.rows.name
        known: dict[Any, dict[str, Value]] = {}
        rows = self.rows.of(answer)
        parents, kind_name, new = self.parents, kind.name, tuple.__new__
        count = 0
        # This loop runs for every column of every table: it uses no abstraction.
        for row in rows:
            text = row[name_at]
            path = tuple(map(intern, text[1:-1].split(","))) if '"' not in text else name_of(text)
            if path[0] in exclude:
                continue
            ref = new(Ref, (kind_name, path))
            key = key_of(row) if key_of is not None else None
            attrs = known.get(key)
            if attrs is None:
                attrs = known[key] = self._attrs(row, rest, arrays)
            parent: Ref | None
            if parent_at is None:
                parent = kind.parent(path)
                if parent is not None:
                    self.above.append(parent)
            elif row[parent_at] is None:
                parent = None
            else:
                parent = parents.get((row[parent_kind_at], row[parent_at]))
                if parent is None:
                    parent = self._parent(row[parent_kind_at], row[parent_at])
            count += 1
            facts[ref] = Fact(ref, attrs, parent)
            addresses[(row[class_at] << 43) + (row[object_at] << 11) + row[part_at] + 8] = ref
            if owner_at is not None:
                owner = row[owner_at]
                if owner is not None and owner != self.nobody:
                    count += 1
                    own = Ref("owner", (kind.name, *path))
                    facts[own] = Fact(own, {"owner": str(owner)}, ref)
            if acl_at is not None and row[acl_at] is not None:
                for grantee, held in self._grants(kind, row[acl_owner_at], row[acl_at]):
                    count += 1
                    grant = Ref("grant", (kind.name, *path, grantee))
                    facts[grant] = Fact(grant, held, ref)
        if len(facts) != count:
            raise Bug(f"two objects of kind {kind.name} have one name")
        return facts

    def _attrs(
        self, row: tuple[Any, ...], rest: list[tuple[int, str]], arrays: set[int]
    ) -> dict[str, Value]:
        attrs: dict[str, Value] = {}
        for i, key in rest:
            value = row[i]
            if value is None or value is False:
                continue
            if i in arrays:
                attrs[key] = _frozen(self.rows.array(value))
            elif value.__class__ is str:
                attrs[key] = canonical.expression(value) if "ARRAY[" in value else value
            else:
                attrs[key] = _frozen(value)
        return attrs

    def _parent(self, kind: str, path: str) -> Ref:
        """The reference to a parent: what is below one thing shares it."""
        found = self.parents[kind, path] = Ref(kind, self.rows.name(path))
        return found

    def _grants(self, kind: Kind, owner: str, acl: str) -> list[tuple[str, Mapping[str, Value]]]:
        """What each role has whose privileges are not what they are by default."""
        from ringfence.kinds._acl import parse

        key = (kind.name, owner, acl)
        found = self.acls.get(key)
        if found is None:
            found = self.acls[key] = []
            for grantee, held in parse(self.rows.array(acl), kind, owner).items():
                privileges, options = ("".join(sorted(letters)) for letters in held.own)
                attrs: dict[str, Value] = {"privileges": privileges}
                if options:
                    attrs["options"] = options
                if held.via:
                    attrs["via"] = tuple(
                        (by, *("".join(sorted(letters)) for letters in held.via[by]))
                        for by in sorted(held.via)
                    )
                found.append((grantee, attrs))
        return found

    def _satellites(self, kind: str, answer: PGresult, facts: dict[Ref, Fact]) -> None:
        """Comments, security labels and dependences on extensions, of whatever they are on."""
        for classid, objid, objsubid, provider, text in self.rows.of(answer):
            ref = self.at.get(_address(classid, objid, objsubid))
            if ref is None:
                continue
            name = (ref.kind, *ref.name, *([str(provider)] if provider else []))
            on = Ref(kind, name)
            facts[on] = Fact(on, {"text": str(text)} if text else {}, ref)

    def _uses(
        self, facts: Mapping[Ref, Fact], aliases: PGresult, depend: PGresult
    ) -> Mapping[Ref, frozenset[Ref]]:
        """pg_depend, with each address led to the fact that stands for it."""
        alias: dict[Address, Address] = {
            _address(*row[:3]): _address(*row[3:]) for row in self.rows.of(aliases)
        }
        at = self.at

        def lead(address: Address) -> Ref | None:
            for _ in range(8):
                ref = at.get(address)
                if ref is not None:
                    return ref
                onward = alias.get(address)
                if onward is None:
                    onward = address - address % 2048 + 8  # the whole of which it is a part
                    if onward == address:
                        return None
                address = onward
            return None

        known = kinds()
        # Most kinds have nothing to say of it: they are not asked for every fact they have.
        told = {n: kind.user for n, kind in known.items() if type(kind).user is not Kind.user}
        found: dict[Ref, set[Ref]] = {}
        for address, on in self.rows.of(depend):
            user = at.get(address) or lead(address)
            used = at.get(on) or lead(on)
            if user is None or used is None:
                continue
            if user[0] in told:
                user = told[user[0]](user, used)
            if user == used or user not in facts or used not in facts:
                continue
            if user in found:
                found[user].add(used)
            else:
                found[user] = {used}
        asked = {name: kind for name, kind in known.items() if type(kind).needs is not Kind.needs}
        for ref, fact in facts.items():
            if ref.kind in asked:
                needed = {n for n in asked[ref.kind].needs(fact, facts) if n in facts}
                if needed:
                    found.setdefault(ref, set()).update(needed)
        if self.roles:
            for ref, fact in facts.items():
                named = {Ref("role", (role,)) for role in known[ref.kind].roles(fact)}
                if needed := named & facts.keys():
                    found.setdefault(ref, set()).update(needed)
        tangled = {n for n, kind in known.items() if type(kind).untangle is not Kind.untangle}
        for ref in facts:
            if ref.kind in tangled:
                known[ref.kind].untangle(ref, found)
        return {ref: frozenset(used) for ref, used in found.items()}


def _sane(facts: dict[Ref, Fact], parents: Iterable[Ref]) -> dict[Ref, Fact]:
    """The facts whose `parents` are there: what hangs on something left out is left out too."""
    while gone := {parent for parent in parents if parent not in facts}:
        lost = {ref for ref, fact in facts.items() if fact.parent in gone}
        if not lost:
            break
        facts = {ref: fact for ref, fact in facts.items() if ref not in lost}
        parents = lost
    return facts


def _address(classid: int, objid: int, objsubid: int) -> Address:
    """As depend.sql has it: the columns of a system catalog, too, have numbers, from -8 on."""
    return (classid << 43) + (objid << 11) + objsubid + 8


def _frozen(value: object) -> Value:
    if isinstance(value, list):
        return tuple(_frozen(v) for v in value)
    if isinstance(value, dict):
        return tuple((str(k), _frozen(v)) for k, v in sorted(value.items()))
    if isinstance(value, (str, int, bool)) or value is None:
        return value
    if isinstance(value, float):
        return str(value)
    raise Bug(f"a catalog query gave {type(value).__name__}")


def _text(name: str) -> str:
    return (files(__package__) / "catalog" / name).read_text(encoding="utf-8")
