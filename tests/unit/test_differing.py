"""What differs, as a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ringfence.change import Change
from ringfence.differing import apart, differences
from ringfence.kinds import kinds
from ringfence.model import Fact, Ref

if TYPE_CHECKING:
    from ringfence.model import Value

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


IN_WORDS: tuple[tuple[str, str, Value, str], ...] = (
    ("access_method", "type", "t", "TABLE"),
    ("aggregate", "kind", None, "plain"),
    ("aggregate", "parallel", "r", "RESTRICTED"),
    ("base_type", "alignment", "d", "double"),
    ("cast", "context", None, "explicit"),
    ("cast", "context", "a", "AS ASSIGNMENT"),
    ("cast", "method", "b", "WITHOUT FUNCTION"),
    ("collation", "provider", "i", "icu"),
    ("column", "compression", "p", "pglz"),
    ("column", "compression", None, "DEFAULT"),
    ("column", "generated", "v", "VIRTUAL"),
    ("column", "identity", "d", "BY DEFAULT"),
    (
        "column",
        "sequence",
        ("app.t_id_seq", "1", "1", "1", "99", "1", "true"),
        "app.t_id_seq START 1 INCREMENT 1 MINVALUE 1 MAXVALUE 99 CACHE 1 CYCLE",
    ),
    ("column", "not_null_name", None, "as PostgreSQL gives it"),
    ("column", "not_null_name", "k", "k"),
    ("column", "statistics", 50, "50"),
    ("column", "storage", "ex", "EXTERNAL"),
    ("constraint", "attached", ("app", "of all", "k"), 'app."of all".k'),
    ("constraint", "type", "x", "EXCLUDE"),
    ("default_acl", "privileges", (), "none"),
    ("default_acl", "privileges", ("INSERT", "SELECT"), "INSERT, SELECT"),
    ("event_trigger", "enabled", "R", "ENABLE REPLICA"),
    ("grant", "options", None, "none"),
    ("grant", "privileges", "adrw", "SELECT, INSERT, UPDATE, DELETE"),
    ("grant", "via", (("lead", "ar", "r"),), "SELECT, INSERT by lead"),
    ("inheritance", "parents", (("a", "b"), ("c", "d")), "a.b, c.d"),
    ("policy", "command", None, "ALL"),
    ("policy", "command", "w", "UPDATE"),
    ("policy", "roles", None, "PUBLIC"),
    ("policy", "roles", ("one", "two"), "one, two"),
    ("replica_identity", "mode", "f", "FULL"),
    ("routine", "arguments", (("i", "a", "integer"), ("o", "", "text")), "a integer, OUT text"),
    ("routine", "kind", "p", "PROCEDURE"),
    ("rule", "enabled", "A", "ENABLE ALWAYS"),
    ("trigger", "enabled", None, "ENABLE"),
    ("trigger", "enabled", "D", "DISABLE"),
    ("trigger_state", "enabled", "O", "ENABLE"),
)


@pytest.mark.parametrize(("kind", "attribute", "value", "words"), IN_WORDS)
def test_codes_are_said_in_the_words_of_commands(
    kind: str, attribute: str, value: Value, words: str
) -> None:
    assert kinds()[kind].in_words(attribute, value) == words


@pytest.mark.parametrize(
    ("ref", "title"),
    [
        (Ref("table", ("app", "t")), "table app.t"),
        (Ref("grant", ("table", "app", "t", "public")), "grant on table app.t to PUBLIC"),
        (Ref("owner", ("text_search_parser", "app", "p")), "owner of text search parser app.p"),
        (Ref("comment", ("column", "app", "t", "a b")), 'comment on column app.t."a b"'),
        (
            Ref("security_label", ("table", "app", "t", "dummy")),
            "security label of dummy on table app.t",
        ),
        (
            Ref("default_acl", ("billing", "", "TABLES", "bi")),
            "default privileges in schema billing on TABLES to bi",
        ),
        (
            Ref("default_acl", ("", "me", "ROUTINES", "none")),
            "default privileges for role me on ROUTINES to the owner",
        ),
    ],
)
def test_what_is_on_an_object_is_called_by_that(ref: Ref, title: str) -> None:
    assert kinds()[ref.kind].title(ref) == title
