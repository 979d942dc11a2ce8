"""Definitions put together here of the numbers that the server keeps, where it would look up each name.

What `pg_get_constraintdef` and its like say of a key, of a foreign key, or of an index on columns, is
little more than names of columns, which are read in any case. To name the columns of an expression,
the server loads its table, with all that belongs to it: it is told to name them like those of a table
of its own that it has loaded, the stand-in, and they get their names here. What is in doubt is asked
for again, and the server says it all.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Row = tuple[Any, ...]

COMPOSED = ("constraint", "index", "policy")
"""The questions whose answers are completed here. What it takes stands behind their attributes."""
NEEDED = frozenset({"words.sql", "relations.sql", "column"})
"""The questions whose answers it takes."""
INDEXED_AS = "indexed_as"
"""The column of `column` that is there for indexes alone."""

_BEGIN = "stand_in"
"""The first column of an answer that is no attribute."""
_STAND_IN = "pg_index"

_SAFE = re.compile(r"[a-z_][a-z0-9_]*\Z")
_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
# What a column is never behind: a schema, "::", or a word that a name of something else follows.
_NOT_BEHIND = re.compile(r"(?:[.:]|\b(?:COLLATE|NAME|AS|RETURNING) |EXTRACT\()\Z")
# Nor what is never behind a column: what belongs to a schema, arguments, or one argument by name.
_NOT_BEFORE = re.compile(r"[.(]| =>")

_ACTIONS = ("", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT")
_DIRECTIONS = {"0": "", "1": " DESC NULLS LAST", "2": " NULLS FIRST", "3": " DESC"}
_VARCHAR, _TEXT = "1043", "25"
_OTHERS = (25, 2277, 3500)
"""text, anyarray and anyenum, whose classes other types have by default, too."""


class _DoubtError(Exception):
    """Only the server can say it."""


class _Names(dict[str, str]):
    """Names as the server writes them: in double quotes where it would."""

    def __init__(self, keywords: Iterable[str]) -> None:
        super().__init__()
        self._keywords = frozenset(keywords)

    def __missing__(self, name: str) -> str:
        bare = _SAFE.match(name) and name not in self._keywords
        found = self[name] = name if bare else '"' + name.replace('"', '""') + '"'
        return found


class _Template(NamedTuple):
    """A text with the numbers of the columns that are named in it."""

    text: str
    numbers: tuple[int, ...]


class Composer:
    """What completes answers: made of the words of the server, the relations, and the columns.

    Those are the names and the rows of an answer. There are many rows: what is the same in many of them is thought out once.
    """

    def __init__(
        self,
        words: Iterable[Row],
        relations: Iterable[Row],
        columns: tuple[Sequence[str], list[Row]],
    ) -> None:
        known: dict[str, list[Row]] = {}
        for what, *word in words:
            known.setdefault(what, []).append(tuple(word))
        self._quoted = _Names(name for name, _, _ in known["keyword"])
        self._stand_ins = {name: number for name, number, _ in known["column"]}
        self._tokens = re.compile(rf"{_QUOTED}|\b(?:{'|'.join((_STAND_IN, *self._stand_ins))})\b")
        self._classes = {str(number): (name, kind) for name, number, kind in known["class"]}
        self._usual = "default of somebody's" not in known
        quoted = self._quoted
        self._tables = {n: f"{quoted[schema]}.{quoted[name]}" for n, _, schema, name in relations}
        # What is in pg_catalog is on the search_path: its schema goes without saying.
        self._visible = {n: t.removeprefix("pg_catalog.") for n, t in self._tables.items()}
        names, rows = columns
        self._columns: dict[int, dict[int, str]] = {}
        self._indexed: dict[int, dict[int, int]] = {}
        at = itemgetter(*map(names.index, ("under", "objsubid", "name", INDEXED_AS)))
        last = 0
        called: dict[int, str] = {}
        kinds: dict[int, int] = {}
        for relation, number, name, indexed in map(at, rows):
            if relation != last:  # mostly they come together
                last = relation
                called = self._columns.setdefault(relation, {})
                kinds = self._indexed.setdefault(relation, {})
            called[number] = quoted[name]
            kinds[number] = indexed
        self._templates: dict[str, _Template | None] = {}
        self._numbers: dict[str, tuple[int, ...]] = {}
        self._shapes: dict[Row, tuple[tuple[int, ...], dict[tuple[int, ...], _Template]]] = {}

    def complete(
        self, name: str, names: list[str], rows: list[Row]
    ) -> tuple[list[str], list[Row], list[int]]:
        """An answer with its definitions and without what they are made of; which are in doubt."""
        begin = names.index(_BEGIN)
        makers: dict[str, tuple[tuple[str, ...], Callable[[int, Row, Row], Row | None]]] = {
            "constraint": (("definition",), self._constraint),
            "index": (("definition", "predicate"), self._index),
            "policy": (("using_expression", "check_expression"), self._policy),
        }
        texts, make = makers[name]
        first = names.index(texts[0])
        last = first + len(texts)  # they stand side by side
        assert tuple(names[first:last]) == texts
        under, number_at = names.index("under"), names.index("objid")
        found: list[Row] = []
        doubtful: list[int] = []
        for row in rows:
            try:
                told = make(row[under], row[first:last], row[begin:])
            except (_DoubtError, KeyError):  # what has no name here is the system's own
                doubtful.append(row[number_at])
                told = None
            found.append(row[:begin] if told is None else row[:first] + told + row[last:begin])
        return names[:begin], found, doubtful

    def _list(self, relation: int, numbers: str) -> str:
        """The names of columns, of which an array tells the numbers."""
        known = self._numbers.get(numbers)
        if known is None:
            known = self._numbers[numbers] = tuple(map(int, numbers[1:-1].split(",")))
        columns = self._columns[relation]
        if len(known) == 1:
            return columns[known[0]]
        return ", ".join([columns[number] for number in known])

    def _constraint(self, relation: int, told: Row, more: Row) -> Row | None:
        stand_in, word, key, refers_to, refers_key, rules = more
        if stand_in:
            return (self._renamed(told[0], relation),)
        if key is None:
            return None
        text = f"{word} ({self._list(relation, key)})"
        if refers_to is not None:
            table = self._visible[refers_to]
            text = f"{text} REFERENCES {table}({self._list(refers_to, refers_key)})"
        return (text + self._rules(rules) if rules else text,)

    @staticmethod
    def _rules(rules: int) -> str:
        text = " MATCH FULL" if rules & 4 else ""
        if updated := rules >> 3 & 7:
            text += f" ON UPDATE {_ACTIONS[updated]}"
        if deleted := rules >> 6 & 7:
            text += f" ON DELETE {_ACTIONS[deleted]}"
        if rules & 1:
            text += " DEFERRABLE"
        if rules & 2:
            text += " INITIALLY DEFERRED"
        return text

    def _policy(self, relation: int, told: Row, more: Row) -> Row | None:
        if not more[0]:
            return None
        using, check = told
        shown = using and self._renamed(using, relation)
        return shown, shown if check == using else check and self._renamed(check, relation)

    def _index(self, relation: int, told: Row, more: Row) -> Row | None:
        shape, name = more[:-1], more[-1]
        if shape[1] is None:
            return None
        known = self._shapes.get(shape)
        if known is None:
            numbers = tuple(n for n in map(int, shape[1].split()) if n)
            known = self._shapes[shape] = numbers, {}
        numbers, ways = known
        kinds = self._indexed[relation]
        indexed = tuple([kinds[number] for number in numbers])
        template = ways.get(indexed)
        if template is None:
            template = ways[indexed] = self._indexing(
                shape, dict(zip(numbers, indexed, strict=True))
            )
        columns = self._columns[relation]
        named = [columns[number] for number in template.numbers]
        text = template.text % (self._quoted[name], self._tables[relation], *named)
        predicate = told[1]
        return text, self._renamed(predicate, relation) if predicate and shape[0] else predicate

    def _indexing(self, shape: Row, indexed: dict[int, int]) -> _Template:
        """How to make an index, but for its name, its table's, and its columns'."""
        stand_in, keys, classes, collations, directions, count, expression, called, *rest = shape
        rules, method = rest
        each = zip(classes.split(), collations.split(), directions.split(), strict=True)
        all_numbers = list(map(int, keys.split()))
        numbers: list[int] = []
        said: list[str] = []
        for number, how in zip(all_numbers, each, strict=False):  # what is included has none
            if number:
                text, kind = "%s", indexed[number]
                numbers.append(number)
            else:
                template = (
                    self._template(expression) if stand_in else _Template(_bare(expression), ())
                )
                if template is None:
                    raise _DoubtError
                text = template.text
                numbers += template.numbers
                words = called.split(" ")
                kind = int(words[12]) << 32 | int(_TEXT if words[4] == _VARCHAR else words[4])
            said.append(text + _bare(self._how(*how, kind)))
        text = (
            f"CREATE {'UNIQUE ' if rules & 1 else ''}INDEX %s"
            f" ON {'ONLY ' if rules & 4 else ''}%s USING {method} ({', '.join(said)})"
        )
        if included := all_numbers[count:]:
            numbers += included
            text += f" INCLUDE ({', '.join('%s' for _ in included)})"
        if rules & 2:
            text += " NULLS NOT DISTINCT"
        return _Template(text, tuple(numbers))

    def _how(self, of_class: str, collation: str, direction: str, indexed: int) -> str:
        """What is said of a key of an index, behind its column."""
        own, kind = divmod(indexed, 1 << 32)
        name, default_of = self._classes[of_class]
        if default_of and (default_of != kind or (kind in _OTHERS and not self._usual)):
            raise _DoubtError  # it may be this type's default nevertheless
        collated = "" if collation in ("0", str(own)) else ' COLLATE "default"'
        return collated + ("" if default_of else f" {name}") + _DIRECTIONS[direction]

    def _renamed(self, text: str, relation: int) -> str:
        """The text with the names of the relation's columns in place of the stand-in's."""
        if text in self._templates:
            template = self._templates[text]
        else:
            template = self._templates[text] = self._template(text)
        if template is None:
            raise _DoubtError
        columns = self._columns[relation]
        return template.text % tuple([columns[number] for number in template.numbers])

    def _template(self, text: str) -> _Template | None:
        """None where something else may have the names of the stand-in's columns."""
        parts: list[str] = []
        numbers: list[int] = []
        end = 0
        for token in self._tokens.finditer(text):
            word, start = token.group(), token.start()
            if word[0] in "'\"":
                continue
            if (
                word == _STAND_IN
                or _NOT_BEHIND.search(text, max(0, start - 12), start)
                or _NOT_BEFORE.match(text, token.end())
            ):
                return None
            parts.append(_bare(text[end:start]))
            numbers.append(self._stand_ins[word])
            end = token.end()
        parts.append(_bare(text[end:]))
        return _Template("%s".join(parts), tuple(numbers))


def _bare(text: str) -> str:
    """As it stands in a template."""
    return text.replace("%", "%%")
