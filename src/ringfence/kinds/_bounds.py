"""Which rows belong in a partition, out of the server's own text of keys and bounds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.kinds import Do
from ringfence.kinds._family import aside, links_below
from ringfence.kinds._sql import Raw, ident, qualified, sql
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.model import Catalog, Fact

_TOKEN = re.compile(r"\"(?:[^\"]|\"\")*\"|[eE]?'(?:[^']|'')*'|.", re.DOTALL)
_COLUMN = re.compile(r'(?:"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*)\Z')
_ENDLESS = ("MINVALUE", "MAXVALUE")


def belongs(link: Fact, catalog: Catalog) -> str:
    """An expression that is true for the rows of a partition; empty where none can be told.

    That is so of hash partitions, and where a key has an operator class or collation of its own.
    """
    whole = Ref("table", link.list("whole"))
    how, _, rest = catalog.facts[whole].text("partition_key").partition(" (")
    keys = listed(rest.removesuffix(")"))
    if how not in ("LIST", "RANGE") or not all(map(_is_plain, keys)):
        return ""
    bound = link.text("bound")
    if bound != "DEFAULT":
        return _within(how, keys, bound)
    others = [o for o in links_below(whole, catalog) if o.ref.kind == "partition" and o != link]
    told = [_within(how, keys, o.text("bound")) for o in others]
    return f"({' OR '.join(f'({t})' for t in told)}) IS NOT TRUE" if all(told) and told else ""


def _within(how: str, keys: Sequence[str], bound: str) -> str:
    if how == "LIST":
        values = listed(bound.removeprefix("FOR VALUES IN (").removesuffix(")"))
        some = [v for v in values if v != "NULL"]
        told = [f"{keys[0]} IN ({', '.join(some)})"] if some else []
        told += [f"{keys[0]} IS NULL"] if len(some) < len(values) else []
        return " OR ".join(told)
    low, _, high = _split(bound.removeprefix("FOR VALUES FROM "), " TO ")
    told = [_beyond(keys, listed(low[1:-1]), ">"), _beyond(keys, listed(high[1:-1]), "<")]
    told += [f"{key} IS NOT NULL" for key in keys]
    return " AND ".join(t for t in told if t)


def _beyond(keys: Sequence[str], values: Sequence[str], sign: str) -> str:
    """Within a bound: the lower one belongs to what it bounds, the upper one does not."""
    plain = next((n for n, v in enumerate(values) if v in _ENDLESS), len(values))
    if plain == 0:
        return "" if (values[0] == "MINVALUE") == (sign == ">") else "FALSE"
    row, to = ", ".join(keys[:plain]), ", ".join(values[:plain])
    if plain < len(values):
        word = sign if (values[plain] == "MAXVALUE") == (sign == ">") else f"{sign}="
    else:
        word = ">=" if sign == ">" else "<"
    return f"({row}) {word} ({to})"


def widens(old: str, new: str) -> bool:
    """Whether whatever belonged within the one bound belongs within the other; not is perhaps."""
    if old == new:
        return True
    before, after = (b.partition("FOR VALUES IN (")[2].removesuffix(")") for b in (old, new))
    return bool(before and after) and {*listed(before)} <= {*listed(after)}


def listed(text: str) -> list[str]:
    """What stands between commas, those within parentheses and quotes aside."""
    found, depth, last = [], 0, ""
    for match in _TOKEN.finditer(text):
        token = match[0]
        depth += (token in "([") - (token in ")]")
        if token == "," and depth == 0:
            found.append(last.strip())
            last = ""
        else:
            last += token
    return [*found, last.strip()] if last.strip() else found


def _split(text: str, word: str) -> tuple[str, str, str]:
    """`FROM` and `TO` of a range: the word that stands between parentheses, not within quotes."""
    depth = at = 0
    for match in _TOKEN.finditer(text):
        depth += (match[0] == "(") - (match[0] == ")")
        at = match.end()
        if depth == 0:
            break
    return text[:at], word, text[at:].removeprefix(word)


def _is_plain(key: str) -> bool:
    """Whether it is a column or an expression, and nothing said of how it is compared."""
    return bool(_COLUMN.match(key)) or key.endswith(")")


def put_by(whole: Ref) -> str:
    """The table that holds the rows of a partitioned table that have no place for the moment."""
    return qualified((whole.name[0], aside((*whole.name, "rows"))))


def put_back(whole: Ref, catalog: Catalog) -> Iterator[Do]:
    """The rows put by are put where they belong."""
    columns = ", ".join(
        ident(c.ref.name[-1]) for c in catalog.below(whole, "column") if not c["generated"]
    )
    yield Do(
        sql(
            "INSERT INTO {whole} ({c}) OVERRIDING SYSTEM VALUE SELECT {c} FROM {left}",
            whole=whole.name,
            c=Raw(columns),
            left=Raw(put_by(whole)),
        )
    )
    yield Do(f"DROP TABLE {put_by(whole)}")
