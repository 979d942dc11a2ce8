"""An aggregate function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.kinds import REPLACE, Attribute, Context, Do, Kind, pair, some
from ringfence.kinds._sql import ident, literal, qualified, signed
from ringfence.kinds._stale import stale
from ringfence.kinds._words import coded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.change import Change
    from ringfence.kinds import Namespace
    from ringfence.model import Fact, Ref

_MODIFY = {"r": "READ_ONLY", "s": "SHAREABLE", "w": "READ_WRITE"}
_PARALLEL = {"r": "RESTRICTED", "s": "SAFE"}

# In the order of CREATE AGGREGATE; the values of the last four are not SQL yet.
_OPTIONS = (
    "sfunc", "stype", "sspace", "finalfunc", "finalfunc_extra", "finalfunc_modify",
    "combinefunc", "serialfunc", "deserialfunc", "initcond",
    "msfunc", "minvfunc", "mstype", "msspace", "mfinalfunc", "mfinalfunc_extra",
    "mfinalfunc_modify", "minitcond", "sortop", "parallel",
)  # fmt: skip


class Aggregate(Kind):
    """An aggregate, named like a routine, for they share their names. OR REPLACE changes the rest."""

    name = "aggregate"
    probe = some("pg_proc", "prokind = 'a'")
    keyword = "AGGREGATE"
    own = 1
    grantable = "FUNCTION"
    privileges = "X"
    public = "X"
    relays = True
    attributes = {
        "kind": REPLACE,
        "arguments": REPLACE,
        "result": REPLACE,
        **dict.fromkeys(_OPTIONS, Attribute("redefine")),
    }
    words = {
        "kind": coded({"": "plain", "o": "ordered-set", "h": "HYPOTHETICAL"}),
        "finalfunc_modify": coded(_MODIFY),
        "mfinalfunc_modify": coded(_MODIFY),
        "parallel": coded({"": "UNSAFE", **_PARALLEL}),
    }

    def sql_name(self, ref: Ref) -> str:
        """Without arguments, its name is written with a star."""
        schema, name, arguments = ref.name
        return f"{qualified((schema, name))}{'(*)' if arguments == '()' else arguments}"

    def grant_name(self, ref: Ref) -> str:
        return signed(ref.name)

    def namespaces(self, fact: Fact) -> Iterable[Namespace]:
        return (("routine", *fact.ref.name),)

    def create(self, new: Fact, context: Context) -> Iterator[Do]:  # noqa: ARG002
        yield Do(f"CREATE AGGREGATE {_body(new)}")

    def redefine(self, change: Change, context: Context) -> Iterator[Do]:
        """CREATE OR REPLACE AGGREGATE."""
        _, new = pair(change)
        hazards = () if change.attributes == ("parallel",) else stale(new.ref, context)
        yield Do(f"CREATE OR REPLACE AGGREGATE {_body(new)}", hazards)


def _body(fact: Fact) -> str:
    schema, name, _ = fact.ref.name
    options = [_option(fact, key) for key in _OPTIONS if fact[key] is not None]
    if fact["kind"] == "h":
        options.append("HYPOTHETICAL")
    lines = ",\n".join(f"    {option}" for option in options)
    arguments = fact.text("arguments") or "*"
    return f"{ident(schema)}.{ident(name)}({arguments}) (\n{lines}\n)"


def _option(fact: Fact, key: str) -> str:
    value, word = fact.text(key), key.upper()
    if key.endswith("_extra"):
        return word
    if key.endswith("_modify"):
        value = _MODIFY[value]
    elif key.endswith("initcond"):
        value = literal(value).lstrip()
    elif key == "parallel":
        value = _PARALLEL[value]
    elif key == "sortop":
        value = f"OPERATOR({value})"
    return f"{word} = {value}"


KIND = Aggregate()
