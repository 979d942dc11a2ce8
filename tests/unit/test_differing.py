"""What differs, as a person reads it."""

from __future__ import annotations

from ringfence.change import Change
from ringfence.differing import apart, differences
from ringfence.model import Fact, Ref

TRIGGER = (
    "CREATE TRIGGER touch {} UPDATE ON app.tickets FOR EACH ROW EXECUTE FUNCTION app.touched()"
)


def test_short_texts_are_shown_whole_on_one_line() -> None:
    assert apart("a  <\n b", "a > b") == ("a < b", "a > b")


def test_long_texts_are_shown_where_they_part() -> None:
    old, new = TRIGGER.format("BEFORE"), TRIGGER.format("AFTER")
    assert apart(old, new) == (
        "CREATE TRIGGER touch BEFORE UPDATE ON app.tickets FOR EACH R…",
        "CREATE TRIGGER touch AFTER UPDATE ON app.tickets FOR EACH RO…",
    )
    one, other = apart(f"{old} WHEN a", f"{old} WHEN b")
    assert one == "…FOR EACH ROW EXECUTE FUNCTION app.touched() WHEN a"
    assert other == one[:-1] + "b"


def test_one_that_goes_on_is_shown_where_the_other_ends() -> None:
    text = "x" * 200
    assert apart(text, f"{text} more") == ("…" + "x" * 55, "…" + "x" * 55 + " more")
    assert apart("not set", text) == ("not set", "x" * 60 + "…")


def test_what_no_word_parts_is_shown_within_the_word() -> None:
    one, other = apart("x" * 80 + "a" + "y" * 80, "x" * 80 + "b" + "y" * 80)
    assert one == "…" + "x" * 24 + "a" + "y" * 35 + "…"
    assert other == one.replace("a", "b")


def test_blanks_and_ends_of_lines_are_shown_where_they_alone_differ() -> None:
    assert apart("SELECT 1\n", "SELECT  1\r\n\t") == ("SELECT 1⏎", "SELECT  1␍⏎⇥")


def test_attributes_are_said_in_words() -> None:
    ref = Ref("table", ("app", "t"))
    old = Fact(ref, {"options": ("fillfactor=70",)})
    new = Fact(ref, {"options": ("fillfactor=70", "autovacuum_enabled=off"), "unlogged": True})
    assert list(differences(Change(ref, old, new))) == [
        ("options", "fillfactor=70", "fillfactor=70, autovacuum_enabled=off"),
        ("unlogged", "not set", "set"),
    ]
