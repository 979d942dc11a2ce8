"""FROM and TO of a diff: whatever can be made into a catalog.

`live`, `ddl`, `head`, a revision, `git:REF`, a DSN, a `.sql` file, a directory of them, a snapshot.
"""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from ringfence import kept, script, snapshot
from ringfence.errors import Misuse, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from psycopg import Connection

    from ringfence.model import Catalog, Fact, Ref, Unmodeled
    from ringfence.pg.connect import Target
    from ringfence.pg.extract import Reading
    from ringfence.pg.load import Note
    from ringfence.pg.shadow import Host
    from ringfence.project import Project
    from ringfence.script import Script

A = TypeVar("A")
B = TypeVar("B")
What = Literal["database", "files", "revision", "snapshot"]


@dataclass(frozen=True)
class Source:
    """One side. `target` for a database, `scripts` for files, and so on.

    `spec` is what messages call it: as it was named, but for what a connection string keeps secret.
    """

    spec: str
    what: What
    target: Target | None = None
    scripts: tuple[Script, ...] = ()
    revision: str = ""
    path: Path | None = None

    @property
    def declared(self) -> bool:
        """Whether it says how things should be, and so may leave open who owns them."""
        return self.what in ("files", "revision")


def source(project: Project | None, spec: str, dsn: str | None = None) -> Source:
    """What a word on the command line names. `dsn` is what `live` means. Raises `Misuse`."""
    from ringfence import project as projects

    if not spec.strip():
        raise Misuse("FROM or TO is empty", hint="is the variable set that it comes from?")
    if spec == "live":
        from ringfence.pg.connect import resolve

        return Source(spec, "database", target=resolve(project, dsn))
    if spec == "ddl":
        found = project or projects.need()
        return Source(spec, "files", scripts=directory(found.ddl, found))
    if spec.startswith("git:"):
        found = project or projects.need()
        return Source(spec, "files", scripts=_git(found, spec.removeprefix("git:")))
    if "://" in spec or (spec.count("=") and not Path(spec).exists()):
        from ringfence.pg.connect import named

        target = named(spec, "the DSN")
        return Source(target.shown, "database", target=target)
    path = Path(spec)
    try:
        if path.is_dir():
            return Source(spec, "files", scripts=directory(path, project))
        if path.suffix == ".json" and path.is_file():
            return Source(spec, "snapshot", path=path)
        if path.suffix == ".sql" or path.is_file():
            return Source(spec, "files", scripts=(script.read(path, spec),))
    except OSError as error:
        raise Misuse(f"cannot read {spec}: {error.strerror}") from error
    if project is not None:
        from ringfence import revisions

        graph = revisions.read(project)
        revision = graph.head if spec == "head" else graph.named(spec).id
        return Source(spec, "revision", revision=revision or "base")
    raise Misuse(
        f"{spec} is neither a file nor a directory, and there is no project here",
        hint="name a DSN, a .sql file, a directory of them, or a snapshot .json",
    )


def directory(path: Path, project: Project | None) -> tuple[Script, ...]:
    """Every `.sql` file below a directory, in the order of their paths."""
    files = sorted(file for file in path.rglob("*.sql") if not file.is_dir())
    own = project is not None and path.resolve() == project.ddl.resolve()
    if not files and not own:  # a new project's schema is empty, and that is one
        raise Misuse(f"no .sql files in {path}", hint="ringfence pull writes them from a database")
    return tuple(script.read(f, project.shown(f) if project else str(f)) for f in files)


def _git(project: Project, ref: str) -> tuple[Script, ...]:
    """The files of ddl/ as they were at a commit, in the order of `directory`."""
    import subprocess
    import tarfile

    folder = project.config.ddl
    done = subprocess.run(
        ["git", "-C", str(project.root), "archive", "--format=tar", ref, folder],  # noqa: S607
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Misuse(f"git has no {folder} at {ref}: {said[-1] if said else 'git failed'}")
    scripts = []
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in sorted(archive.getmembers(), key=lambda m: PurePosixPath(m.name)):
            if member.isfile() and member.name.endswith(".sql"):
                opened = archive.extractfile(member)
                assert opened is not None
                shown = f"{ref}:{member.name}"
                scripts.append(script.decode(opened.read(), shown))
    if not scripts:
        raise Misuse(f"no .sql files in {folder} at {ref}")
    return tuple(scripts)


@dataclass
class Shop:
    """Makes catalogs of sources, and databases where one is needed; drops what it made at the end.

    Use it as a context manager. `shadow` is the DSN the user gave to make shadows at, `cache` the
    folder where catalogs of files are kept by their content.
    """

    project: Project | None
    near: Target | None = None
    shadow: str | None = None
    cache: Path | None = None
    notes: list[Note] = field(default_factory=list)
    translations: tuple[str, ...] = ()
    """What was done to compare two major versions, and what of the one the other does not have."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _databases: dict[str, Target] = field(default_factory=dict)
    _roles: dict[str, str] = field(default_factory=dict)
    _met: dict[tuple[str, str], tuple[Catalog, Catalog]] = field(default_factory=dict)
    _equal: tuple[Path, str] | None = None
    _apart: bool = False
    _touching: dict[str, bool] = field(default_factory=dict)
    _instead: dict[str, Target] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @cached_property
    def host(self) -> Host:
        """Where shadows are made: the server of `near`, a local one, or a spare one."""
        from ringfence.pg import shadow

        return shadow.host(
            self.project, self.near, self.shadow, stack=self._stack, apart=self._apart
        )

    def _settle(self, *sides: Source) -> None:
        """Make shadows on a spare server from now on where a side touches more than a database."""
        if not self._apart and self.shadow is None and any(map(self._touches_server, sides)):
            self._apart = True
            self._databases.clear()
            self.__dict__.pop("host", None)

    def _touches_server(self, side: Source) -> bool:
        if side.spec not in self._touching:
            self._touching[side.spec] = self._looks_beyond(side)
        return self._touching[side.spec]

    def _looks_beyond(self, side: Source) -> bool:
        from ringfence.pg.shadow import touches_server

        if side.what == "revision" and side.revision != "base":
            from ringfence import revisions

            assert self.project is not None
            return any(
                touches_server(
                    path.read_text(encoding="utf-8", errors="replace"), python=path.suffix == ".py"
                )
                for revision in revisions.scan(self.project)
                for path in (revision.path, revision.file("up"))
                if path.is_file()
            )
        return any(touches_server(script_.text) for script_ in side.scripts)

    def catalog(self, source: Source) -> Catalog:
        """A source's catalog, from the cache where it is there."""
        self._settle(source)
        if source.what == "snapshot":
            assert source.path is not None
            try:
                text = source.path.read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                raise Misuse(f"cannot read {source.spec}: {why}") from error
            return snapshot.loads(text, source.spec)
        if source.target is not None:
            return self.extract(source.target, nobody=False)
        path = self._kept(source)
        known = kept.read(path) if path is not None else None
        if known is not None:
            return known
        catalog = self.extract(self.database(source), nobody=True)
        if path is not None:
            kept.write(path, catalog)
        return catalog

    def catalogs(self, a: Source, b: Source) -> tuple[Catalog, Catalog]:
        """Both sources' catalogs; a database is read while the other side is made or read.

        Where they are of two major versions, that of `b` is as `a`'s major has it, see `translations`.
        """
        one, other = self._catalogs(a, b)
        if one.server_version // 10000 != other.server_version // 10000:
            other = self._translated(b, other, one.server_version // 10000)
        return one, other

    def _catalogs(self, a: Source, b: Source) -> tuple[Catalog, Catalog]:
        self._settle(a, b)
        if (met := self._met.pop((a.spec, b.spec), None)) is not None:
            return met
        if a.target is None and b.target is None:
            return self.catalog(a), self.catalog(b)
        one, other = (a, b) if a.target is not None else (b, a)
        first, made = _both(lambda: self.catalog(one), lambda: self.catalog(other))
        return (first, made) if one is a else (made, first)

    def _translated(self, source: Source, catalog: Catalog, major: int) -> Catalog:
        """What a source would be on another major version, in a shadow that stands in for it."""
        from ringfence.kinds import kind_of
        from ringfence.majors import translated

        was = catalog.server_version // 10000
        self.command(major)
        self.stand_in({r for f in catalog.facts.values() for r in kind_of(f.ref).roles(f)})
        target, left = translated(self, source, catalog, major)
        if source.target is not None:
            _refresh(source.target, target)
        self._instead[source.spec] = target
        self.translations = (
            f"FROM is PostgreSQL {major}, TO {was}: TO is compared as PostgreSQL {major} has it",
            *left,
        )
        return self.extract(target, nobody=False)

    def blank(self) -> Target:
        """An empty database of our own."""
        return self._stack.enter_context(self.host.database())

    def same(self, a: Source, b: Source) -> bool:
        """Whether nothing lies between two sources, where that can be told without their catalogs.

        That is so of two databases, of which rows are compared, and of a database and files that
        were found to be the same before and have not changed since (see `found_same`). What was
        read and is not the same is kept for `catalogs`.
        """
        if a.target is not None and b.target is not None:
            return self._same_databases(a, b, a.target, b.target)
        live, other = (a, b) if a.target is not None else (b, a)
        at = live.target
        path = self._kept(other) if at is not None and other.declared else None
        if at is None or path is None:
            return False
        noted = kept.notes(path)

        def read() -> tuple[str, Catalog | None]:
            # Nobody's lock is held while the other side is made.
            with self._reading(at) as reading:
                reading.rows()
                rows = reading.digest
                whole = f"{self._roles[at.conninfo]}\0{live is a}\0{rows}".encode()
                digest = hashlib.blake2b(whole, digest_size=16).hexdigest() if rows else ""
                if noted and digest and kept.equal(path, digest):
                    return digest, None
                return digest, reading.catalog()

        if noted:
            digest, found = read()
            if found is None:
                return True
            made = self.catalog(other)
        else:
            (digest, found), made = _both(read, lambda: self.catalog(other))
            assert found is not None
        self._met[a.spec, b.spec] = (found, made) if live is a else (made, found)
        self._equal = (path, digest) if digest else None
        return False

    def found_same(self) -> None:
        """Note for the next time that what `same` could not tell of is the same."""
        if self._equal is not None:
            kept.note_equal(*self._equal)

    def _same_databases(self, a: Source, b: Source, at: Target, bt: Target) -> bool:
        share = (os.cpu_count() or 1) < 4  # two databases keep two cores busy
        with self._reading(at, share=share) as one, self._reading(bt, share=share) as other:
            _both(one.rows, other.rows)
            if one.same(other):
                return True
            self._met[a.spec, b.spec] = _both(one.catalog, other.catalog)
        return False

    def database(self, source: Source) -> Target:
        """A database that holds what the source says: its own, or a shadow. Never to be written to."""
        if source.spec in self._instead:
            return self._instead[source.spec]
        if source.target is not None:
            return source.target
        self._settle(source)
        key = source.spec
        if key not in self._databases:
            try:
                self._databases[key] = self._filled(source)
            except ServerError as error:
                if not self._lacks_role(error):
                    raise
                # Roles cannot be made up on somebody's server; on our own they can.
                self._move_home()
                self._databases[key] = self._filled(source)
        return self._databases[key]

    def _filled(self, source: Source) -> Target:
        target = self._stack.enter_context(self.host.database())
        self._fill(source, target)
        return target

    def _lacks_role(self, error: ServerError) -> bool:
        from ringfence.pg.load import missing_role

        return missing_role(error) != "" and not self.host.own and self.shadow is None

    def _move_home(self, major: int | None = None) -> None:
        """Make shadows on a spare server of the same, or that, major version from now on."""
        from ringfence.pg import shadow

        self._databases.clear()
        spare = shadow.spare(major or self.host.major)
        self.__dict__["host"] = self._stack.enter_context(spare)

    def command(self, major: int | None = None) -> None:
        """Make shadows from now on where we may do everything: become any role, for one.

        With `major`, where that major version runs too. Raises `Misuse` where there is no such server.
        """
        from ringfence.pg.connect import connect

        if major is not None and self.host.major != major:
            self._move_home(major)
        with connect(self.host.target) as connection:
            row = connection.execute(
                "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
        if row is None or not row[0]:
            self._move_home()

    def unseen(self, *catalogs: Catalog) -> tuple[Unmodeled, ...]:
        """What is in some catalogs' databases and is not modelled, but what the project names."""
        known = self.project.config.unmodeled if self.project else ()
        found = dict.fromkeys(thing for one in catalogs for thing in one.unmodeled)
        return tuple(u for u in found if u.code.partition(":")[2] not in known)

    def role(self, *sides: Source) -> str:
        """Who asks of the first side that is a database; empty where none is."""
        from ringfence.pg.connect import connect

        for side in sides:
            if side.target is not None:
                if side.target.conninfo not in self._roles:
                    with connect(side.target) as connection:
                        self._roles[side.target.conninfo] = _role(connection)
                return self._roles[side.target.conninfo]
        return ""

    def lacking(self, source: Source, roles: Collection[str]) -> tuple[str, ...]:
        """Those of some roles that are not on a source's server, where it is on one that is named."""
        if source.target is None or not roles:
            return ()
        from ringfence.pg.connect import connect

        with connect(source.target) as connection:
            return lacking(connection, roles)

    def stand_in(
        self, roles: Collection[str], executor: str = "", source: Source | None = None
    ) -> None:
        """Make shadows where those roles are, as stand-ins where it has to be, and who runs the plan."""
        from ringfence.pg.connect import connect
        from ringfence.replay import stand_in

        with connect(self.host.target) as connection:
            if not lacking(connection, roles):
                return
        if not self.host.own and self.shadow is None:
            self._move_home()
        above = False
        if source is not None and source.target is not None and executor:
            with connect(source.target) as connection:
                found = connection.execute(
                    "SELECT rolsuper FROM pg_roles WHERE rolname = %s", [executor]
                ).fetchone()
                above = bool(found and found[0])
        wanted = {*roles, executor} - {r for r in roles if r[:3] == "pg_"}
        with connect(self.host.target) as connection:
            missing = lacking(connection, wanted)
        stand_in(self.host.target, missing, {executor} if above else ())

    def copy(self, source: Source) -> Target:
        """A database of our own that holds the source's schema and may be written to."""
        if source.what == "snapshot":
            return self._rebuilt(source)
        if source.target is None:
            return self._stack.enter_context(self.host.database(self.database(source)))
        from ringfence.pg import dump
        from ringfence.script import Script

        text = dump.of_schema(source.target.conninfo, self.hidden)
        dumped = Script(f"pg_dump of {source.spec}", text)
        clone = self._filled(Source(source.spec, "files", scripts=(dumped,)))
        _refresh(source.target, clone)
        return clone

    def _rebuilt(self, source: Source) -> Target:
        """A database made from a snapshot alone, by the plan that leads to it."""
        from ringfence.pg.connect import connect
        from ringfence.pg.load import Loader
        from ringfence.planner import plan

        catalog = self.catalog(source)
        major = catalog.server_version // 10000
        if self.host.major != major:
            raise Misuse(
                f"{source.spec} is of PostgreSQL {major}, and a shadow would be of {self.host.major}",
                hint="give a server of that major version: --shadow postgresql://…",
            )
        target = self._stack.enter_context(self.host.database())
        script_ = plan(self.extract(target, nobody=True), catalog).script()
        with connect(target) as connection:
            Loader(connection, self.host.own).load((script.Script(source.spec, script_),))
        return target

    def _fill(self, source: Source, target: Target) -> None:
        if source.what == "revision":
            if source.revision != "base":
                for revision in source.revision.split(","):
                    self._migrate(target, revision)
            return
        from ringfence.pg.connect import connect
        from ringfence.pg.load import Loader, refuse_extensions

        with connect(target) as connection:
            try:
                self.notes += Loader(connection, self.host.own).load(source.scripts)
            except ServerError as error:
                raise refuse_extensions(error) from error.__cause__

    def _migrate(self, target: Target, revision: str) -> None:
        """Run the revisions on a shadow, with stand-ins for the roles that none of them makes."""
        from ringfence import hazards, revisions
        from ringfence.pg.load import Note
        from ringfence.replay import replay

        assert self.project is not None
        project = hazards.agreeing_to(
            self.project, revisions.read(self.project).applied([revision])
        )
        if not self.host.own:
            from ringfence import migrate

            migrate.migrate(project, target, to=revision)
            return
        for role, at in replay(project, target, revision).items():
            self.notes.append(Note(f"role {role} did not exist: a stand-in was made", at))

    def extract(self, target: Target, *, nobody: bool) -> Catalog:
        """The catalog of a database; `nobody`: what our own role owns is owned by whoever makes it."""
        with self._reading(target, nobody=nobody) as reading:
            return reading.catalog()

    @contextmanager
    def _reading(
        self, target: Target, *, nobody: bool = False, share: bool = False
    ) -> Iterator[Reading]:
        from ringfence.pg.connect import connect
        from ringfence.pg.extract import Reading

        with connect(target) as connection:
            role = self._roles[target.conninfo] = _role(connection)
            with Reading(
                connection, exclude=self.hidden, nobody=role if nobody else "", share=share
            ) as reading:
                yield reading

    @property
    def hidden(self) -> tuple[str, ...]:
        """The schemas that belong to ringfence, not to the catalog."""
        return (self.project.config.migrate.schema,) if self.project else ("ringfence",)

    def _kept(self, source: Source) -> Path | None:
        """Where the catalog of a declared source is kept: by content, server and ringfence."""
        if self.cache is None:
            return None
        from ringfence import __version__

        total = hashlib.blake2b(digest_size=16)
        total.update(f"{__version__}\0{_own_digest()}\0{self.host.major}\0".encode())
        total.update(f"{'|'.join(self.hidden)}\0".encode())
        if source.what == "revision":
            assert self.project is not None
            from ringfence import revisions

            graph = revisions.read(self.project)
            for revision in graph.applied(source.revision.split(",")):
                total.update(f"{revision.id}\0{revision.checksum}\0".encode())
        for one in source.scripts:
            total.update(f"{one.path}\0{one.checksum}\0".encode())
        return self.cache / f"{source.what}-{total.hexdigest()}.json"


def _both(one: Callable[[], A], other: Callable[[], B]) -> tuple[A, B]:
    """What two functions give that wait for different servers, at the same time."""
    found: list[A | BaseException] = []

    def read() -> None:
        try:
            found.append(one())
        except BaseException as error:  # noqa: BLE001 - raised below
            found.append(error)

    thread = Thread(target=read, daemon=True)
    thread.start()
    try:
        made = other()
    except Exception:
        thread.join()  # an interrupt does not wait for the server
        raise
    thread.join()
    first = found[0]
    if isinstance(first, BaseException):
        raise first
    return first, made


def _refresh(original: Target, clone: Target) -> None:
    """Fill the clone's materialized views that are filled in the original: a dump leaves them bare."""
    import psycopg

    from ringfence.pg.connect import connect

    filled = (
        "SELECT format('%I.%I', schemaname, matviewname) FROM pg_catalog.pg_matviews"
        " WHERE ispopulated ORDER BY 1"
    )
    with connect(original) as connection:
        waiting = [str(name) for (name,) in connection.execute(filled)]
    with connect(clone) as connection:
        while waiting:
            left = []
            for name in waiting:
                try:
                    connection.execute(f"REFRESH MATERIALIZED VIEW {name}".encode())
                except psycopg.Error:
                    left.append(name)  # it reads another one of them, perhaps
            if len(left) == len(waiting):
                return
            waiting = left


def lacking(connection: Connection[tuple[object, ...]], roles: Collection[str]) -> tuple[str, ...]:
    """Those of some roles that are not on the server of a connection, sorted."""
    found = connection.execute(
        "SELECT name FROM unnest(%s::text[]) AS name"
        " WHERE name NOT IN ('', 'none', 'public') AND name NOT IN (SELECT rolname FROM pg_roles)"
        " ORDER BY name",
        [sorted(roles)],
    )
    return tuple(str(name) for (name,) in found)


def _role(connection: Connection[tuple[object, ...]]) -> str:
    row = connection.execute("SELECT current_user").fetchone()
    return str(row[0]) if row else ""


def _own_digest() -> str:
    """Of the files that read a catalog: another version of them reads another catalog."""
    total = hashlib.blake2b(digest_size=8)
    here = Path(__file__).parent
    for folder in (here / "kinds", here / "pg" / "catalog", here / "pg", here):
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda e: e.name):
                if entry.name.endswith((".sql", ".py")):
                    status = entry.stat()
                    total.update(f"{entry.name} {status.st_size} {status.st_mtime_ns}\0".encode())
    return total.hexdigest()


def align(
    a: Source, ca: Catalog, b: Source, cb: Catalog, role: str = ""
) -> tuple[Catalog, Catalog]:
    """The two catalogs, with what a declared side leaves open as the other side has it.

    That is who owns an object, what the owner was granted, and whose default privileges are meant
    where no role is named: those of `role`, who asks, or of the role that has some in a snapshot.
    What TO declares, it declares, whatever FROM leaves open. What partitions call a NOT NULL that
    they have from the whole is left open by every source.
    """
    from ringfence.kinds._not_null import as_partitions_have_it

    cb = as_partitions_have_it(ca, cb)
    if a.what == "snapshot" and b.declared:
        role = _whose(ca, cb)
    if role and a.declared != b.declared:
        ca, cb = (_ours(ca, role), cb) if a.declared else (ca, _ours(cb, role))
    if b.declared:
        return ca, _owned(cb, ca)
    return (ca, _left_open(cb, ca)) if a.declared else (ca, cb)


def _whose(kept: Catalog, declared: Catalog) -> str:
    """The role whose default privileges a snapshot has where files name none; empty where that
    cannot be told. Nobody can be asked: it is the only one with any that the files do not name."""
    named, makers = (
        {ref.name[1] for ref in catalog.facts if ref.kind == "default_acl"}
        for catalog in (declared, kept)
    )
    left = makers - named
    return left.pop() if "" in named and len(left) == 1 else ""


def _owned(declared: Catalog, found: Catalog) -> Catalog:
    """A declared catalog with the owners found, where it names none: they stay, whatever is done."""
    from ringfence.kinds.grant import once_owned

    owners = {
        ref: fact
        for ref, fact in found.facts.items()
        if ref.kind == "owner" and ref not in declared.facts and fact.parent in declared.facts
    }
    if not owners:
        return declared
    own = once_owned(declared, _by_object(owners))
    return _with(replace(declared, facts={**declared.facts, **owners}), own, declared)


def _left_open(one: Catalog, declared: Catalog) -> Catalog:
    """A catalog without the owners that the declared one leaves open, who are granted what it says."""
    from ringfence.kinds.grant import once_owned

    open_ = {
        ref: fact
        for ref, fact in one.facts.items()
        if ref.kind == "owner" and ref not in declared.facts and fact.parent in declared.facts
    }
    own = once_owned(declared, _by_object(open_))
    said = {ref: declared.facts.get(ref) for ref, to in own.items() if one.facts.get(ref) == to}
    facts = {ref: fact for ref, fact in one.facts.items() if ref not in open_}
    return _with(replace(one, facts=facts), said, declared)


def _by_object(owners: Mapping[Ref, Fact]) -> dict[Ref, str]:
    return {fact.parent: fact.text("owner") for fact in owners.values() if fact.parent is not None}


def _with(catalog: Catalog, instead: Mapping[Ref, Fact | None], needs: Catalog) -> Catalog:
    """A catalog with other facts instead, which need what those of another one do."""
    if not instead:
        return catalog
    facts = {ref: fact for ref, fact in catalog.facts.items() if ref not in instead}
    facts |= {ref: fact for ref, fact in instead.items() if fact is not None}
    uses = {**catalog.uses, **{ref: needs.uses.get(ref, frozenset()) for ref in instead}}
    return replace(
        catalog, facts=facts, uses={ref: used & facts.keys() for ref, used in uses.items()}
    )


def _ours(declared: Catalog, role: str) -> Catalog:
    """A declared catalog whose default privileges are a role's where they name none."""
    to = {
        ref: ref._replace(name=(ref.name[0], role, *ref.name[2:]))
        for ref in declared.facts
        if ref.kind == "default_acl" and not ref.name[1]
    }
    if not to:
        return declared
    facts = {
        to.get(ref, ref): replace(fact, ref=to[ref]) if ref in to else fact
        for ref, fact in declared.facts.items()
    }
    uses = {to.get(ref, ref): used for ref, used in declared.uses.items()}
    return replace(declared, facts=facts, uses=uses)


@contextmanager
def shop(
    project: Project | None,
    sides: Sequence[Source],
    shadow: str | None,
    *,
    near: Target | None = None,
) -> Iterator[Shop]:
    """A shop near `near`, or whichever side is a database, with the user's cache."""
    from ringfence.pg import cluster

    near = near or next((s.target for s in sides if s.target is not None), None)
    folder = cluster.cache()
    cache = folder / "catalogs" if folder else None
    with Shop(project, near, shadow, cache) as made:
        yield made
