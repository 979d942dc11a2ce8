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


_How = tuple[str, str, str]
"""A key's operator class, collation and direction, in numbers."""


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
        self._relations = {number: (schema, name) for number, _, schema, name in relations}
        names, rows = columns
        numbers = list(map(itemgetter(names.index("under"), names.index("objsubid")), rows))
        called = map(itemgetter(names.index("name")), rows)
        self._columns: dict[tuple[int, int], str] = dict(
            zip(numbers, map(self._quoted.__getitem__, called), strict=True)
        )
        indexed = map(itemgetter(names.index(INDEXED_AS)), rows)
        self._indexed: dict[tuple[int, int], int] = dict(zip(numbers, indexed, strict=True))
        self._templates: dict[str, _Template | None] = {}
        self._numbers: dict[str, tuple[int, ...]] = {}
        self._shapes: dict[tuple[str, ...], tuple[tuple[int, ...], tuple[_How, ...]]] = {}
        self._said: dict[tuple[_How, int], str] = {}

    def complete(
        self, name: str, names: list[str], rows: list[Row]
    ) -> tuple[list[str], list[Row], list[int]]:
        """An answer with its definitions and without what they are made of; which are in doubt."""
        begin = names.index(_BEGIN)
        makers: dict[str, tuple[tuple[str, ...], Callable[..., tuple[str | None, ...] | None]]] = {
            "constraint": (("definition",), self._constraint),
            "index": (("definition", "predicate"), self._index),
            "policy": (("using_expression", "check_expression"), self._policy),
        }
        texts, make = makers[name]
        first = names.index(texts[0])
        last = first + len(texts)  # they stand side by side
        assert tuple(names[first:last]) == texts
        parts = itemgetter(*map(names.index, ("under", *texts, *names[begin:])))
        found: list[Row] = []
        doubtful: list[int] = []
        number_at = names.index("objid")
        for row in rows:
            try:
                told = make(*parts(row))
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
        columns = self._columns
        if len(known) == 1:
            return columns[relation, known[0]]
        return ", ".join([columns[relation, number] for number in known])

    def _constraint(
        self,
        relation: int,
        definition: str | None,
        stand_in: bool,
        word: str,
        key: str | None,
        refers_to: int | None,
        refers_key: str,
        rules: int,
    ) -> tuple[str | None, ...] | None:
        if stand_in and definition:
            return (self._renamed(definition, relation),)
        if key is None:
            return None
        text = f"{word} ({self._list(relation, key)})"
        if refers_to is not None:
            text += f" REFERENCES {self._visible(refers_to)}({self._list(refers_to, refers_key)})"
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

    def _visible(self, relation: int) -> str:
        schema, name = self._relations[relation]
        if schema == "pg_catalog":  # it is on the search_path
            return self._quoted[name]
        return f"{self._quoted[schema]}.{self._quoted[name]}"

    def _policy(
        self, relation: int, using: str | None, check: str | None, stand_in: bool
    ) -> tuple[str | None, ...] | None:
        if not stand_in:
            return None
        shown = using and self._renamed(using, relation)
        return shown, shown if check == using else check and self._renamed(check, relation)

    def _index(
        self,
        relation: int,
        definition: str | None,
        predicate: str | None,
        stand_in: bool,
        name: str,
        keys: str | None,
        classes: str,
        collations: str,
        directions: str,
        key_count: int,
        expression: str | None,
        called: str | None,
        rules: int,
        method: str,
    ) -> tuple[str | None, ...] | None:
        if keys is None:
            return None
        shape = keys, classes, collations, directions
        known = self._shapes.get(shape)
        if known is None:
            numbers = tuple(map(int, keys.split()))
            each = zip(classes.split(), collations.split(), directions.split(), strict=True)
            known = self._shapes[shape] = numbers, tuple(each)
        numbers, hows = known
        said: list[str] = []
        for number, how in zip(numbers, hows, strict=False):  # what is included has none
            if number:
                text, indexed = self._columns[relation, number], self._indexed[relation, number]
            else:
                assert expression is not None
                assert called is not None
                text = self._renamed(expression, relation) if stand_in else expression
                words = called.split(" ")
                kind = _TEXT if words[4] == _VARCHAR else words[4]
                indexed = (int(words[12]) << 32) + int(kind)
            more = self._said.get((how, indexed))
            if more is None:
                more = self._said[how, indexed] = self._how(*how, indexed)
            said.append(text + more if more else text)
        schema, table = self._relations[relation]
        quoted = self._quoted
        definition = (
            f"CREATE {'UNIQUE ' if rules & 1 else ''}INDEX {quoted[name]}"
            f" ON {'ONLY ' if rules & 4 else ''}{quoted[schema]}.{quoted[table]}"
            f" USING {method} ({', '.join(said)})"
        )
        if len(numbers) > key_count:
            others = [self._columns[relation, number] for number in numbers[key_count:]]
            definition += f" INCLUDE ({', '.join(others)})"
        if rules & 2:
            definition += " NULLS NOT DISTINCT"
        if predicate and stand_in:
            predicate = self._renamed(predicate, relation)
        return definition, predicate

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
        columns = self._columns
        return template.text % tuple([columns[relation, number] for number in template.numbers])

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
            parts.append(text[end:start].replace("%", "%%"))
            numbers.append(self._stand_ins[word])
            end = token.end()
        parts.append(text[end:].replace("%", "%%"))
        return _Template("%s".join(parts), tuple(numbers))
