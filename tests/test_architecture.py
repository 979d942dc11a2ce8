"""Who may import whom, read from the source; and what the source may not name."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from projects import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = ROOT / "src" / "ringfence"
CORE = {"model", "change", "step", "finding", "errors"}
FILES = sorted(SOURCE.rglob("*.py"))


class Import(NamedTuple):
    """A module that a file imports when it runs, and where."""

    file: str
    line: int
    name: str
    at_top: bool

    @property
    def package(self) -> str:
        """The distribution's part of the name: `psycopg`, `ringfence.pg`."""
        parts = self.name.split(".")
        return ".".join(parts[: 2 if parts[0] == "ringfence" else 1])


def read(path: Path) -> Iterator[Import]:
    """Every import of a file but those for types alone."""
    file = path.relative_to(SOURCE).as_posix()

    def visit(node: ast.AST, at_top: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for other in node.orelse:
                yield from visit(other, at_top)
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, at_top)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            for alias in node.names:
                # `from ringfence import x` and `from ringfence.pg import x` may name modules.
                deep = module.split(".")[0] == "ringfence"
                yield Import(
                    file, node.lineno, f"{module}.{alias.name}" if deep else module, at_top
                )
        inside = at_top and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), at_top=True)


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for path in FILES for found in read(path))


def part(file: str) -> str:
    """The part of ringfence that a file belongs to: a package, or a module of its own."""
    return file.partition("/")[0].removesuffix(".py")


def ours(found: Import) -> str:
    """The part of ringfence that is imported, empty for anything else."""
    name = found.name.split(".")
    return name[1] if name[0] == "ringfence" and len(name) > 1 else ""


def test_the_imports_are_read_at_all() -> None:
    names = {found.name for found in imports()}
    assert {"psycopg", "click", "ringfence.errors.Misuse", "sqlalchemy"} <= names
    assert Import("history/drive.py", 1, "alembic.config", at_top=True)._replace(line=0) in {
        found._replace(line=0) for found in imports()
    }
    assert any(not found.at_top for found in imports())


def test_the_core_imports_the_core_and_the_standard_library() -> None:
    wrong = [
        found
        for found in imports()
        if part(found.file) in CORE
        and ours(found) not in CORE
        and found.package.split(".")[0] not in (sys.stdlib_module_names | {"__future__"})
    ]
    assert wrong == []


ONLY = [
    ("click", {"cli"}),
    ("rich", {"cli"}),
    ("alembic", {"history"}),
    ("sqlalchemy", {"history"}),
    ("sqlfluff", {"rules"}),
    ("ringfence.cli", {"cli", "__main__"}),
]


@pytest.mark.parametrize(("package", "parts"), ONLY, ids=[package for package, _ in ONLY])
def test_a_package_is_imported_in_its_place_alone(package: str, parts: set[str]) -> None:
    wrong = [
        found
        for found in imports()
        if (found.name == package or found.name.startswith(f"{package}."))
        and part(found.file) not in parts
    ]
    assert wrong == []


NEVER = {
    # What stands low imports nothing that stands above it.
    "pg": {"cli", "report", "claims", "rules", "seed", "demo", "history", "migrate"},
    "kinds": {"cli", "report", "claims", "rules", "seed", "demo", "pg", "history", "migrate"},
    "report": {"cli", "claims", "rules", "seed", "demo", "pg", "history", "migrate", "kinds"},
    "script": {"cli", "report", "pg", "project", "revisions", "history", "migrate"},
    "config": {"cli", "report", "pg", "project", "revisions", "history", "migrate"},
    "project": {"cli", "report", "pg", "revisions", "history", "migrate"},
    "revisions": {"cli", "report", "pg", "history", "migrate"},
    "claims": {"cli", "rules", "seed", "demo"},
    "rules": {"cli", "claims", "seed", "demo", "history", "migrate"},
    "seed": {"cli", "claims", "rules", "demo", "history", "migrate"},
    "migrate": {"cli", "report", "claims", "rules", "seed", "demo"},
    "history": {"cli", "report", "claims", "rules", "seed", "demo"},
}


@pytest.mark.parametrize("low", NEVER)
def test_what_stands_low_imports_nothing_above_it(low: str) -> None:
    assert (SOURCE / low).exists() or (SOURCE / f"{low}.py").exists()
    wrong = [found for found in imports() if part(found.file) == low and ours(found) in NEVER[low]]
    assert wrong == []


def test_no_kind_imports_a_sibling() -> None:
    kinds = {p.stem for p in (SOURCE / "kinds").glob("[a-z]*.py")}
    wrong = [
        found
        for found in imports()
        if found.file.startswith("kinds/")
        and Path(found.file).stem in kinds
        and found.name.startswith("ringfence.kinds.")
        and found.name.split(".")[2] in kinds
    ]
    assert wrong == []


def test_the_differ_names_no_kind() -> None:
    kinds = {p.stem for p in (SOURCE / "kinds").glob("[a-z]*.py")}
    texts = {
        node.value
        for node in ast.walk(ast.parse((SOURCE / "change.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert kinds
    assert texts & kinds == set()


def test_only_pg_connects() -> None:
    wrong = []
    for path in FILES:
        if part(path.relative_to(SOURCE).as_posix()) == "pg":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("psycopg.connect", "Connection.connect", "psycopg.Connection.connect"):
                wrong.append(f"{path.relative_to(SOURCE)}:{node.lineno}")  # type: ignore[attr-defined]
    assert wrong == []


def test_commands_load_nothing_heavy() -> None:
    """Whatever they import at their top, directly or not."""
    heavy = {"psycopg", "alembic", "sqlalchemy", "rich", "sqlfluff", "postgast", "tomllib"}
    code = (
        "import sys\nfrom importlib import import_module\n"
        "for name in sys.argv[1:]:\n"
        "    before = set(sys.modules)\n"
        "    import_module(f'ringfence.cli.{name}')\n"
        f"    new = {heavy!r} & (set(sys.modules) - before)\n"
        "    if new: print(name, sorted(new))\n"
    )
    names = [p.stem for p in (SOURCE / "cli").glob("*.py") if p.stem != "__init__"]
    done = subprocess.run(
        [sys.executable, "-c", code, *names], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""


def test_the_source_names_no_table_of_an_example() -> None:
    tables = {path.stem for path in (ROOT / "ddl" / "messaging" / "tables").glob("*.sql")}
    assert len(tables) >= 8
    wrong = [
        f"{path.relative_to(SOURCE)} names {table}"
        for path in SOURCE.rglob("*")
        if path.suffix in (".py", ".sql", ".cfg", ".txt", ".mako")
        for table in tables
        if table in path.read_text(encoding="utf-8")
    ]
    assert wrong == []


def test_sql_that_is_sent_is_ascii() -> None:
    """A database of another encoding would not take the rest, not even in a comment."""
    for path in (ROOT / "src" / "ringfence").rglob("*.sql"):
        if "demo" not in path.parts:
            assert path.read_bytes().isascii(), path
