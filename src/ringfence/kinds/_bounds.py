"""Which rows belong in a partition, out of the server's own text of keys and bounds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.kinds import Context, Do, kind_of
from ringfence.kinds._family import aside, keys_on, links_below, whole
from ringfence.kinds._sql import Raw, ident, literal, qualified, sql
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.model import Catalog, Fact

_TOKEN = re.compile(r"\"(?:[^\"]|\"\")*\"|[eE]?'(?:[^']|'')*'|.", re.DOTALL)
_COLUMN = re.compile(r'(?:"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*)\Z')
_NUMBER = re.compile(r"'(-?\d+)'")
_ENDLESS = ("MINVALUE", "MAXVALUE")


def belongs(link: Fact, catalog: Catalog) -> str:
    """An expression that is true for the rows of a partition; empty where none can be told.

    That is so where a key has an operator class or collation of its own.
    """
    whole = Ref("table", link.list("whole"))
    how, _, rest = catalog.facts[whole].text("partition_key").partition(" (")
    keys = listed(rest.removesuffix(")"))
    if not all(map(_is_plain, keys)):
        return ""
    bound = link.text("bound")
    if how == "HASH":
        parts = ", ".join(re.findall(r"\d+", bound))
        return sql(
            "pg_catalog.satisfies_hash_partition({t}::pg_catalog.regclass, {parts}, {keys})",
            t=Raw(literal(qualified(whole.name))),
            parts=Raw(parts),
            keys=Raw(", ".join(keys)),
        )
    if bound != "DEFAULT":
        return _within(how, keys, bound)
    others = [o for o in links_below(whole, catalog) if o.ref.kind == "partition" and o != link]
    told = [_within(how, keys, o.text("bound")) for o in others]
    return f"({' OR '.join(f'({t})' for t in told)}) IS NOT TRUE" if all(told) and told else ""


def key_columns(table: Fact) -> list[str]:
    """The columns that a table is partitioned by, as SQL; empty where it is by anything else."""
    keys = listed(table.text("partition_key").partition(" (")[2].removesuffix(")"))
    return keys if all(map(_COLUMN.match, keys)) else []


def points(bound: str) -> list[list[str]]:
    """Keys that a bound lets in, and the first that it does not; of HASH and DEFAULT none."""
    if bound.startswith("FOR VALUES IN ("):
        return [[value] for value in listed(bound.removeprefix("FOR VALUES IN (")[:-1])]
    if not bound.startswith("FOR VALUES FROM "):
        return []
    low, _, high = _split(bound.removeprefix("FOR VALUES FROM "), " TO ")
    ends = [listed(low[1:-1]), listed(high[1:-1])]
    return [values for values in ends if not {*values} & {*_ENDLESS}]


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


def keeps_parts(whole: Ref, context: Context) -> bool:
    """Whether a partitioned table can be made anew, and take its partitions with their rows.

    They are what they were then but for their columns, and of rows that belong elsewhere it can be
    told. What is partitioned below it has to be so as well.
    """
    before, after = context.old.facts.get(whole), context.new.facts.get(whole)
    if before is None or after is None or not before["partition_key"]:
        return False
    if before["partition_key"] != after["partition_key"]:
        return False
    for link in links_below(whole, context.old):
        now = context.new.facts.get(link.ref)
        below = link.parent
        if now is None or below is None or now["whole"] != link["whole"] or now.parent != below:
            return False
        was, is_now = (c.facts[below]["partition_key"] for c in (context.old, context.new))
        if was != is_now or (was and not keeps_parts(below, context)):
            return False
        if not (
            stays_within(whole, context) or (below.kind == "table" and belongs(now, context.new))
        ):
            return False
    return True


def takes_back(part: Fact, context: Context) -> Ref | None:
    """The default partition, where a way back drops one whose rows belong there again."""
    above = whole(part.ref, context.old) if context.undoes else None
    if above is None or above not in context.new.facts or above in context.drops:
        return None
    if part["partition_key"] or any(True for _ in keys_on(above, context.old)):
        return None  # a row that a foreign key refers to cannot go, not even to come again
    return next(defaults(above, context), None)


def defaults(above: Ref, context: Context) -> Iterator[Ref]:
    """The default partition, where it is there all the while and holds rows of its own."""
    for link in links_below(above, context.old):
        part = link.parent
        stays = link.ref not in context.drops and part not in context.drops
        if stays and link["bound"] == "DEFAULT" and part is not None and part.kind == "table":
            yield part


def stays_within(whole: Ref, context: Context) -> bool:
    """Whether whatever belonged within a bound still does, when columns of the key change."""
    key = context.old.facts[whole].text("partition_key")
    for column in context.old.below(whole, "column"):
        now = context.new.facts.get(column.ref)
        if now is None:
            return False
        if ident(column.ref.name[-1]) not in _NAME.findall(key.partition("(")[2]):
            continue
        kinds = {_MODIFIER.sub("", c.text("type")) for c in (column, now)}
        alike = len(kinds) == 1 or kinds <= _INTEGERS or kinds <= _TEXTS
        if not alike or column["collation"] != now["collation"]:
            return False
        if any(kind_of(u).swaps for u in context.old.uses.get(column.ref, ())):
            return False
    return True


_NAME = re.compile(r'"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*')
_MODIFIER = re.compile(r"\([\d,]+\)")
_INTEGERS = {"smallint", "integer", "bigint"}
_TEXTS = {"text", "character varying"}


def widens(old: str, new: str) -> bool:
    """Whether whatever belonged within the one bound belongs within the other; not is perhaps."""
    old, new = (_NUMBER.sub(r"\1", bound) for bound in (old, new))
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
