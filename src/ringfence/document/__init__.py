"""Pages about a schema, made from its catalog: what there is, how it hangs together, whose the rows are.

The same catalog gives the same bytes, so that a page that differs is stale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.document.blocks import html, markdown
from ringfence.document.pages import overview, schema_pages
from ringfence.errors import Misuse
from ringfence.rules._schema import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ringfence.config import Tenancy
    from ringfence.model import Catalog

__all__ = ["MADE", "pages", "stale", "write"]

MADE = "Made by ringfence document from the schema: edit ddl/, not this."
"""The line that each page bears: only files with it are ever written over or removed."""


def pages(catalog: Catalog, tenancy: Tenancy | None = None) -> dict[str, str]:
    """Every page by its file's name: one a schema, an overview, and all of it as HTML."""
    schema = Schema(catalog, tenancy)
    first = overview(schema)
    found = {"index.md": markdown(first, MADE)}
    every = list(first)
    for name, blocks in schema_pages(schema):
        found[f"{_file(name)}.md"] = markdown(blocks, MADE)
        every += blocks
    found["schema.html"] = html(every, MADE)
    return found


def _file(name: str) -> str:
    """A schema's name as a file's: odd characters as their numbers; never the overview's."""
    plain = "".join(
        c if c.isascii() and (c.isalnum() or c in "_-") else f"~{ord(c):x}" for c in name
    )
    return f"{plain}~" if plain in ("index", "README") else plain


def stale(folder: Path, wanted: Mapping[str, str]) -> tuple[str, ...]:
    """The names of pages that are not there, differ, or are about what is no more."""
    differ = [
        name
        for name, text in wanted.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]
    return tuple(sorted([*differ, *_left(folder, wanted)]))


def _left(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Pages of ours that no schema has any more."""
    if not folder.is_dir():
        return []
    return [
        path.name
        for path in sorted(folder.iterdir())
        if path.suffix in (".md", ".html") and path.name not in wanted and _ours(path)
    ]


def _ours(path: Path) -> bool:
    try:
        return MADE in path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def write(folder: Path, wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Write the pages and take away those of ours that are left over; the names of what changed.

    Raises `Misuse` where a file is in the way that is not ours, or nothing can be written.
    """
    changed = stale(folder, wanted)
    for name in wanted:
        path = folder / name
        if path.exists() and not _ours(path):
            raise Misuse(
                f"{path} is not one of ringfence's pages: it is not written over",
                hint="name another folder: ringfence document FOLDER",
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in changed:
            if name in wanted:
                (folder / name).write_text(wanted[name], encoding="utf-8")
            else:
                (folder / name).unlink()
    except OSError as error:
        raise Misuse(f"cannot write {folder}: {error.strerror}") from None
    return changed
