"""References: what an object is called, written and read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.model import Ref, quoted

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
plain = names.filter(lambda name: not name.startswith("("))


@given(st.lists(plain, min_size=1, max_size=3))
def test_a_reference_reads_back(parts: list[str]) -> None:
    ref = Ref("table", tuple(parts))
    assert Ref.parse(str(ref)) == ref


@given(st.lists(plain, min_size=1, max_size=2), st.lists(plain, max_size=3))
def test_a_routine_reads_back(parts: list[str], arguments: list[str]) -> None:
    signature = f"({', '.join(quoted(a) for a in arguments)})"
    ref = Ref("function", (*parts, signature))
    assert Ref.parse(str(ref)) == ref


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        (Ref("schema", ("messaging",)), "schema:messaging"),
        (Ref("policy", ("a", "b", "by tenant")), 'policy:a.b."by tenant"'),
        (Ref("table", ('we"ird', "Été")), 'table:"we""ird"."Été"'),
        (Ref("function", ("a", "f", "(uuid, text)")), "function:a.f(uuid, text)"),
        (Ref("function", ("a", "f", '("we)ird")')), 'function:a.f("we)ird")'),
    ],
)
def test_reads_as_postgresql_would_write_it(ref: Ref, text: str) -> None:
    assert str(ref) == text
    assert Ref.parse(text) == ref


@pytest.mark.parametrize(
    "text",
    [
        "",
        "table",
        ":a",
        "table:a.",
        "table:a b",
        "table:A",
        'table:"a',
        "f:a(",
        "table:a..b",
        "f:a)",
    ],
)
def test_refuses_what_is_no_reference(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a reference|not closed"):
        Ref.parse(text)


def test_references_sort_by_kind_and_name() -> None:
    refs = [Ref("table", ("b",)), Ref("policy", ("z",)), Ref("table", ("a", "z"))]
    assert sorted(refs) == [refs[1], refs[2], refs[0]]
