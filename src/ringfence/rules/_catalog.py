"""The catalog of ddl/, loaded into a shadow once for each content, and where its objects stand."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from ringfence import snapshot, sources
from ringfence.errors import BadProject, Error, Misuse, ServerError
from ringfence.kept import prune, touch
from ringfence.model import Ref
from ringfence.rules._actions import actions
from ringfence.rules._after import apply
from ringfence.rules._migration import parsed
from ringfence.rules._parse import listed, pb
from ringfence.rules._state import State

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ringfence.finding import Finding
    from ringfence.model import Catalog
    from ringfence.project import Project
    from ringfence.rules import SqlFile


def catalog(project: Project, cache: Path | None, shadow: str | None = None) -> Catalog:
    """What ddl/ makes, from the cache where its content is known, else from a shadow.

    Raises `ServerError` or `BadProject` with the place of what cannot be loaded, another `Error`
    where there is no server to load it into.
    """
    source = sources.source(project, "ddl")
    kept = _kept(project, source, cache)
    if kept is not None and kept.is_file():
        try:
            known = snapshot.loads(kept.read_text(encoding="utf-8"), str(kept))
            touch(kept)
            return known
        except (Error, OSError):
            pass  # whatever is wrong with it, it is only a cache
    with sources.shop(project, (source,), shadow) as shop:
        target = shop.database(source)
        found = _read(project, target)
    if kept is not None:
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            made = kept.with_suffix(".new")
            made.write_text(snapshot.dumps(found), encoding="utf-8")
            made.replace(kept)
            prune(kept.parent)
        except OSError:
            pass
    return found


def _read(project: Project, target: object) -> Catalog:
    from ringfence.pg.connect import Target, connect
    from ringfence.pg.extract import extract

    assert isinstance(target, Target)
    with connect(target) as connection:
        row = connection.execute("SELECT current_user").fetchone()
        who = str(row[0]) if row else ""
        hidden = (project.config.migrate.schema,)
        return extract(connection, exclude=hidden, nobody=who, roles=True)


def _kept(project: Project, source: sources.Source, cache: Path | None) -> Path | None:
    """Where the catalog is kept: known before any server runs, so that a second lint needs none."""
    if cache is None:
        return None
    from ringfence import __version__

    total = hashlib.blake2b(digest_size=16)
    made_by = f"{__version__}\0{sources._own_digest()}\0{project.config.server_version}\0"  # noqa: SLF001
    total.update(made_by.encode())
    for one in source.scripts:
        total.update(f"{one.path}\0{one.checksum}\0".encode())
    return cache / f"ddl-{total.hexdigest()}.json"


def broken(error: Error) -> bool:
    """Whether an error is about the files, not about the server they were to be loaded into."""
    return isinstance(error, BadProject) or (
        isinstance(error, ServerError) and error.span is not None
    )


def placed(
    project: Project, findings: Iterable[Finding], *, revisions: bool = False
) -> tuple[Finding, ...]:
    """Findings about objects with their place in ddl/, where they are made there and have no other.

    With `revisions`, what ddl/ does not make has that in the revision which made it last.
    """
    from ringfence.rules._run import in_order, span

    found = tuple(findings)
    if all(f.ref is None or f.span is not None for f in found):
        return found
    declared = Places(_files(project, project.ddl))
    made = Places((), last=True)
    if revisions:
        ran = in_order(project, _files(project, project.migrations))
        made = Places((file for file, _, undo in ran if not undo), last=True)

    def at(finding: Finding) -> tuple[SqlFile, int] | None:
        ref = finding.ref
        if ref is None or finding.span is not None:
            return None
        near = declared.of(ref, schema=False) or made.of(ref, schema=False)
        return near or declared.of(ref)

    places = [at(finding) for finding in found]
    return tuple(
        replace(f, span=span(*where)) if where is not None else f
        for f, where in zip(found, places, strict=True)
    )


def _files(project: Project, folder: Path) -> tuple[SqlFile, ...]:
    from ringfence.rules._files import Unread, collect

    unread: list[Unread] = []
    try:
        return collect(project, [folder], project.root, unread)[0] if folder.is_dir() else ()
    except Misuse:
        return ()  # it is empty


class Places:
    """Where in files each object is made, first or `last`."""

    def __init__(self, files: Iterable[SqlFile], *, last: bool = False) -> None:
        self._found: dict[tuple[str, tuple[str, ...]], tuple[SqlFile, int]] = {}
        self._last = last
        state = State()
        for file in files:
            migration = parsed(file)
            state.begin()
            for statement in migration.statements:
                base = statement.base
                for action in actions(statement, state):
                    name, verb, node = tuple(action.name), action.verb, action.node
                    at = (file, statement.at)
                    if verb == "create_table":
                        self._note("table", name, at)
                        for element in node.table_elts:
                            if element.HasField("column_def"):
                                column = element.column_def
                                where = (file, base + column.location)
                                self._note("column", (*name, column.colname), where)
                                for each in column.constraints:
                                    said = each.constraint
                                    if said.conname:
                                        inner = (file, base + said.location)
                                        self._note("constraint", (*name, said.conname), inner)
                                    elif said.contype in _SUFFIXES:
                                        auto = (
                                            f"{name[-1]}_{column.colname}_{_SUFFIXES[said.contype]}"
                                        )
                                        inner = (file, base + said.location)
                                        self._note("constraint", (*name, auto), inner)
                            elif element.HasField("constraint"):
                                said = element.constraint
                                where = (file, base + said.location)
                                self._note("constraint", (*name, said.conname), where)
                    elif verb == "add_constraint" and action.definition.conname:
                        self._note("constraint", (*name, action.definition.conname), at)
                    elif verb == "add_column":
                        self._note("column", (*name, action.definition.colname), at)
                    elif verb == "create_index" and node.idxname:
                        self._note("index", (name[0], node.idxname), at)
                    elif verb == "create_view":
                        self._note("view", name, at)
                    elif verb == "create_table_as":
                        self._note("materialized_view", name, at)
                    elif verb == "create_policy":
                        self._note("policy", (*name, node.policy_name), at)
                    elif verb == "create_trigger":
                        self._note("trigger", (*name, node.trigname), at)
                    elif verb == "create_function":
                        found = listed(node.funcname)
                        self._note("routine", (found.schema or _first(state), found.name), at)
                    elif verb in _TYPES:
                        schema = action.name.schema or _first(state)
                        self._note(_TYPES[verb], (schema, action.name.name), at)
                    elif verb == "create_schema":
                        self._note("schema", (node.schemaname,), at)
                    apply(action)

    def _note(self, kind: str, name: tuple[str, ...], at: tuple[SqlFile, int]) -> None:
        if self._last or (kind, name) not in self._found:
            self._found[kind, name] = at

    def of(self, ref: Ref, *, schema: bool = True) -> tuple[SqlFile, int] | None:
        """The file and the offset, in bytes, of an object, or of what it belongs to, its schema at last."""
        if ref.kind in ("owner", "grant"):  # named for what they are of
            end = -1 if ref.kind == "grant" else None
            ref = Ref(ref.name[0], ref.name[1:end])
        name = ref.name
        if ref.kind == "routine":
            name = name[:2]
        if (ref.kind, name) in self._found:
            return self._found[ref.kind, name]
        if len(name) < 2 or ref.kind in _OF_NO_SCHEMA:
            return None
        for kind in ("table", "view", "materialized_view", "routine"):
            if (kind, name[:2]) in self._found:
                return self._found[kind, name[:2]]
        return self._found.get(("schema", name[:1])) if schema else None


def _first(state: State) -> str:
    return state.path[0] if state.path else "public"


_TYPES = {"create_enum": "enum", "create_domain": "domain"}
_OF_NO_SCHEMA = {"role_setting", "membership", "user_mapping", "transform"}
"""Kinds whose names begin with something else than a schema."""
_SUFFIXES = {
    pb.CONSTR_FOREIGN: "fkey",
    pb.CONSTR_CHECK: "check",
    pb.CONSTR_UNIQUE: "key",
}
