"""An operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import Attribute, Context, Do, Kind, pair, some
from ringfence.kinds._sql import ident
from ringfence.kinds._words import path
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.model import Fact

_PARTNERS = ("commutator", "negator")


class Operator(Kind):
    """An operator, named by its schema, sign and operands.

    Two that are each other's commutator or negator name each other: whichever is made first makes
    a shell of the other, which that then fills. PostgreSQL keeps both ends of the link in step.
    """

    name = "operator"
    probe = some("pg_operator")
    keyword = "OPERATOR"
    renames = False
    relays = True
    attributes = {
        "function": Attribute("fill", when="can_fill"),
        "commutator": Attribute("reset", when="can_relink"),
        "negator": Attribute("reset", when="can_relink"),
        "restrict": Attribute("reset"),
        "join": Attribute("reset"),
        "hashes": Attribute("reset", when="can_reset"),
        "merges": Attribute("reset", when="can_reset"),
    }
    words = dict.fromkeys(_PARTNERS, path)

    def sql_name(self, ref: Ref) -> str:
        schema, sign, operands = ref.name
        return f"{ident(schema)}.{sign} {operands}"

    def drags(self, fact: Fact, context: Context) -> Iterable[Ref]:
        """What names it, where only a shell is to be left of it: that alone makes a shell."""
        new = context.new.facts.get(fact.ref)
        if new is not None and not new["function"]:
            for other in context.old.facts.values():
                if other.ref.kind == self.name and fact.ref in _partners(other):
                    yield other.ref

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        if not new["function"]:
            return  # a shell: what names it makes it
        schema, sign, operands = new.ref.name
        options = [f"FUNCTION = {new.text('function')}"]
        left, _, right = operands[1:-1].partition(", ")
        options += [] if left == "NONE" else [f"LEFTARG = {left}"]
        options.append(f"RIGHTARG = {right}")
        for word in (*_PARTNERS, "restrict", "join"):
            if new[word]:
                options.append(_option(new, word))
        options += [word.upper() for word in ("hashes", "merges") if new[word]]
        lines = ",\n".join(f"    {option}" for option in options)
        yield Do(f"CREATE OPERATOR {ident(schema)}.{sign} (\n{lines}\n)")

    def can_fill(self, change: Change, context: Context) -> bool:  # noqa: ARG002
        """Only a shell can be given a function."""
        old, _ = pair(change)
        return not old["function"]

    def fill(self, change: Change, context: Context) -> Iterator[Do]:
        """CREATE OPERATOR, where there is a shell."""
        _, new = pair(change)
        yield from self.create(new, context)

    def can_relink(self, change: Change, context: Context) -> bool:
        """A link comes and goes with the other end; from PostgreSQL 17 on, it can be added too."""
        old, new = pair(change)
        return not old["function"] or all(
            old[word] == new[word]
            or (old[word] is None and (_comes(new, word, context) or _settable(context)))
            or (new[word] is None and Ref("operator", old.list(word)) not in context.new.facts)
            for word in _PARTNERS
        )

    def can_reset(self, change: Change, context: Context) -> bool:
        """HASHES and MERGES can be added from PostgreSQL 17 on, and never taken away."""
        old, new = pair(change)
        gone = (old["hashes"] and not new["hashes"]) or (old["merges"] and not new["merges"])
        return not old["function"] or (_settable(context) and not gone)

    def reset(self, change: Change, context: Context) -> Iterator[Do]:
        """ALTER OPERATOR … SET."""
        old, new = pair(change)
        if not old["function"]:
            return  # filling the shell has said it all
        options = [
            _option(new, word)
            for word in _PARTNERS
            if old[word] != new[word] and new[word] and not _comes(new, word, context)
        ]
        options += [_option(new, word) for word in ("restrict", "join") if old[word] != new[word]]
        options += [word.upper() for word in ("hashes", "merges") if old[word] != new[word]]
        if options:
            yield Do(f"ALTER OPERATOR {self.sql_name(new.ref)} SET ({', '.join(options)})")


def _settable(context: Context) -> bool:
    return context.server_version >= 170000


def _partners(fact: Fact) -> tuple[Ref, ...]:
    return tuple(Ref("operator", fact.list(word)) for word in _PARTNERS if fact[word])


def _comes(fact: Fact, word: str, context: Context) -> bool:
    """Whether the other end of the link is made by the same plan, and makes the link."""
    return Ref("operator", fact.list(word)) not in context.old.facts


def _option(fact: Fact, word: str) -> str:
    if word in _PARTNERS:
        schema, sign, _ = fact.list(word)
        return f"{word.upper()} = OPERATOR({ident(schema)}.{sign})"
    return f"{word.upper()} = {fact.text(word) or 'NONE'}"


KIND = Operator()
