"""What comments in ddl/ say of the way there: `-- ringfence: renamed-from old_name`, and
`-- ringfence: filled-with EXPRESSION` of a column.

Such a line stands above the statement that makes the object. Within a CREATE TABLE or CREATE TYPE it
stands above the line of a column, constraint, attribute or value, or at that line's end.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringfence.errors import BadProject
from ringfence.script import BESIDE, in_block, meant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ringfence.errors import Span
    from ringfence.script import Script, Statement, Token

_SPEAKS = re.compile(r"ringfence\s*:", re.IGNORECASE)
_SAID = re.compile(
    r"--\s*ringfence\s*:\s*(?P<key>[\w-]+)\s*:?\s*(?P<value>.*?)\s*\Z", re.IGNORECASE
)
_NAME = re.compile(r'"(?:[^"]|"")+"|[^\W\d][\w$]*')

# The words after CREATE → the kinds of objects that may come of it.
_MADE = {
    ("FOREIGN", "DATA", "WRAPPER"): ("foreign_data_wrapper",),
    ("TEXT", "SEARCH", "CONFIGURATION"): ("text_search_configuration",),
    ("TEXT", "SEARCH", "DICTIONARY"): ("text_search_dictionary",),
    ("TEXT", "SEARCH", "PARSER"): ("text_search_parser",),
    ("TEXT", "SEARCH", "TEMPLATE"): ("text_search_template",),
    ("FOREIGN", "TABLE"): ("foreign_table",),
    ("MATERIALIZED", "VIEW"): ("materialized_view",),
    ("EVENT", "TRIGGER"): ("event_trigger",),
    ("OPERATOR", "CLASS"): ("operator_class",),
    ("OPERATOR", "FAMILY"): ("operator_family",),
    ("TABLE",): ("table",),
    ("VIEW",): ("view",),
    ("SEQUENCE",): ("sequence",),
    ("INDEX",): ("index",),
    ("FUNCTION",): ("routine",),
    ("PROCEDURE",): ("routine",),
    ("AGGREGATE",): ("aggregate",),
    ("TYPE",): ("enum", "composite_type", "range_type", "base_type"),
    ("DOMAIN",): ("domain",),
    ("SCHEMA",): ("schema",),
    ("TRIGGER",): ("trigger",),
    ("POLICY",): ("policy",),
    ("RULE",): ("rule",),
    ("STATISTICS",): ("statistics",),
    ("COLLATION",): ("collation",),
    ("CONVERSION",): ("conversion",),
    ("PUBLICATION",): ("publication",),
    ("SUBSCRIPTION",): ("subscription",),
    ("SERVER",): ("server",),
    ("LANGUAGE",): ("language",),
    ("ROLE",): ("role",),
}
_BEFORE = {
    "OR", "REPLACE", "GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED", "RECURSIVE", "UNIQUE",
    "CONSTRAINT", "TRUSTED", "PROCEDURAL", "DEFAULT",
}  # fmt: skip
_BETWEEN = {"CONCURRENTLY", "IF", "NOT", "EXISTS", "ONLY"}
_NAMELESS = {"CHECK", "UNIQUE", "PRIMARY", "FOREIGN", "EXCLUDE", "LIKE", "NOT"}


@dataclass(frozen=True, slots=True)
class Hint:
    """One hint: what the object is (any of `kinds`), as its file names it, and what it was called.

    `name` may lack its schema; `on` is the table, domain or type that it belongs to, if any.
    `arguments` are a routine's, as the file has them, those that it only returns left out.
    """

    kinds: tuple[str, ...]
    name: tuple[str, ...]
    on: tuple[str, ...]
    old: tuple[str, ...]
    span: Span
    arguments: tuple[str, ...] | None = None

    def takes(self, signature: str) -> bool:
        """Whether a routine of the signature `(integer, text)` may be the one that is made here."""
        types = [t.strip() for t in _types(signature)]
        return self.arguments is None or (
            len(types) == len(self.arguments) and all(map(_may_be, self.arguments, types))
        )


@dataclass(frozen=True, slots=True)
class Filling:
    """What rows that are there get in a column, as its file names that: `on` is its table."""

    name: tuple[str, ...]
    on: tuple[str, ...]
    expression: str
    span: Span


def hints(scripts: Iterable[Script]) -> Iterator[Hint]:
    """Every hint in some files.

    Raises `BadProject` on one that is on nothing that has a name, and on what is like none but nearly.
    """
    for script in scripts:
        if _SPEAKS.search(script.text):
            yield from _File(script).hints()


def fillings(scripts: Iterable[Script]) -> Iterator[Filling]:
    """Every filled-with in some files. Raises `BadProject` on one that is on no column."""
    for script in scripts:
        if _SPEAKS.search(script.text):
            yield from _File(script).fillings()


class _File:
    def __init__(self, script: Script) -> None:
        self.script = script
        self.tokens = script.tokens()
        self.plain = [t for t in self.tokens if not t.text.startswith(("--", "/*"))]
        self.starts = [t.start for t in self.plain]

    def hints(self) -> Iterator[Hint]:
        for token, key, value in self._said():
            span = self.script.span(token.start)
            if key not in BESIDE and (near := meant(key)) in BESIDE:
                raise BadProject(f"unknown word {key}", span=span, hint=f"did you mean {near}?")
            if key != "renamed-from":
                continue
            what = self._on(token.start)
            if what is None:
                raise BadProject(
                    "renamed-from stands by nothing that has a name",
                    span=span,
                    hint="write it above the statement, or by the column, constraint or value",
                )
            kinds, name, on = what
            takes = self._arguments(token.start) if kinds[0] in ("routine", "aggregate") else None
            yield Hint(kinds, name, on, _old(value, kinds, span), span, takes)

    def fillings(self) -> Iterator[Filling]:
        for token, key, value in self._said():
            if key != "filled-with":
                continue
            span = self.script.span(token.start)
            what = self._on(token.start)
            if what is None or what[0] != ("column",):
                raise BadProject(
                    "filled-with stands by no column",
                    span=span,
                    hint="write it above the line of a table's column, or at its end",
                )
            yield Filling(what[1], what[2], value, span)

    def _said(self) -> Iterator[tuple[Token, str, str]]:
        """What comments say to ringfence: a word, and what follows it.

        Raises `BadProject` where a block comment does.
        """
        for token in self.tokens:
            if found := _SAID.match(token.text):
                yield token, found["key"].lower(), found["value"]
            elif token.text.startswith("/*") and (word := in_block(token.text)):
                raise BadProject(
                    f"{word['key']} is said in a block comment, where nothing heeds it",
                    span=self.script.span(token.start + word.start("said")),
                    hint=f"say it behind two dashes: -- {word['said']}",
                )

    def _on(self, at: int) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] | None:
        """What a comment at this offset is about: kinds, name, and what that belongs to."""
        behind = bisect_right(self.starts, at)
        before = self.plain[behind - 1] if behind else None
        if before is not None and "\n" in self.script.text[before.end : at]:
            before = None
        statement = self._statement(before.start if before else at)
        if statement is None:
            return None
        tokens = [
            t
            for t in self.plain
            if statement.start <= t.start < statement.start + len(statement.text)
        ]
        target = _target(tokens)
        if target is None:
            return None
        kinds, name, on, opened = target
        if opened is None or at < opened.start:
            return (kinds, name, on) if name else None
        items = list(_items(tokens, opened))
        if before == opened:
            return kinds, name, on
        for first, last in items:
            if (before is None and first.start > at) or (
                before is not None and first.start <= before.start <= last.end
            ):
                return _part(first, tokens, kinds, name)
        if before is None or before.text not in (")", ";"):
            return None
        if items and self._ends_on_the_line(opened, items[-1][1], at):
            return _part(items[-1][0], tokens, kinds, name)
        return kinds, name, on

    def _ends_on_the_line(self, opened: Token, last: Token, at: int) -> bool:
        """Whether a list that was opened above ends where the comment stands, and nothing is behind."""
        between = [t.text for t in self.plain if last.end <= t.start < at]
        line = self.script.text.rfind("\n", 0, at)
        return opened.start < line < last.end and between in ([")"], [")", ";"])

    def _arguments(self, at: int) -> tuple[str, ...] | None:
        """What the routine by a comment takes."""
        behind = bisect_right(self.starts, at)
        statement = self._statement(at)
        if statement is None or not statement.text.upper().startswith("CREATE"):
            statement = self._statement(self.starts[behind - 1]) if behind else None
        if statement is None:
            return None
        end = statement.start + len(statement.text)
        tokens = [t for t in self.plain if statement.start <= t.start < end]
        opened = next((t for t in tokens if t.text == "("), None)
        if opened is None:
            return None
        found = (_argument(t, tokens) for t in _items(tokens, opened))
        return tuple(text for text in found if text is not None)

    def _statement(self, at: int) -> Statement | None:
        """The one that holds this offset, or the next."""
        for statement in self.script.statements:
            end = statement.start + len(statement.text)
            if at < end or (at == end and self.script.text[end : end + 1] == ";"):
                return statement
        return None


def _target(
    tokens: Sequence[Token],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], Token | None] | None:
    """Kinds, name, what it belongs to, and where the list of its parts opens."""
    words = [t.text.upper() for t in tokens]
    if words[:1] == ["ALTER"]:
        return _added(tokens, words)
    if words[:1] != ["CREATE"]:
        return None
    at = 1
    while words[at : at + 1] and words[at] in _BEFORE:
        at += 1
    for length in (3, 2, 1):
        kinds = _MADE.get(tuple(words[at : at + length]))
        if kinds is not None:
            break
    else:
        return None
    at += length
    while words[at : at + 1] and words[at] in _BETWEEN:
        at += 1
    name, at = _read(tokens, at)
    on: tuple[str, ...] = ()
    if kinds[0] in ("trigger", "policy", "rule", "index"):
        word = "TO" if kinds[0] == "rule" else "ON"
        if word not in words[at:]:
            return None
        at = words.index(word, at) + 1
        at += words[at : at + 1] == ["ONLY"]
        on, at = _read(tokens, at)
        return kinds, name, on, None
    opened = None
    if kinds[0] in ("table", "foreign_table", "enum"):
        opened = next((t for t in tokens[at:] if t.text == "("), None)
    return kinds, name, on, opened


def _added(
    tokens: Sequence[Token], words: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], Token | None] | None:
    """The same of ALTER … ADD."""
    at = 2 + (words[1:3] == ["FOREIGN", "TABLE"])
    what = words[at - 1] if len(words) >= at else ""
    while words[at : at + 1] and words[at] in _BETWEEN:
        at += 1
    on, at = _read(tokens, at)
    if words[at : at + 1] != ["ADD"]:
        return None
    at += 1
    kind = {"TABLE": "column", "DOMAIN": "domain_constraint", "TYPE": "attribute"}.get(what)
    if kind is None:
        return None
    if words[at : at + 1] == ["CONSTRAINT"]:
        kind, at = "constraint" if what == "TABLE" else "domain_constraint", at + 1
    elif words[at : at + 1] == ["VALUE"]:
        kind, at = "enum_value", at + 1
    elif words[at : at + 1] in (["COLUMN"], ["ATTRIBUTE"]):
        at += 1
    elif what != "TABLE" or (words[at : at + 1] and words[at] in _NAMELESS):
        return None
    while words[at : at + 1] and words[at] in _BETWEEN:
        at += 1
    if kind == "enum_value" and at < len(tokens):
        return (kind,), (_string(tokens[at].text),), on, None
    name, _ = _read(tokens, at)
    return (kind,), name[-1:], on, None


def _items(tokens: Sequence[Token], opened: Token) -> Iterator[tuple[Token, Token]]:
    """The first and last token (its comma is one) of each item of a list."""
    depth = 1
    item: list[Token] = []
    for token in tokens[tokens.index(opened) + 1 :]:
        if token.text in (")", "]"):
            depth -= 1
            if depth == 0:
                break
        elif token.text in ("(", "["):
            depth += 1
        item.append(token)
        if token.text == "," and depth == 1:
            yield item[0], token
            item = []
    if item:
        yield item[0], item[-1]


def _part(
    first: Token, tokens: Sequence[Token], kinds: tuple[str, ...], name: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] | None:
    """What an item of a list makes."""
    if first.text[:1] in ("'", "E", "e") and first.text.endswith("'"):
        return ("enum_value",), (_string(first.text),), name
    if first.text.upper() == "CONSTRAINT":
        own, _ = _read(tokens, tokens.index(first) + 1)
        return ("constraint",), own, name
    if first.text.upper() in _NAMELESS or not first.word:
        return None
    own, _ = _read(tokens, tokens.index(first))
    return ("attribute" if "enum" in kinds else "column",), own, name


def _argument(item: tuple[Token, Token], tokens: Sequence[Token]) -> str | None:
    """An argument's name, if it has one, and type; None for one that is only returned."""
    first, last = (tokens.index(t) for t in item)
    its = tokens[first : last + (item[1].text != ",")]
    words = [t.text.upper() for t in its]
    if words[0] == "OUT":
        return None
    its = its[words[0] in ("IN", "INOUT", "VARIADIC") :]
    text = ""
    for place, token in enumerate(its):
        if token.text.upper() == "DEFAULT" or token.text in ("=", ":="):
            break
        apart = place > 0 and token.word and its[place - 1].text != "."
        text += (" " if apart else "") + (_plain(token.text) if token.word else token.text)
    return _LENGTH.sub("", text)


_LENGTH = re.compile(r"\([^()]*\)")

# What people write → what the server says.
_SHORT = {
    "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean",
    "varchar": "character varying", "char": "character", "decimal": "numeric", "dec": "numeric",
    "float": "double precision", "float8": "double precision", "float4": "real", "varbit": "bit varying",
    "timestamptz": "timestamp with time zone", "timetz": "time with time zone",
    "timestamp": "timestamp without time zone", "time": "time without time zone",
}  # fmt: skip


def _may_be(written: str, said: str) -> bool:
    """Whether a type, after a name or not and with its schema or not, is what the server says."""
    said = said.replace('"', "")
    suffix = said[len(said.rstrip("[]")) :]
    array = written[len(written.rstrip("[]")) :]
    if bool(suffix) != bool(array):
        return False
    kind, text = said.removesuffix(suffix), written.removesuffix(array)
    forms = {kind, kind.rpartition(".")[2], *(k for k, v in _SHORT.items() if v == kind)}
    return any(f" {text}".endswith((f" {form}", f".{form}")) for form in forms)


def _types(signature: str) -> Iterator[str]:
    """What stands between the commas of `(integer, text)`, outside of quotes."""
    inner = signature.removeprefix("(").removesuffix(")")
    if inner:
        yield from (m[0] for m in _TYPE.finditer(inner))


_TYPE = re.compile(r'(?:"(?:[^"]|"")*"|[^,"])+')


def _read(tokens: Sequence[Token], at: int) -> tuple[tuple[str, ...], int]:
    """A name with its schema, if it is there, and where it ends."""
    parts: list[str] = []
    while at < len(tokens) and tokens[at].word:
        parts.append(_plain(tokens[at].text))
        at += 1
        if at >= len(tokens) or tokens[at].text != ".":
            break
        at += 1
    return tuple(parts), at


def _plain(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text.lower()


def _string(text: str) -> str:
    return text[text.index("'") + 1 : -1].replace("''", "'")


def _old(text: str, kinds: tuple[str, ...], span: Span) -> tuple[str, ...]:
    """The old name. Raises `BadProject` where there is none."""
    if len(text) > 2 and text[0] == text[-1] == "'":
        return (_string(text),)
    label = "enum_value" in kinds
    if label and re.fullmatch(r"[\w$]+", text):
        return (text,)  # a string in SQL, whose capitals are what they are
    parts: list[str] = []
    at = 0
    while match := _NAME.match(text, at):
        parts.append(_plain(match[0]))
        at = match.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    if not parts or text[at:].strip():
        raise BadProject(
            f"renamed-from has no name: {text!r}" if text else "renamed-from has no name",
            span=span,
            hint="write one as in SQL: -- ringfence: renamed-from "
            + ("'old value'" if label else 'old_name, or "Old Name"'),
        )
    return tuple(parts)
