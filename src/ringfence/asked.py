"""The renames that somebody asks for: by a hint in ddl/, or by `--rename KIND:OLD=NEW`.

PostgreSQL itself says what else follows: the renames are run on a clone of FROM, and what the clone
holds then is what the rest of the plan begins with. One that was made already asks for nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ringfence.change import Change, Rename
from ringfence.errors import BadProject, Misuse
from ringfence.hints import hints
from ringfence.kinds import kind_of, kinds
from ringfence.kinds._sql import ident
from ringfence.model import Catalog, Fact, Ref
from ringfence.renames import ENUM_VALUE, steps
from ringfence.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ringfence.errors import Span
    from ringfence.hints import Hint
    from ringfence.script import Script

# What people call kinds beside their names here.
_WORDS = {
    "type": ("enum", "composite_type", "range_type", "base_type", "domain"),
    "function": ("routine", "aggregate"),
    "procedure": ("routine",),
    "constraint": ("constraint", "domain_constraint"),
    "table": ("table", "foreign_table"),
    "view": ("view", "materialized_view"),
    "column": ("column", "attribute"),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """That what is called `old` be called `new`. `span`: the hint, where it is one."""

    old: Ref
    new: Ref
    span: Span | None = None

    @property
    def option(self) -> str:
        """As one would type it."""
        return f"--rename '{self.old.kind}:{self.old.path}={self.new.path}'"


@dataclass(frozen=True, slots=True)
class Renamed:
    """What came of asking: the catalog after the renames, their steps, and what to tell."""

    catalog: Catalog
    renames: tuple[Rename, ...] = ()
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()


def settle(
    old: Catalog,
    new: Catalog,
    scripts: Iterable[Script],
    options: Sequence[str],
    run: Callable[[Sequence[Step], Sequence[Rename]], Catalog],
) -> Renamed:
    """Find out what is asked for and not so yet, and run it.

    `run` runs steps on a clone of `old`'s database and returns its catalog. Raises `BadProject` or
    `Misuse` on what cannot be.
    """
    asked: dict[int, list[Wish]] = {0: [], 1: [], 2: []}
    for hint in hints(scripts):
        wish = _hinted(hint, new)
        asked[_depth(wish.new, new)].append(wish)
    said = [_parsed(text) for text in options]
    done: list[Rename] = []
    ran: list[Step] = []
    notes: list[str] = []
    current = old
    for depth, wishes in asked.items():
        for option in tuple(said):
            if _level(option.kinds, current) == depth:
                wishes.append(_named(option, current, new, done))
                said.remove(option)
        todo = list(_due(wishes, current, new, notes))
        if todo:
            made = [*_schemas(todo, current), *steps(todo, current)]
            current = run(made, todo)
            ran += made
            done += todo
    return Renamed(current, tuple(done), tuple(ran), (*notes, *_texts(done, new)))


# Hints


def _hinted(hint: Hint, new: Catalog) -> Wish:
    """The wish that a hint is, with the object's name in full."""
    found = find(hint, new)
    if len(found) > 1:
        found = [r for r in found if r.name[0] == "public"] or found
        found = [r for r in found if hint.takes(r.name[-1])] or found
    if len(found) != 1:
        what = f"{hint.kinds[0].replace('_', ' ')} {'.'.join(hint.on + hint.name)}"
        if found:
            raise BadProject(
                f"renamed-from may be of any of {', '.join(r.path for r in found)}",
                span=hint.span,
                hint="write the name with its schema, or ask by --rename",
            )
        raise BadProject(
            f"renamed-from stands by {what}, which the files do not make", span=hint.span
        )
    ref = found[0]
    own = _own(ref)
    if len(hint.old) == 1:
        name = (*ref.name[:own], hint.old[0], *ref.name[own + 1 :])
    elif len(hint.old) == 2 and own == 1 and _depth(ref, new) == 1:
        name = (*hint.old, *ref.name[2:])
    else:
        raise BadProject(
            f"renamed-from has too many names for {ref.kind.replace('_', ' ')} {ref.path}",
            span=hint.span,
            hint="write the old name alone",
        )
    return Wish(ref._replace(name=name), ref, hint.span)


def find(hint: Hint, new: Catalog) -> list[Ref]:
    """What a hint may be about."""
    kinds_ = hint.kinds
    if kinds_ == (ENUM_VALUE,):
        return [
            Ref(ENUM_VALUE, (*r.name, hint.name[0]))
            for r, f in new.facts.items()
            if r.kind == "enum" and _fits(r.name, hint.on) and hint.name[0] in f.list("labels")
        ]
    if "constraint" in kinds_ and hint.on:
        kinds_ = ("constraint",)
    found = []
    for ref in new.facts:
        if ref.kind not in kinds_:
            continue
        name = ref.name[: _own(ref) + 1]
        if hint.on and ref.kind != "index":
            if name[-1:] == hint.name[-1:] and _fits(name[:-1], hint.on):
                found.append(ref)
        elif _fits(name, hint.name) and (
            len(hint.on) < 2 or ref.kind != "index" or name[0] == hint.on[0]
        ):
            found.append(ref)
    return found


def _fits(name: tuple[str, ...], written: tuple[str, ...]) -> bool:
    """Whether a name may be written so: in full, or without its schema."""
    return bool(written) and name[-len(written) :] == written and len(name) - len(written) < 2


def _own(ref: Ref) -> int:
    """Where in a name the object's own part is."""
    return len(ref.name) - 1 if ref.kind == ENUM_VALUE else kind_of(ref).own % len(ref.name)


def _depth(ref: Ref, catalog: Catalog) -> int:
    """0 for schemas, 1 for what is in them or in none, 2 for parts of that."""
    if ref.kind == "schema":
        return 0
    fact = catalog.facts.get(ref)
    return 1 if fact is not None and fact.parent is None else 2


def _level(names: Sequence[str], catalog: Catalog) -> int:
    """The depth of what is of one of these kinds."""
    if names[0] == "schema":
        return 0
    has_parent = (f.parent is not None for r, f in catalog.facts.items() if r.kind in names)
    return 2 if next(has_parent, True) else 1


def _schemas(renames: Sequence[Rename], catalog: Catalog) -> Iterator[Step]:
    """The schemas that things move to and that are not there yet."""
    moved = {r.new.name[0] for r in renames if r.new.name[0] != r.old.name[0] and r.new.name[1:]}
    for name in sorted(moved):
        schema = Ref("schema", (name,))
        if schema not in catalog.facts:
            yield Step(f"CREATE SCHEMA {ident(name)}", schema, "create")


# Options


@dataclass(frozen=True, slots=True)
class _Option:
    text: str
    kinds: tuple[str, ...]
    old: tuple[str, ...]
    new: tuple[str, ...]


_EQUALS = re.compile(r'((?:"(?:[^"]|"")*"|[^"=])*)=(.*)\Z', re.DOTALL)


def _parsed(text: str) -> _Option:
    """`KIND:OLD=NEW`. Raises `Misuse` on anything else."""
    word, colon, rest = text.partition(":")
    word = word.strip().lower().replace(" ", "_")
    match = _EQUALS.match(rest)
    if not colon or match is None:
        raise Misuse(
            f"--rename {text}: not of the form KIND:OLD=NEW",
            hint="for instance --rename table:app.old=new, or column:app.table.old=new",
        )
    able = [n for n, k in kinds().items() if k.keyword and k.renames and not k.cluster]
    if word in ("role", "user"):
        raise Misuse(
            f"--rename {text}: a role is the whole server's, and no plan for a database renames one",
            hint="ALTER ROLE … RENAME TO … on the server: what it owns and was granted follows it",
        )
    found = _WORDS.get(word) or ((word,) if word in (*able, ENUM_VALUE) else ())
    if not found:
        raise Misuse(
            f"--rename {text}: {word} is nothing that can be renamed",
            hint=f"one of {', '.join(sorted({*able, *_WORDS, ENUM_VALUE}))}",
        )
    try:
        old, new = (Ref.parse(f"x:{part.strip()}").name for part in match.groups())
    except ValueError:
        old = new = ()
    if not old or not new:
        raise Misuse(
            f"--rename {text}: a name in it cannot be read",
            hint='write names as in SQL: lower case, or in double quotes: table:app."Old"=new',
        )
    return _Option(text, found, old, new)


def _named(option: _Option, current: Catalog, new: Catalog, done: Sequence[Rename]) -> Wish:
    """The wish that an option is, with the names of what it is a part of as they are by now."""
    old = option.old
    for rename in done:
        length = len(rename.old.name)
        if (
            len(old) > length
            and old[:length] == rename.old.name
            and (rename.old.kind == "schema" or length > 1)
        ):
            old = (*rename.new.name, *old[length:])
    refs = [Ref(kind, old) for kind in option.kinds]
    found = next((r for r in refs if _there(r, current)), None)
    if found is None and option.kinds[0] in ("routine", "aggregate"):
        overloads = [r for r in current.facts if r.kind in option.kinds and r.name[:-1] == old]
        if len(overloads) > 1:
            raise Misuse(
                f"--rename {option.text}: there are {len(overloads)} of that name",
                hint="say which by its arguments: " + " or ".join(r.path for r in overloads),
            )
        found = overloads[0] if overloads else None
    ref = found or refs[0]
    own = _own(ref)
    if len(option.new) == 1:
        name = (*ref.name[:own], option.new[0], *ref.name[own + 1 :])
    else:
        name = (*option.new, *ref.name[len(option.new) :])
        if len(name) != len(ref.name):
            raise Misuse(
                f"--rename {option.text}: the new name has more parts than the old one",
                hint="write the new name alone: KIND:OLD=NEW",
            )
    wish = Wish(ref, ref._replace(name=name))
    if found is None and not _there(wish.new, current):
        raise Misuse(
            f"--rename {option.text}: FROM has no {option.kinds[0].replace('_', ' ')} {ref.path}",
            hint="write its name with its schema, as FROM has it",
        )
    if not _there(wish.new, new) and not _moves_on(wish.new, new):
        raise Misuse(
            f"--rename {option.text}: TO has no {ref.kind.replace('_', ' ')} {wish.new.path}",
            hint="the new name is the one that TO has",
        )
    return wish


def _moves_on(ref: Ref, new: Catalog) -> bool:  # noqa: ARG001 - a routine's arguments may be renamed
    return ref.kind == "routine"


# What is due


def _there(ref: Ref, catalog: Catalog) -> bool:
    if ref.kind == ENUM_VALUE:
        fact = catalog.facts.get(Ref("enum", ref.name[:-1]))
        return fact is not None and ref.name[-1] in fact.list("labels")
    return ref in catalog.facts


def _due(
    wishes: Sequence[Wish], current: Catalog, new: Catalog, notes: list[str]
) -> Iterator[Rename]:
    """The wishes that are not fulfilled yet. Raises on one that cannot be."""
    left: dict[Ref, Wish] = {}
    both: list[Wish] = []
    for wish in dict.fromkeys(wishes):
        was, is_ = _there(wish.old, current), _there(wish.new, current)
        if was and is_:
            both.append(wish)
        elif was:
            if wish.old in left and left[wish.old].new != wish.new:
                raise _wrong(wish, f"{_called(wish.old)} is to be two things at once")
            left[wish.old] = wish
        elif not is_ and any(r.kind == _of(wish.old.kind) for r in current.facts):
            notes.append(
                f"{wish.span}: there is no {_called(wish.old)} to be renamed to {wish.new.path}"
            )
    # A name that is taken may be given up; among options, in a circle.
    circle = {w.old for w in both if w.span is None} if both else set()
    while True:
        freed = [w for w in both if w.new in left or (w.span is None and w.new in circle)]
        if not freed:
            break
        for wish in freed:
            left[wish.old] = wish
            both.remove(wish)
    for wish in both:
        if wish.span is None or not _there(wish.old, new):
            raise _wrong(wish, f"{_called(wish.old)} and {wish.new.path} are both there")
    notes += _swaps(both)
    for wish in left.values():
        yield Rename(wish.old, wish.new)


def _of(kind: str) -> str:
    """The kind of fact that tells of it."""
    return "enum" if kind == ENUM_VALUE else kind


def _swaps(both: Sequence[Wish]) -> Iterator[str]:
    """Of hints that things change places: nobody can tell whether they did already."""
    olds, news = {w.old for w in both}, {w.new for w in both}
    for wish in both:
        if wish.new in olds and wish.old in news:
            yield (
                f"{wish.span}: not renamed: {_called(wish.old)} and {wish.new.path} are both there;"
                f" to let them change places, {wish.option}"
            )


def _wrong(wish: Wish, message: str) -> BadProject | Misuse:
    hint = "drop one of them in a plan of its own, or take the hint away"
    if wish.span is None:
        return Misuse(f"{wish.option}: {message}", hint="drop one of them in a plan of its own")
    return BadProject(f"renamed-from: {message}", span=wish.span, hint=hint)


def _called(ref: Ref) -> str:
    return f"{ref.kind.replace('_', ' ')} {ref.path}"


def back(renames: Sequence[Rename], there: Sequence[Step], catalog: Catalog) -> Iterator[Step]:
    """The steps that undo those that led `there`; `catalog` is the one that they led to."""
    turned = [Rename(r.new, r.old) for r in renames]
    for depth in (2, 1, 0):
        yield from steps([r for r in turned if _depth(r.old, catalog) == depth], catalog)
    for step in there:
        if step.verb == "create":
            yield Step(f"DROP SCHEMA {ident(step.ref.name[0])}", step.ref, "drop")


def merged(old: Catalog, before: Catalog, after: Catalog, renames: Sequence[Rename]) -> Catalog:
    """`old` with what the renames changed from `before` to `after`, the same on a clone of it.

    Where a clone is not quite the original, what the renames leave is left as it was.
    """
    was = _led(before, renames)
    facts: dict[Ref, Fact] = {}
    for ref, fact in after.facts.items():
        there = was.get(ref)
        here = old.facts.get(there.ref) if there is not None else None
        if there is None or here is None or here.attrs == there.attrs:
            facts[ref] = fact
            continue
        attrs = {
            key: fact[key] if here[key] == there[key] or there[key] != fact[key] else here[key]
            for key in {**fact.attrs, **here.attrs}
        }
        kept = {key: value for key, value in attrs.items() if value is not None}
        facts[ref] = Fact(ref, kept, fact.parent)
    rest = [r for r in old.facts if r not in before.facts and r not in facts]
    facts |= {ref: old.facts[ref] for ref in rest}
    uses = {**after.uses, **{r: old.uses[r] for r in rest if r in old.uses}}
    return replace(old, facts=facts, uses=uses)


def _led(catalog: Catalog, renames: Sequence[Rename]) -> Mapping[Ref, Fact]:
    """What each fact is called after the renames, as far as names alone tell, and the fact."""
    to = {r.old: r.new for r in renames}
    schemas = {r.old.name[0]: r.new.name[0] for r in renames if r.old.kind == "schema"}

    def lead(ref: Ref) -> Ref:
        if ref in to:
            return to[ref]
        above = catalog.facts[ref].parent if ref in catalog.facts else None
        if above is None:
            kind = kind_of(ref)
            if schemas and kind.keyword and len(ref.name) > 1 and ref.name[0] in schemas:
                to[ref] = ref._replace(name=(schemas[ref.name[0]], *ref.name[1:]))
            return to.get(ref, ref)
        now = lead(above)
        if now != above:
            length = len(above.name)
            if ref.name[:length] == above.name:
                to[ref] = ref._replace(name=(*now.name, *ref.name[length:]))
            elif ref.name[: length + 1] == (above.kind, *above.name):
                to[ref] = ref._replace(name=(above.kind, *now.name, *ref.name[length + 1 :]))
            elif ref.name[0] == above.name[0]:
                to[ref] = ref._replace(name=(now.name[0], *ref.name[1:]))
        return to.get(ref, ref)

    return {lead(ref): fact for ref, fact in catalog.facts.items()}


# What is only told


def _texts(done: Sequence[Rename], new: Catalog) -> Iterator[str]:
    """Where a function's body, which is only text to PostgreSQL, may still have an old name."""
    for rename in done:
        word = rename.old.name[_own(rename.old)]
        if word == rename.new.name[_own(rename.new)]:
            continue
        pattern = re.compile(rf"(?<![\w$]){re.escape(word)}(?![\w$])")
        found = [
            f.ref.path
            for f in new.facts.values()
            if f.ref.kind == "routine" and pattern.search(_body(f))
        ]
        if found:
            listed = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if found[5:] else "")
            yield (
                f"the text of {listed} has the word {word}, and PostgreSQL renames nothing in such"
                f" texts: where {rename.old.path} is meant, write {rename.new.path} there in ddl/, or"
                " the next call fails"
            )


def _body(fact: Fact) -> str:
    text = fact.text("definition")
    return text.partition("\nAS ")[2] if "\nAS " in text else ""


_NOT_TOLD = {"column"}


def proposals(old: Catalog, new: Catalog, changes: Iterable[Change]) -> Iterator[str]:
    """What looks like a rename that nobody asked for: one goes, one just like it comes."""
    gone: dict[object, list[Ref]] = {}
    come: dict[object, list[Ref]] = {}
    for change in changes:
        kind = kind_of(change.ref)
        fact = change.old if change.verb == "drop" else change.new
        if fact is None or change.verb == "alter" or not kind.keyword or not kind.renames:
            continue
        catalog, found = (old, gone) if change.verb == "drop" else (new, come)
        above = fact.parent
        if above is not None and (above not in old.facts or above not in new.facts):
            continue  # it goes or comes with that
        if change.ref.kind in ("index", "constraint", "domain_constraint"):
            continue
        found.setdefault((above, _likeness(fact, catalog)), []).append(fact.ref)
    for likeness, was in gone.items():
        now = come.get(likeness, [])
        if len(was) == len(now) == 1:
            wish = Wish(was[0], now[0])
            yield (
                f"{_called(wish.new)} looks like {wish.old.path} renamed: to say so, {wish.option}"
                f" or -- ringfence: renamed-from {_last(wish)}"
            )


def _last(wish: Wish) -> str:
    own = _own(wish.old)
    alone = Ref("x", wish.old.name[own : own + 1])
    moved = wish.old.name[:own] != wish.new.name[:own]
    return Ref("x", wish.old.name[: own + 1]).path if moved else alone.path


def _likeness(fact: Fact, catalog: Catalog, above: tuple[str, ...] = ()) -> tuple[object, ...]:
    """All that makes an object and its parts, but its own name."""
    own = fact.ref.name[_own(fact.ref)] if kind_of(fact.ref).keyword else ""
    names = (*above, own) if own else above
    word = re.compile("|".join(rf"(?<![\w$]){re.escape(n)}(?![\w$])" for n in names if n) or r"\Z.")
    attrs = tuple((key, word.sub("?", str(value))) for key, value in sorted(fact.attrs.items()))
    parts = []
    for part in catalog.children.get(fact.ref, ()):
        if part.ref.kind in ("owner", "grant", "comment", "security_label"):
            continue
        called = part.ref.name[-1] if part.ref.kind in ("column", "attribute") else ""
        parts.append((part.ref.kind, called, _likeness(part, catalog, names)))
    within: tuple[object, ...] = ()
    if fact.ref.kind == "schema":
        within = tuple(
            sorted(
                (r.kind, r.name[1:])
                for r, f in catalog.facts.items()
                if f.parent is None and len(r.name) > 1 and r.name[0] == fact.ref.name[0]
            )
        )
    return fact.ref.kind, attrs, tuple(sorted(parts, key=repr)), within
