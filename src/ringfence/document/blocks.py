"""What a page is made of, and how it reads as Markdown and as HTML."""

from __future__ import annotations

import html as escaping
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 heads a page. `anchor` is what links to it name."""

    level: int
    text: str
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head. A cell that begins with a backtick is code to its end."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Lines as they are, in a language; `mermaid` is drawn where the reader can."""

    language: str
    text: str


Block = Heading | Text | Table | Code


def code(text: str) -> str:
    """A cell, or a part of a text, that is code."""
    return f"`{text}"


# Markdown -----------------------------------------------------------------------------------------


def markdown(blocks: Sequence[Block], made: str) -> str:
    """A page as Markdown that GitHub and GitLab show alike."""
    return "\n\n".join([f"<!-- {made} -->", *map(_markdown, blocks)]) + "\n"


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {_plain(block.text)}"
    if isinstance(block, Text):
        return _plain(block.text)
    if isinstance(block, Code):
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block.text)), default=0))
        return f"{fence}{block.language}\n{block.text}\n{fence}"
    lines = [block.head, tuple("---" for _ in block.head), *block.rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    if not text.startswith("`"):
        return _plain(text)
    inner = " ".join(text[1:].split()).replace("|", "\\|")
    ticks = "`" * (1 + max(map(len, re.findall("`+", inner)), default=0))
    space = " " if "`" in inner else ""
    return f"{ticks}{space}{inner}{space}{ticks}" if inner else ""


def _plain(text: str) -> str:
    """Text that means nothing to Markdown or HTML, on one line."""
    text = " ".join(text.split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]|#~@])", r"\\\1", text)


# HTML ---------------------------------------------------------------------------------------------

_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { border: 1px solid #ccc; padding: .2rem .6rem;
text-align: left; vertical-align: top; } pre { background: #f5f5f5; padding: .7rem; overflow-x: auto; }
h2 { border-top: 2px solid #333; margin-top: 3rem; } code { font-size: 90%; }"""


def html(blocks: Sequence[Block], made: str) -> str:
    """All of it on one page that needs nothing else; a diagram is there as its source."""
    title = next((b.text for b in blocks if isinstance(b, Heading)), "Schema")
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        f"<head><meta charset='utf-8'><title>{_e(title)}</title>",
        f"<style>\n{_STYLE}\n</style></head>",
        f"<body>\n<!-- {made} -->",
        *_contents(blocks),
        *(line for block in blocks for line in _html(block)),
        "</body>\n</html>",
    ]
    return "\n".join(lines) + "\n"


def _contents(blocks: Sequence[Block]) -> Iterator[str]:
    yield "<nav><ul>"
    for block in blocks:
        if isinstance(block, Heading) and block.anchor:
            yield f'<li><a href="#{_e(block.anchor)}">{_e(block.text)}</a></li>'
    yield "</ul></nav>"


def _html(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        anchor = f' id="{_e(block.anchor)}"' if block.anchor else ""
        yield f"<h{block.level}{anchor}>{_e(block.text)}</h{block.level}>"
    elif isinstance(block, Text):
        yield f"<p>{_e(block.text)}</p>"
    elif isinstance(block, Code):
        yield f'<pre class="{_e(block.language)}">{_e(block.text)}</pre>'
    else:
        yield "<table>"
        yield f"<tr>{''.join(f'<th>{_e(h)}</th>' for h in block.head)}</tr>"
        for row in block.rows:
            yield f"<tr>{''.join(f'<td>{_html_cell(c)}</td>' for c in row)}</tr>"
        yield "</table>"


def _html_cell(text: str) -> str:
    return f"<code>{_e(text[1:])}</code>" if text.startswith("`") else _e(text)


def _e(text: str) -> str:
    return escaping.escape(text, quote=True)
