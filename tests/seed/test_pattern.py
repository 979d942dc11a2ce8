"""Text that patterns match, by the judgement of the server whose patterns they are."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.seed.draw import Draw
from ringfence.seed.pattern import NotAPattern, like, matching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seed.support import Connection

PATTERNS = [
    r"^\+[1-9]\d{6,14}$",
    r"^[a-z0-9][a-z0-9:-]{0,48}[a-z0-9]$",
    r"^[a-zA-Z]([_]?[a-zA-Z0-9])+$",
    r"[^@]+@[^@]+\.[^@]+",
    r"^https?://[^/]+",
    r"^[[:upper:]]{3}-[[:digit:]]{2,}$",
    r"^(a|b|cd)\1{2}(?:x|yz)?$",
    r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-([0-9A-Za-z.-]+))?$",
    r"^\w+\s\W\S\D$",
    r"^[\w.+-]+@example\.(com|org)$",
    r"^[^\d\s]{4}$",
    r"^[]a]+[^]b]$",
    r"^[a\-z][a-]$",
    r"^\x41\u00e9\t$",
    r"^(?:(?:a|b){2}c*){1,3}?$",
    r"(?i)^ABC$",
    r"***:^a.c$",
    r"^a{3}$|^b{2,4}$",
    r"^$",
    r"",
    r"\mword\M",
    r"^.{10,12}$",
    r"^[[:alpha:]_][[:alnum:]_]*$",
    r"^[[.-.]a[=b=]]+$",
    r"^\d{3}(-\d{2}){2}$",
    r"^(?=.*\d).{1,}$",
]


@pytest.fixture(scope="module")
def judge(server: object) -> Iterator[Connection]:
    """A connection that patterns are tried on."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:  # type: ignore[attr-defined]
        yield connection


def accepts(judge: Connection, text: str, operator: str, pattern: str) -> bool:
    """Whether the server finds the pattern in the text."""
    answer = judge.execute(f"SELECT %s::text {operator} %s::text", (text, pattern)).fetchone()
    return bool(answer and answer[0])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_as_people_write_them(judge: Connection, pattern: str) -> None:
    made = {matching(pattern, Draw(pattern, number)) for number in range(40)}
    lookahead = "(?=" in pattern
    good = [text for text in made if accepts(judge, text, "~", pattern)]
    assert good if lookahead else len(good) == len(made)


def test_the_same_place_makes_the_same_text_and_others_make_others() -> None:
    made = [matching(r"^[a-z]{12}$", Draw("place", n % 50)) for n in range(100)]
    assert made[:50] == made[50:]
    assert len(set(made)) == 50


@pytest.mark.parametrize(
    ("pattern", "low", "high"),
    [(r"^[a-z]+$", 20, 24), (r"^\d*x\d*$", 7, 7), (r"^(ab)*$", 6, 7), (r"https://.+", 30, 40),
     (r"^(a{1,3}|b{10,20})$", 12, 15), (r"^[a-z]{2,200}$", 0, 5), (r"abc", 9, 9)],
)  # fmt: skip
def test_lengths_are_kept_where_the_pattern_permits(
    judge: Connection, pattern: str, low: int, high: int
) -> None:
    for number in range(40):
        made = matching(pattern, Draw(number), low, high)
        assert low <= len(made) <= high, made
        assert accepts(judge, made, "~", pattern), made


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[", "[]", "[^", "a{2", "a{2,1,3}", "*a", "\\", "[z-a]", "[[:nope:]]", "(?<x>a)",
     "***=literal", "(?x) a b", r"\q", "[[.hyphen", r"\u0000", r"\ud800"],
)  # fmt: skip
def test_what_is_no_pattern_or_not_understood_is_said_so(pattern: str) -> None:
    with pytest.raises(NotAPattern):
        matching(pattern, Draw(1))


_SINGLE = st.sampled_from(
    ["a", "Z", "7", "-", r"\.", r"\d", r"\w", r"\s", "[abc]", "[^a]", "[a-f0-9]", "[[:alpha:]]",
     "[[:digit:]_]", r"[\d-]", ".", r"\+", "@", "é", r"\\", r"[^\w]", "[.]", "[$^]"]
)  # fmt: skip
_QUANTIFIER = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "+?"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, _QUANTIFIER).map(lambda two: f"(?:{two[0]}){two[1]}"),
    )


_REGEX = st.recursive(st.tuples(_SINGLE, _QUANTIFIER).map("".join), _grown, max_leaves=6)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=300)
@given(body=_REGEX, anchored=st.booleans(), number=st.integers(0, 5))
def test_any_pattern_of_the_known_pieces(
    judge: Connection, body: str, anchored: bool, number: int
) -> None:
    pattern = f"^(?:{body})$" if anchored else body
    assert accepts(judge, matching(pattern, Draw(number)), "~", pattern)


@settings(deadline=None)
@given(text=st.text(alphabet=r"ab01()[]{}|*+?.^$\-,:<=!d", max_size=12))
def test_nothing_makes_it_fail_in_another_way(text: str) -> None:
    with suppress(NotAPattern):
        matching(text, Draw(1))


@settings(deadline=None)
@given(pattern=st.text(alphabet=r"ab%_\.", max_size=10), low=st.integers(0, 12))
def test_like(judge: Connection, pattern: str, low: int) -> None:
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        pattern += "%"  # the server refuses a pattern that ends with an escape
    assert accepts(judge, like(pattern, Draw(low), low), "LIKE", pattern)
