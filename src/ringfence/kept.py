"""Catalogs of files and revisions, kept in the user's cache in a form that is read fast.

Not a snapshot: only the ringfence that wrote it reads it again. What the same attributes are is
written once, objects are numbers after their first mention, and what needs what is made out when
somebody asks.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringfence.model import Catalog, Fact, Lazily, Ref, Unmodeled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ringfence.model import Value

_MOST = 64
_LARGEST = 512 * 1024 * 1024
"""How many files there may be in the cache, and how many bytes in all: what was not read for longest
goes. A catalog of a thousand tables has 3 MB."""

_NOTES = 16
"""Of how many databases it is noted that they are the same as a catalog."""

_SLOT = -1
"""The number of a parent that is none."""


def write(path: Path, catalog: Catalog) -> None:
    """Keep a catalog. Where that cannot be, it is not kept: nothing but time depends on it."""
    numbers = {ref: number for number, ref in enumerate(catalog.facts)}
    attributes: dict[str, int] = {}
    kinds: list[tuple[str, int]] = []
    names: list[tuple[str, ...]] = []
    parents: list[int] = []
    which: list[int] = []
    for ref, fact in catalog.facts.items():
        if not kinds or kinds[-1][0] != ref.kind:
            kinds.append((ref.kind, len(names)))
        names.append(ref.name)
        parents.append(numbers[fact.parent] if fact.parent is not None else _SLOT)
        text = json.dumps(dict(fact.attrs), ensure_ascii=False)
        which.append(attributes.setdefault(text, len(attributes)))
    document = {
        "server_version": catalog.server_version,
        "unmodeled": [(u.what, u.name, u.reason) for u in catalog.unmodeled],
        "kinds": kinds,
        "names": names,
        "parents": parents,
        "which": which,
        "uses": [
            (numbers[ref], *(numbers[used] for used in uses)) for ref, uses in catalog.uses.items()
        ],
    }
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    with suppress(OSError):
        _replace(path, f"{body}\n[{','.join(attributes)}]\n")
        prune(path.parent)


def read(path: Path) -> Catalog | None:
    """The catalog that is kept there; None where there is none that can be read."""
    try:
        body, _, rest = path.read_text(encoding="utf-8").partition("\n")
        touch(path)
        return _catalog(json.loads(body), json.loads(rest))
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def notes(path: Path) -> bool:
    """Whether anything is noted of the catalog that is kept there."""
    return path.is_file() and path.with_suffix(".same").is_file()


def equal(path: Path, digest: str) -> bool:
    """Whether what had that digest was found to be the same as the catalog that is kept there."""
    try:
        found = digest in path.with_suffix(".same").read_text(encoding="utf-8").split()
        if found:
            touch(path)
        return found
    except (OSError, ValueError):
        return False


def note_equal(path: Path, digest: str) -> None:
    """Note that what has that digest is the same as the catalog; the last few are known."""
    file = path.with_suffix(".same")
    with suppress(OSError, ValueError):
        known = file.read_text(encoding="utf-8").split() if file.is_file() else []
        _replace(file, "\n".join([*known[1 - _NOTES :], digest]) + "\n")


def touch(path: Path) -> None:
    """Note that a file was of use."""
    with suppress(OSError):
        os.utime(path)


def prune(folder: Path) -> None:
    """Have no more in the cache than it may hold. What another process removes meanwhile is gone."""
    files: list[tuple[float, str, int]] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    files.append((status.st_mtime, entry.path, status.st_size))
    room = _LARGEST
    for number, (_, path, size) in enumerate(sorted(files, reverse=True)):
        room -= size
        if number >= _MOST or room < 0:
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - as scandir gave it


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(made).replace(path)


def _catalog(document: Mapping[str, Any], attributes: list[dict[str, Any]]) -> Catalog:
    refs: list[Ref] = []
    starts = [*document["kinds"], ("", len(document["names"]))]
    for (kind, start), (_, end) in pairwise(starts):
        refs += [Ref(kind, tuple(name)) for name in document["names"][start:end]]
    attrs = [{k: _value(v) for k, v in one.items()} for one in attributes]
    refs.append(None)  # type: ignore[arg-type] # the parent of what has none: number -1
    facts = {
        ref: Fact(ref, attrs[which], refs[parent])
        for ref, which, parent in zip(refs, document["which"], document["parents"], strict=False)
    }
    listed = document["uses"]

    def uses() -> Mapping[Ref, frozenset[Ref]]:
        return {refs[user]: frozenset([refs[used] for used in rest]) for user, *rest in listed}

    unmodeled = tuple(Unmodeled(*row) for row in document["unmodeled"])
    return Catalog(facts, Lazily(uses), int(document["server_version"]), unmodeled)


def _value(value: Any) -> Value:
    if isinstance(value, list):
        return tuple(_value(v) for v in value)
    assert value is None or isinstance(value, (str, int, bool))
    return value
