"""A live database as a `Catalog`: one read-only snapshot, one statement a kind, none per object."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ringfence.errors import Bug
from ringfence.kinds import Kind, kinds
from ringfence.model import Catalog, Fact, Ref, Unmodeled
from ringfence.pg import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg import Connection

    from ringfence.model import Value

    Address = tuple[int, int, int]

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

_SETTINGS = (
    "SET LOCAL search_path = pg_catalog; SET LOCAL jit = off; SET LOCAL quote_all_identifiers = off;"
    " SET LOCAL extra_float_digits = 1; SET LOCAL IntervalStyle = postgres;"
    " SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL TimeZone = 'UTC';"
    " SET LOCAL bytea_output = hex; SET LOCAL xmlbinary = base64; SET LOCAL work_mem = '64MB'"
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
    owner. With `roles`, the cluster's roles, their memberships and settings are in it too; passwords
    never are. Needs a connection in autocommit mode; reads in one REPEATABLE READ READ ONLY transaction.
    """
    # A hundred thousand small objects are made and none is thrown away: looking for garbage among
    # them would take longer than making them.
    collected = gc.isenabled()
    gc.disable()
    try:
        with _snapshot(connection):
            return _Extraction(connection, exclude, nobody, roles).catalog()
    finally:
        if collected:
            gc.enable()


@contextmanager
def _snapshot(connection: Connection[tuple[object, ...]]) -> Iterator[None]:
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute(_SETTINGS)
        yield


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
        self.facts: dict[Ref, Fact] = {}
        self.at: dict[Address, Ref] = {}
        """Where pg_depend's addresses lead."""

    def catalog(self) -> Catalog:
        superuser = self.connection.info.parameter_status("is_superuser") == "on"
        for kind in sorted(kinds().values(), key=lambda k: k.name):
            if kind.skip & {"extract"} or (kind.cluster and not self.roles):
                continue
            if superuser or not kind.superuser:
                self._read(kind)
        self._satellites()
        facts = self._sane()
        return Catalog(facts, self._uses(facts), self.version, self._unmodeled())

    def _read(self, kind: Kind) -> None:
        cursor = self.connection.execute(kind.query(self.version // 10000))
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        at = {name: names.index(name) for name in _SPECIAL if name in names}
        rest = [(i, n) for i, n in enumerate(names) if n not in at]
        name_at, parent_at = at["name"], at.get("parent")
        for name in (n for _, n in rest):
            if name not in kind.attributes:
                raise Bug(f"kind {kind.name} reads {name} and does not say how it changes")
        # This loop runs for every column of every table: it uses no abstraction.
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        for row in rows:
            name = row[name_at]
            if name[0] in self.exclude:
                continue
            ref = Ref(kind.name, tuple(name))
            attrs: dict[str, Value] = {}
            for i, key in rest:
                value = row[i]
                if value is None or value is False:
                    continue
                if value.__class__ is str:
                    if "ARRAY[" in value:
                        value = canonical.expression(value)
                    attrs[key] = value
                else:
                    attrs[key] = _frozen(value)
            parent: Ref | None
            if parent_at is None:
                parent = kind.parent(ref.name)
            else:
                above = row[parent_at]
                parent = (
                    Ref(str(row[at["parent_kind"]]), tuple(above))
                    if isinstance(above, list)
                    else None
                )
            if ref in self.facts:
                raise Bug(f"two objects are called {ref}")
            self.facts[ref] = Fact(ref, attrs, parent)
            self.at[row[at["classid"]], row[at["objid"]], row[at["objsubid"]]] = ref
            if "owner" in at:
                self._owner(ref, row[at["owner"]])
            if "acl" in at and row[at["acl"]] is not None:
                owner = row[at["owner" if "owner" in at else "acl_owner"]]
                self._grants(kind, ref, str(owner), row[at["acl"]])

    def _owner(self, ref: Ref, owner: object) -> None:
        if owner is not None and owner != self.nobody:
            own = Ref("owner", (ref.kind, *ref.name))
            self.facts[own] = Fact(own, {"owner": str(owner)}, ref)

    def _grants(self, kind: Kind, ref: Ref, owner: str, acl: object) -> None:
        """A fact for each role whose privileges are not what they are by default."""
        from ringfence.kinds._acl import parse

        assert isinstance(acl, list)
        for grantee, held in parse(acl, kind, owner).items():
            grant = Ref("grant", (ref.kind, *ref.name, grantee))
            privileges, options = ("".join(sorted(letters)) for letters in held.own)
            attrs: dict[str, Value] = {"privileges": privileges}
            if options:
                attrs["options"] = options
            if held.via:
                attrs["via"] = tuple(
                    (by, *("".join(sorted(letters)) for letters in held.via[by]))
                    for by in sorted(held.via)
                )
            self.facts[grant] = Fact(grant, attrs, ref)

    def _satellites(self) -> None:
        """Comments, security labels and dependences on extensions, of whatever they are on."""
        for kind, query in (
            ("comment", "comments.sql"),
            ("security_label", "labels.sql"),
            ("extension_dependency", "extensions.sql"),
        ):
            rows: list[tuple[Any, ...]] = self.connection.execute(_text(query)).fetchall()
            for row in rows:
                classid, objid, objsubid, provider, text = row
                ref = self.at.get((classid, objid, objsubid))
                if ref is None:
                    continue
                name = (ref.kind, *ref.name, *([str(provider)] if provider else []))
                on = Ref(kind, name)
                self.facts[on] = Fact(on, {"text": str(text)} if text else {}, ref)

    def _sane(self) -> dict[Ref, Fact]:
        """The facts whose parents are there: what hangs on something left out is left out too."""
        kept: dict[Ref, Fact] = {}
        missing: set[Ref] = set()
        for ref, fact in self.facts.items():
            above = fact.parent
            while above is not None and above in self.facts and above not in missing:
                above = self.facts[above].parent
            if above is None:
                kept[ref] = fact
            else:
                missing.add(ref)
        return kept

    def _uses(self, facts: Mapping[Ref, Fact]) -> Mapping[Ref, frozenset[Ref]]:
        """pg_depend, with each address led to the fact that stands for it."""
        alias: dict[Address, Address] = {}
        aliases: list[Any] = self.connection.execute(_text("aliases.sql")).fetchall()
        for row in aliases:
            alias[row[:3]] = row[3:]
        at = self.at

        def lead(address: Address) -> Ref | None:
            for _ in range(8):
                ref = at.get(address)
                if ref is not None:
                    return ref
                onward = alias.get(address)
                if onward is None:
                    whole = (address[0], address[1], 0)
                    if address[2] == 0:
                        return None
                    address = whole
                else:
                    address = onward
            return None

        known = kinds()
        found: dict[Ref, set[Ref]] = {}
        depends: list[Any] = self.connection.execute(_text("depend.sql")).fetchall()
        for row in depends:
            user = at.get(row[:3]) or lead(row[:3])
            used = at.get(row[3:]) or lead(row[3:])
            if user is None or used is None:
                continue
            user = known[user.kind].user(user, used)
            if user == used:
                continue
            if user not in facts or used not in facts:
                continue
            found.setdefault(user, set()).add(used)
        # Most kinds have nothing to add: they are not asked for every fact they have.
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

    def _unmodeled(self) -> tuple[Unmodeled, ...]:
        return tuple(
            Unmodeled(str(what), str(name), str(reason))
            for what, name, reason in self.connection.execute(_text("unmodeled.sql"))
        )


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
