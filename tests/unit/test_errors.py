"""Errors: each with its status, and how they read."""

from __future__ import annotations

import pytest

from ringfence.errors import (
    BadProject,
    Bug,
    Busy,
    Error,
    Misuse,
    Refused,
    ServerError,
    Span,
    described,
)


@pytest.mark.parametrize(
    ("kind", "status"),
    [(Misuse, 2), (BadProject, 2), (Refused, 1), (ServerError, 3), (Busy, 75), (Bug, 70)],
)
def test_each_has_its_status_and_a_message_of_its_own(kind: type[Error], status: int) -> None:
    error = kind()
    assert error.status == status
    assert error.message == (kind.__doc__ or "").partition("\n")[0]
    assert str(kind("no")) == "no"


def test_reads_from_what_to_where_to_what_next() -> None:
    error = ServerError(
        'relation "x" does not exist',
        title="cannot do it",
        span=Span("a.sql", 12, 3, "  x;"),
        detail="one\ntwo",
        hint="make it",
    )
    assert described(error) == (
        'error: cannot do it: relation "x" does not exist\n'
        "  a.sql:12:3\n"
        "  12 |   x;\n"
        "     |   ^\n"
        "detail: one\n"
        "  two\n"
        "hint: make it"
    )


def test_a_message_alone_is_one_line() -> None:
    assert described(Misuse("no")) == "error: no"


def test_without_a_column_there_is_no_caret() -> None:
    assert described(Misuse("no", span=Span("a.sql", 2, 0, "x"))) == (
        "error: no\n  a.sql:2\n  2 | x"
    )


@pytest.mark.parametrize(
    ("text", "column", "source", "caret"),
    [
        ("\tx", 2, " x", " ^"),
        ("é x", 3, "é x", "  ^"),
        ("e\u0301 x", 4, "e\u0301 x", "  ^"),
        ("日本 x", 4, "日本 x", "     ^"),
        ("\x1b[31m x", 7, "\ufffd[31m x", "      ^"),
    ],
    ids=["tab", "accent", "combining", "wide", "escape"],
)
def test_the_caret_stands_below_its_column(text: str, column: int, source: str, caret: str) -> None:
    shown = described(Misuse("no", span=Span("a", 1, column, text))).split("\n")
    assert shown[2:] == [f"  1 | {source}", f"    | {caret}"]


@pytest.mark.parametrize("column", [1, 60, 250, 500])
def test_of_a_long_line_the_part_at_the_caret_is_shown(column: int) -> None:
    text = "a" * (column - 1) + "X" + "a" * (500 - column)
    source, caret = described(Misuse("no", span=Span("a", 1, column, text))).split("\n")[2:]
    assert source[caret.index("^")] == "X"
    assert len(source) < 135
