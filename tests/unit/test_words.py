"""How comments, labels, owners and grants name each kind of object."""

from __future__ import annotations

import pytest

from ringfence.kinds import kinds
from ringfence.model import Catalog, Fact, Ref
from ringfence.planner import plan

NAMES = {
    "access_method": (("heap 2",), 'ACCESS METHOD "heap 2"'),
    "aggregate": (("s", "total", "(integer)"), "AGGREGATE s.total(integer)"),
    "cast": (("(s.cx AS text)",), "CAST (s.cx AS text)"),
    "event_trigger": (("e v",), 'EVENT TRIGGER "e v"'),
    "extension": (("uuid-ossp",), 'EXTENSION "uuid-ossp"'),
    "language": (("plx",), "LANGUAGE plx"),
    "operator": (("s", "===", "(NONE, integer)"), "OPERATOR s.=== (NONE, integer)"),
    "operator_class": (("s", "c x", "btree"), 'OPERATOR CLASS s."c x" USING btree'),
    "operator_family": (("s", "f", "gist 2"), 'OPERATOR FAMILY s.f USING "gist 2"'),
    "routine": (("s", 'we"ird', "(text, s.t[])"), 'ROUTINE s."we""ird"(text, s.t[])'),
    "rule": (("s", "t", "r x"), 'RULE "r x" ON s.t'),
    "schema": (("user",), 'SCHEMA "user"'),
    "table": (("s", 'we"ird'), 'TABLE s."we""ird"'),
    "text_search_configuration": (("s", "c"), "TEXT SEARCH CONFIGURATION s.c"),
    "text_search_dictionary": (("s", "c"), "TEXT SEARCH DICTIONARY s.c"),
    "text_search_parser": (("s", "c"), "TEXT SEARCH PARSER s.c"),
    "text_search_template": (("s", "c"), "TEXT SEARCH TEMPLATE s.c"),
    "transform": (("(FOR s.cx LANGUAGE plx)",), "TRANSFORM FOR s.cx LANGUAGE plx"),
    "trigger": (("s", "t", "select"), 'TRIGGER "select" ON s.t'),
}


def _catalog(*facts: Fact) -> Catalog:
    return Catalog({fact.ref: fact for fact in facts}, {}, 180000)


def _statements(old: Catalog, new: Catalog) -> list[str]:
    return [step.sql for step in plan(old, new, executor="postgres").steps]


def _hung(on: Fact, kind: str, attribute: str, value: str, *more: str) -> Fact:
    return Fact(Ref(kind, (on.ref.kind, *on.ref.name, *more)), {attribute: value}, on.ref)


@pytest.mark.parametrize("kind", NAMES)
def test_the_words_of_a_kind(kind: str) -> None:
    name, words = NAMES[kind]
    on = Fact(Ref(kind, name), {})
    bare = _catalog(on)
    comment = _catalog(on, _hung(on, "comment", "text", "it's"))
    assert _statements(bare, comment) == [f"COMMENT ON {words} IS 'it''s'"]
    assert _statements(comment, bare) == [f"COMMENT ON {words} IS NULL"]
    label = _catalog(on, _hung(on, "security_label", "text", "secret", "dummy x"))
    assert _statements(bare, label) == [f"SECURITY LABEL FOR \"dummy x\" ON {words} IS 'secret'"]
    assert _statements(label, bare) == [f'SECURITY LABEL FOR "dummy x" ON {words} IS NULL']
    other = _catalog(on, _hung(on, "security_label", "text", "public", "dummy x"))
    assert _statements(label, other) == [f"SECURITY LABEL FOR \"dummy x\" ON {words} IS 'public'"]
    owner = _catalog(on, _hung(on, "owner", "owner", "al ice"))
    assert _statements(bare, owner) == [f'ALTER {words} OWNER TO "al ice"']


def test_an_aggregate_without_arguments_has_a_star_but_in_grants() -> None:
    on = Fact(Ref("aggregate", ("s", "n", "()")), {})
    comment = _catalog(on, _hung(on, "comment", "text", "x"))
    grant = _catalog(on, _hung(on, "grant", "privileges", "X", "bob"))
    assert _statements(_catalog(on), comment) == ["COMMENT ON AGGREGATE s.n(*) IS 'x'"]
    assert _statements(_catalog(on), grant) == ["GRANT EXECUTE ON FUNCTION s.n() TO bob"]


def test_a_comment_on_the_index_of_a_constraint_names_the_index() -> None:
    on = Fact(Ref("constraint", ("s", "t", "t_pkey")), {"type": "p"})
    comment = _catalog(on, _hung(on, "comment", "text", "x"))
    index = _catalog(on, _hung(on, "comment", "text", "x", "index"))
    assert _statements(_catalog(on), comment) == ["COMMENT ON CONSTRAINT t_pkey ON s.t IS 'x'"]
    assert _statements(_catalog(on), index) == ["COMMENT ON INDEX s.t_pkey IS 'x'"]


def test_every_kind_with_words_is_known() -> None:
    for name in NAMES:
        assert kinds()[name].keyword, name
