"""ddl/ written from a catalog: one object a file, with what hangs on it.

What a file says already is left as it is written: only the files of objects that differ are written
anew, so that a `pull` after a `migrate` changes nothing, and comments and formatting live on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ringfence import drift, filling, sources
from ringfence.change import Change, diff
from ringfence.errors import Refused
from ringfence.finding import counted
from ringfence.kinds import Context
from ringfence.kinds.grant import against_defaults
from ringfence.model import Ref
from ringfence.planner import plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ringfence.model import Catalog, Unmodeled
    from ringfence.project import Project
    from ringfence.sources import Shop, Source

# Where objects lie whose kind has a customary folder; others lie in one named for their kind.
_FOLDERS = {
    "routine": "functions",
    "aggregate": "functions",
    "enum": "types",
    "composite": "types",
    "composite_type": "types",
    "range": "types",
    "base_type": "types",
    "operator_class": "operator_classes",
    "operator_family": "operator_families",
    "statistics": "statistics",
    "index": "indexes",
    "text_search_dictionary": "text_search",
    "text_search_configuration": "text_search",
    "text_search_parser": "text_search",
    "text_search_template": "text_search",
}
_WHOLE = {
    "extension": "extensions.sql",
    "cast": "casts.sql",
    "default_acl": "default_privileges.sql",
}
_GLOBAL = {
    "event_trigger", "foreign_data_wrapper", "server", "publication",
    "subscription", "language", "access_method", "user_mapping", "transform",
}  # fmt: skip
_PLAIN = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull wrote, removed and left alone, as paths below ddl/."""

    written: tuple[str, ...]
    removed: tuple[str, ...]
    kept: int
    unwritten: tuple[Unmodeled, ...] = ()
    """What is there and is not modelled, so in no file."""
    partitions: tuple[str, ...] = ()
    """Partitions that are in no file, and stay so: they come and go with the rows."""


def files(catalog: Catalog, empty: Catalog) -> Mapping[str, str]:
    """Path below ddl/ → text, for everything that `catalog` has and `empty` has not.

    `empty` is the catalog of a new database: what is in every one is in no file.
    """
    texts: dict[str, list[str]] = {}
    where = _Layout(catalog, empty)
    told = _against_defaults(catalog, empty)
    for step in plan(empty, catalog).steps:
        said = (step.sql, *told.pop(step.ref, ()))
        texts.setdefault(where.path(step.ref), []).extend(f"{sql};\n" for sql in said)
    return {path: "\n".join((_HEAD, *texts[path])) for path in sorted(texts)}


def _against_defaults(catalog: Catalog, empty: Catalog) -> dict[Ref, list[str]]:
    """Object made → what is said behind that of privileges it was given by default, or was not.

    Default privileges may be younger than what is there. Files are loaded in an order of their own,
    by somebody who may be any of those whose default privileges they are.
    """
    made = {ref for ref in catalog.facts if ref not in empty.facts}
    defaults = {ref: f for ref, f in catalog.facts.items() if ref.kind == "default_acl"}
    contexts = [
        Context(replace(empty, facts=defaults), catalog, {}, executor=maker, creates=made)
        for maker in sorted({ref.name[1] for ref in defaults})
    ]
    told: dict[Ref, list[str]] = {}
    for ref in sorted(made) if contexts else ():
        by = ref
        while by.kind in ("identity_sequence", "column") and (above := catalog.facts[by].parent):
            by = above  # made with its table
        said = told.setdefault(by, [])
        said += dict.fromkeys(do.sql for do in against_defaults(ref, contexts))
    return told


_HEAD = "-- noqa: disable=all\n"
"""The words are PostgreSQL's own: style has a say in them once somebody takes this line out."""


def pull(project: Project, shop: Shop, source: Source, *, force: bool = False) -> Pulled:
    """Make ddl/ say what `source` is. Returns what was changed, and what no file can say.

    Raises `Refused` when an object that differs is defined in a file that is not its own; `force`
    writes the whole folder anew then.
    """
    wanted = shop.catalog(source)
    done = _pull(project, shop, source, wanted, force=force)
    return replace(done, unwritten=shop.unseen(wanted))


def _pull(project: Project, shop: Shop, source: Source, wanted: Catalog, *, force: bool) -> Pulled:
    folder = project.ddl
    with shop.host.database() as target:
        empty = shop.extract(target, nobody=True)
    present = sorted(folder.rglob("*.sql")) if folder.is_dir() else []
    texts = files(wanted, empty)
    if not present:
        return _write(folder, texts, [], 0)
    texts = {_as_it_lies(folder, path): text for path, text in texts.items()}
    ddl = sources.source(project, "ddl")
    have, want = sources.align(ddl, shop.catalog(ddl), source, wanted, shop.role(source))
    kept = () if force else drift.left(want, have)
    if kept:
        want = filling.without(want, kept, ())
        wanted = filling.without(wanted, kept, ())
        texts = {_as_it_lies(folder, p): t for p, t in files(wanted, empty).items()}
    before, after = _Layout(have, empty), _Layout(want, empty)
    if force:
        # A file that defines nothing we model (roles, say) is not ours to remove.
        was = (_as_it_lies(folder, path) for path in before.paths())
        gone = [folder / p for p in was if p not in texts and (folder / p).is_file()]
        return _write(folder, texts, gone, 0)
    changes = diff(have, want)
    touched: set[str] = set()
    if any(change.ref.kind == "default_acl" for change in changes):
        told = {after.path(ref) for ref, said in _against_defaults(wanted, empty).items() if said}
        touched = {p for p in (_as_it_lies(folder, t) for t in told) if (folder / p).is_file()}
    for change in (*changes, *_moved(before, after, have, want)):
        there = _as_it_lies(folder, before.path(change.ref))
        now = _as_it_lies(folder, after.path(change.ref))
        # What every database has, as it is in a new one, no file has said anything of.
        said = change.old is not None and change.old != empty.facts.get(change.ref)
        path = now if change.old is None else there
        if not (folder / path).is_file() and said:
            raise Refused(
                f"{change.ref.kind} {change.ref.path} differs and is not defined in"
                f" {project.shown(folder / path)}",
                hint="move its definition there, or ringfence pull --force writes all of"
                f" {project.shown(folder)} anew",
            )
        touched |= {path} if change.new is None else {path, now}
    new = {path: texts[path] for path in sorted(touched) if path in texts}
    left = (folder / path for path in sorted(touched) if path not in texts)
    gone = [path for path in left if path.is_file()]
    if not texts and len(gone) == len(present):
        raise Refused(
            f"{source.target.shown if source.target else source.spec} has nothing of what {project.shown(folder)} holds:"
            f" {counted(len(gone), 'file')} would go, and none be written",
            hint="name the database with --dsn, or in RINGFENCE_DSN;"
            " with --force the folder is emptied all the same",
        )
    done = _write(folder, new, gone, len(present) - len(gone) - len(new))
    return replace(done, partitions=tuple(part.path for part in kept))


def _moved(before: _Layout, after: _Layout, have: Catalog, want: Catalog) -> Iterator[Change]:
    """What is in another file now, though it need not differ: a sequence that a column owns now."""
    for ref in have.facts.keys() & want.facts.keys():
        if before.path(ref) != after.path(ref):
            yield Change(ref, have.facts[ref], want.facts[ref])


def _as_it_lies(folder: Path, path: str) -> str:
    """The file's path; in a folder as it was called before, where it lies there."""
    for name in ("operator_class", "operator_family"):
        old = path.replace(f"/{_FOLDERS[name]}/", f"/{name}s/")
        if old != path and (folder / old).is_file():
            return old
    return path


def _write(folder: Path, texts: Mapping[str, str], gone: list[Path], kept: int) -> Pulled:
    written = []
    for name, text in texts.items():
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            kept += 1
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(name)
    for path in gone:
        path.unlink()
    removed = tuple(p.relative_to(folder).as_posix() for p in gone)
    return Pulled(tuple(written), removed, kept)


class _Layout:
    """Which file each fact of a catalog lies in, and of what a new database has and it has not."""

    def __init__(self, catalog: Catalog, empty: Catalog) -> None:
        self._facts = {**empty.facts, **catalog.facts}
        self._taken: dict[str, Ref] = {}
        self._paths: dict[Ref, str] = {}
        for ref in sorted(catalog.facts):
            self._paths[ref] = self._find(self._root(ref))

    def paths(self) -> list[str]:
        """Every file, sorted."""
        return sorted(set(self._paths.values()))

    def path(self, ref: Ref) -> str:
        """The file of a fact."""
        found = self._paths.get(ref)
        return found if found is not None else self._find(self._root(ref))

    def _root(self, ref: Ref) -> Ref:
        """The object that a fact hangs on, at last; a sequence hangs on the column that owns it."""
        facts = self._facts
        while True:
            owned = facts.get(Ref("owned_by", ref.name)) if ref.kind == "sequence" else None
            fact = facts.get(ref)
            if owned is not None:
                ref = Ref("column", owned.list("column"))
            elif fact is not None and fact.parent is not None:
                ref = fact.parent
            else:
                return ref

    def _find(self, root: Ref) -> str:
        if root in self._paths:
            return self._paths[root]
        path = str(_place(root))
        # Two names may differ in nothing that a file system tells apart; overloads share a file.
        key, number = path.lower(), 1
        while (other := self._taken.get(key)) is not None and not _together(other, root):
            number += 1
            key = f"{path.lower()}~{number}"
        self._taken.setdefault(key, root)
        if number > 1:
            path = path.removesuffix(".sql") + f"~{number}.sql"
        self._paths[root] = path
        return path


def _together(one: Ref, other: Ref) -> bool:
    return one.kind in _WHOLE or (one.kind == other.kind and one.name[:2] == other.name[:2])


def _place(root: Ref) -> PurePosixPath:
    if root.kind in _WHOLE:
        return PurePosixPath(_WHOLE[root.kind])
    if root.kind == "schema":
        return PurePosixPath(_safe(root.name[0]), "schema.sql")
    folder = _FOLDERS.get(root.kind, f"{root.kind}s")
    if root.kind in _GLOBAL or len(root.name) == 1:
        return PurePosixPath(folder, f"{_safe(root.name[0])}.sql")
    return PurePosixPath(_safe(root.name[0]), folder, f"{_safe(root.name[1])}.sql")


def _safe(name: str) -> str:
    """A name as a file's: what file systems quarrel about is written as %XX."""
    text = _PLAIN.sub(lambda m: "".join(f"%{b:02X}" for b in m[0].encode()), name)
    return re.sub(r"\A\.", "%2E", text)
