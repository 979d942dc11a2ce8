"""A project's pages: where they lie, and what they should say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.document import pages, stale
from ringfence.errors import Error, Misuse
from ringfence.finding import Coverage, Finding, Severity
from ringfence.pg.cluster import cache
from ringfence.rules._catalog import catalog

if TYPE_CHECKING:
    from pathlib import Path

    from ringfence.project import Project


def folder_of(project: Project, given: str | None) -> Path:
    """The folder that was given, or the one that is configured. Raises `Misuse` where there is none."""
    said = given or project.config.document
    if not said:
        raise Misuse(
            "nobody says where the pages are to lie",
            hint='ringfence document docs/schema; or document = "docs/schema" in [tool.ringfence]',
        )
    path = project.root / said
    if path.exists() and not path.is_dir():
        raise Misuse(f"{project.shown(path)} is a file", hint="name a folder")
    return path


def wanted(project: Project, shadow: str | None = None) -> dict[str, str]:
    """The pages as they should be, from ddl/."""
    kept = cache()
    return pages(catalog(project, kept / "lint" if kept else None, shadow), project.config.tenancy)


def checked(project: Project) -> tuple[list[Finding], Coverage]:
    """Stale pages as findings; where no folder is configured there are none to look at."""
    title = "the pages about the schema are what ddl/ says"
    if not project.config.document:
        reason = "document in [tool.ringfence] names no folder"
        return [], Coverage("documents", title, skipped=reason)
    try:
        where, should = folder_of(project, None), wanted(project)
    except Error as error:
        return [], Coverage("documents", title, skipped=error.message)
    found = [
        Finding(
            "documents",
            Severity.ERROR,
            f"{project.shown(where / name)} is stale",
            help="ringfence document writes it",
            key=project.shown(where / name),
        )
        for name in stale(where, should)
    ]
    return found, Coverage("documents", title, len(should), "page")
