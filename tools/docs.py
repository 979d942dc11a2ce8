"""Write the pages that are made from the code, or with `--check` say which are stale.

docs/reference/commands.md is what the commands say of themselves, docs/reference/rules.md what the
rules of lint do, docs/reference/faults.md which tests stage which faults.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ringfence.cli.main import cli
from ringfence.rules import FAMILIES, covers
from ringfence.rules import rules as every_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]

_MADE = (
    "<!-- Made by `make docs` from what the commands say of themselves: edit them, not this. -->"
)

_LEAD = """\
Every command says the same of itself with `--help`. What a status means is in
[exit statuses](exit-statuses.md), what `--format json` holds in [json](json.md)."""


def commands() -> str:
    """The page of every command, each with its usage, its text and its options."""
    blocks = ["# Commands", _MADE, _LEAD, *_page(cli, click.Context(cli, info_name="ringfence"), 2)]
    return "\n\n".join(blocks) + "\n"


def _page(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    # The frame's own usage and text head the page; its subcommands are pages of their own.
    yield f"{'#' * level} {context.command_path}"
    yield f"```text\n{' '.join(context.command_path.split() + command.collect_usage_pieces(context))}\n```"
    yield from _prose(command.help or "")
    records = (p.get_help_record(context) for p in command.params)
    options = [record for record in records if record and record[1]]
    if options:
        rows = "\n".join(f"| `{_cell(name)}` | {_cell(text)} |" for name, text in options)
        yield f"| option | |\n|---|---|\n{rows}"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _page(
                child, click.Context(child, info_name=name, parent=context), min(level + 1, 4)
            )


def _prose(text: str) -> Iterator[str]:
    """Click's help as Markdown: what `\\b` keeps from being wrapped is a block of text."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if not paragraph.startswith("\b"):
            yield paragraph
            continue
        first, *rest = paragraph.removeprefix("\b").strip("\n").split("\n")
        if first.endswith(":") and rest:
            yield first
            yield "```text\n" + inspect.cleandoc("\n".join(rest)) + "\n```"
        else:
            yield "```text\n" + "\n".join([first, *rest]) + "\n```"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


_RULES = """\
What `ringfence lint` looks for. `ringfence explain CODE` prints a rule's page; the SQL on it is what
the rule is tested with. In a rule of family M, the lines above `-- then` were there before."""


def rules() -> str:
    """The page of every rule, family by family, with a table at the top."""
    blocks = ["# Rules", _MADE, _RULES]
    pages = []
    for family, about in FAMILIES.items():
        members = [each for each in every_rule() if covers(family, each.code)]
        if not members:
            continue
        rows = "\n".join(
            f"| [{each.code}](#{each.code.lower()}) | {each.severity} | {_cell(each.title)} |"
            for each in members
        )
        blocks.append(
            f"## {family}: {about}\n\n| code | severity | what is wrong |\n|---|---|---|\n{rows}"
        )
        pages += [f"### {each.code}\n\n{_markdown(each.page)}" for each in members]
    return "\n\n".join([*blocks, "## Pages", *pages]) + "\n"


def _markdown(page: str) -> str:
    """A rule's page as Markdown: its SQL becomes blocks, its headings bold."""
    said = []
    for paragraph in page.split("\n\n"):
        if paragraph.startswith("    "):
            said.append("```sql\n" + inspect.cleandoc("\n" + paragraph) + "\n```")
        else:
            said.append(
                re.sub(r"^(Why it matters|Caught|Passes|When to ignore)", r"**\1**", paragraph)
            )
    return "\n\n".join(said)


_FAULTS_LEAD = """\
What can go wrong while revisions run on a database that others use, what must come of it, and the
tests that stage it. After each of them the same is looked at: what the history records, replayed on
an empty database, gives the catalog that is there; no index of ours is invalid; no lock is left."""


def faults() -> str:
    """The page of faults: from tests/faults.py and from what the tests say that they stage."""
    said = ast.parse((ROOT / "tests" / "faults.py").read_text(encoding="utf-8"))
    tables = {
        target.id: ast.literal_eval(node.value)
        for node in said.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    staged: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for title, code in _staged(node):
                staged.setdefault(code, []).append(f"{title} (`tests/{path.name}`)")
    blocks = ["# Faults", "<!-- Made by `make docs` from the tests: edit them, not this. -->"]
    blocks.append(_FAULTS_LEAD)
    for code, (what, ideal) in tables["FAULTS"].items():
        tests = "\n".join(f"- {title}" for title in staged.get(code, ()))
        reason = tables["NOT_STAGED"].get(code)
        if not tests and reason is None:
            sys.exit(f"error: no test stages {code}, and NOT_STAGED does not say why")
        why = f"Not staged: {reason}." if reason else ""
        blocks += [f"## {code}: {what}", f"{ideal[0].upper()}{ideal[1:]}."]
        blocks += filter(None, (tests, why))
    return "\n\n".join(blocks) + "\n"


def _staged(node: ast.AST) -> Iterator[tuple[str, str]]:
    """What a test is called, with each fault that its decorator names; and what a schedule says."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "Schedule":
        what = f"killed at every boundary: {ast.literal_eval(node.args[0])}"
        said = next(k.value for k in node.keywords if k.arg == "stages")
        yield from ((what, str(code)) for code in ast.literal_eval(said))
    for call in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "stages":
            assert isinstance(node, ast.FunctionDef)
            title = node.name.removeprefix("test_").replace("_", " ")
            yield from ((title, str(ast.literal_eval(code))) for code in call.args)


PAGES = {
    "docs/reference/commands.md": commands,
    "docs/reference/rules.md": rules,
    "docs/reference/faults.md": faults,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or look whether they are as they would be written."""
    stale = []
    for name, make in PAGES.items():
        path, text = ROOT / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in arguments:
            stale.append(name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")  # noqa: T201 - it is a program
    for name in stale:
        print(f"error: {name} is stale\nhint: make docs", file=sys.stderr)  # noqa: T201
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
