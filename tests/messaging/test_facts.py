"""The messaging schema, version 1.0, is what facts.toml says in words."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from messaging.support import ROOT, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from messaging.support import Facts

FACTS: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("facts.toml").read_text())
TABLES: Mapping[str, Any] = FACTS["tables"]
SECURITY = {
    "enabled f, forced f": "off",
    "enabled t, forced f": "on, but not for the owner",
    "enabled t, forced t": "on",
}


@pytest.fixture(scope="session")
def facts(at_1_0: str) -> Facts:
    """The catalog of revision 0002."""
    return read(at_1_0)


@pytest.mark.parametrize("table", TABLES)
def test_table(table: str, facts: Facts) -> None:
    assert in_words(table, facts) == TABLES[table]


@pytest.mark.parametrize("view", FACTS["views"])
def test_view(view: str, facts: Facts) -> None:
    assert columns(view, facts) == FACTS["views"][view]
    assert "security_invoker" not in facts["view", f"messaging.{view}"]


@pytest.mark.parametrize("function", FACTS["functions"])
def test_function(function: str, facts: Facts) -> None:
    (fact,) = (fact for _, fact in about("routine", f"messaging.{function}(", facts))
    (body,) = (fact for _, fact in about("routine body", f"messaging.{function}(", facts))
    words = FACTS["functions"][function]
    assert plain_types(fact).startswith(words["is"])
    assert hashlib.sha256(body.encode()).hexdigest() == words["body"]


def test_nothing_more_and_nothing_less(facts: Facts) -> None:
    found = Counter(what for what, name in facts if "messaging." in name)
    constraints = Counter(fact[0] for _, fact in about("constraint", "messaging.", facts))
    indexes = [name for name, _ in about("index", "messaging.", facts)]
    counts = {
        "tables": found["table"],
        "columns": sum(len(columns(table, facts)) for table in TABLES),
        "indexes": sum(name.startswith("idx_") for name in indexes),
        "indexes_of_keys": sum(not name.startswith("idx_") for name in indexes),
        "primary_keys": constraints["p"],
        "foreign_keys": constraints["f"],
        "checks": constraints["c"],
        "uniques": constraints["u"],
        "triggers": found["trigger"],
        "policies": found["policy"],
        "comments": found["comment"],
        "functions": found["routine"],
        "views": found["view"],
    }
    assert counts == FACTS["counts"]


def test_the_words_count_up(facts: Facts) -> None:
    """What facts.toml lists adds up to what it counts, so that no entry is missing on both sides."""
    words = FACTS["counts"]
    for kind in ("columns", "indexes", "foreign_keys", "checks", "uniques", "triggers", "policies"):
        assert sum(len(table.get(kind, ())) for table in TABLES.values()) == words[kind], kind
    assert sum(len(table["comments"]) for table in TABLES.values()) == words["comments"]
    assert len(TABLES) == words["tables"]
    assert len(FACTS["views"]) == words["views"]
    assert len(FACTS["functions"]) == words["functions"]


def test_the_page_counts_right() -> None:
    """docs/reference/messaging.md says the same numbers."""
    page = (ROOT / "docs" / "reference" / "messaging.md").read_text()
    counted = re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE)
    assert {name: int(number) for name, number in counted} == {
        name: len(table["columns"]) for name, table in TABLES.items()
    }
    words = FACTS["counts"]
    assert f"**{words['tables']} tables** | **{words['columns']}**" in page
    text = " ".join(page.split())
    for kind, said in {
        "indexes": "indexes besides",
        "indexes_of_keys": "of the keys",
        "foreign_keys": "foreign keys",
        "checks": "named checks",
        "uniques": "named unique constraints",
        "triggers": "triggers that",
        "policies": "policies",
        "comments": "comments",
        "functions": "functions",
        "views": "views",
    }.items():
        assert f" {words[kind]} {said}" in text


def in_words(table: str, facts: Facts) -> Mapping[str, Any]:
    """What the catalog says about a table, in the words of facts.toml."""
    here = f"messaging.{table}"
    words: dict[str, Any] = {"columns": columns(table, facts)}

    for name, fact in about("constraint", f"{here}.", facts):
        definition = without(", validated t, local t", fact)
        match definition[0]:
            case "p":
                assert definition == "p: PRIMARY KEY (id)"
            case "f":
                words.setdefault("foreign_keys", {})[name] = foreign_key(definition)
            case "u":
                words.setdefault("uniques", {})[name] = unique(definition)
            case "c":
                words.setdefault("checks", {})[name] = condition(definition[len("c: CHECK ") :])
            case other:  # from 18 on, the NOT NULL of a column is a constraint of its own
                assert other == "n"

    sound = ", valid t, ready t, clustered f, replica identity f"
    for name, fact in about("index definition", "messaging.idx_", facts):
        match = re.fullmatch(
            rf"CREATE INDEX {name} ON {here} USING btree \((.*?)\)(.*){sound}", fact
        )
        if match:
            where = f" where {condition(match[2].removeprefix(' WHERE '))}" if match[2] else ""
            words.setdefault("indexes", {})[name] = match[1] + where

    for name, fact in about("trigger", f"{here}.", facts):
        assert fact == FACTS["same"]["trigger"].format(name=name, table=here)
        words.setdefault("triggers", []).append(name)

    words["row_level_security"] = SECURITY[facts["row level security", here]]
    for name, fact in about("policy", f"{here}.", facts):
        assert fact == FACTS["same"]["policy"]
        words.setdefault("policies", []).append(name)

    comments = {"table": facts["comment", f"table {here}"]}
    for (what, name), fact in facts.items():
        if what == "comment" and name.endswith(f" of table {here}"):
            comments[name.split()[1]] = fact
    words["comments"] = comments
    return words


def about(what: str, start: str, facts: Facts) -> list[tuple[str, str]]:
    """(last part of the name, fact) for the facts of a kind whose name begins so."""
    return [
        (name if "(" in name else name.rpartition(".")[2], fact)
        for (kind, name), fact in sorted(facts.items())
        if kind == what and name.startswith(start)
    ]


def columns(relation: str, facts: Facts) -> list[str]:
    """A relation's columns in their order: name, type, and what else there is to say."""
    found = []
    for name, fact in about("column", f"messaging.{relation}.", facts):
        number, _, rest = fact.partition(" ")
        found.append((int(number[1:]), f"{name} {without_casts(plain_types(rest))}"))
    return [text for _, text in sorted(found)]


def foreign_key(definition: str) -> str:
    """`FOREIGN KEY (a) REFERENCES s.t(id) …` as `a -> s.t …`."""
    match = re.fullmatch(r"f: FOREIGN KEY \((\w+)\) REFERENCES ([\w.]+)\(id\)(.*)", definition)
    assert match, definition
    return f"{match[1]} -> {match[2]}{match[3].lower()}"


def unique(definition: str) -> str:
    """`UNIQUE (a, b)` as `a, b`."""
    match = re.fullmatch(r"u: UNIQUE \((.*)\)", definition)
    assert match, definition
    return match[1]


def condition(expression: str) -> str:
    """`((a)::text = ANY ((ARRAY['x'::character varying])::text[]))` as `a in x`; else uncast."""
    listed = re.fullmatch(r"\(+(\w+)\)::text = ANY \(\(ARRAY\[(.*)\]\)::text\[\]\)+", expression)
    if listed:
        values = re.findall(r"'(\w+)'", listed[2])
        return f"{listed[1]} in {', '.join(values)}"
    return without_casts(re.sub(r"\((\w+)\)::text", r"\1", expression)).strip("()")


def plain_types(text: str) -> str:
    """PostgreSQL's long type names as people write them."""
    return text.replace("character varying", "varchar").replace(
        "timestamp with time zone", "timestamptz"
    )


def without_casts(text: str) -> str:
    """The expression without what PostgreSQL adds to every literal."""
    return re.sub(r"(?<=')::(?:varchar|character varying|text|jsonb)(?:\[\])?", "", text)


def without(end: str, text: str) -> str:
    """The text up to `end`, which has to be there."""
    assert text.endswith(end), text
    return text.removesuffix(end)
