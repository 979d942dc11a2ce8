"""SQL files: where a statement begins and ends, what a directive says, which passwords are hidden."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.backfill import key_of
from ringfence.errors import BadProject, Span, described
from ringfence.script import Script, checksum, read, redacted, redacted_message

if TYPE_CHECKING:
    from pathlib import Path


def script(text: str) -> Script:
    return Script("x.up.sql", text)


def texts(text: str) -> list[str]:
    return [statement.text for statement in script(text).statements]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("-- a\n/* b; /* c; */ d; */\n;;\n", [], id="comments and bare semicolons"),
        pytest.param("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"], id="no last semicolon"),
        pytest.param("SELECT 1 -- a;\n;", ["SELECT 1"], id="semicolon in a comment"),
        pytest.param("SELECT ';', \"a;b\";", ["SELECT ';', \"a;b\""], id="in quotes"),
        pytest.param("SELECT E'\\';', 1; X", ["SELECT E'\\';', 1", "X"], id="escape string"),
        pytest.param("SELECT $$;$$, $a$;$$;$a$; X", ["SELECT $$;$$, $a$;$$;$a$", "X"], id="dollar"),
        pytest.param("SELECT 'ñ;'; SELECT '日'", ["SELECT 'ñ;'", "SELECT '日'"], id="not ASCII"),
        pytest.param(
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); X",
            ["CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "X"],
            id="rule with several actions",
        ),
        pytest.param(
            "CREATE FUNCTION f() RETURNS INT BEGIN ATOMIC SELECT 1;"
            " SELECT CASE WHEN TRUE THEN 1 END; END; X",
            [
                (
                    "CREATE FUNCTION f() RETURNS INT BEGIN ATOMIC SELECT 1;"
                    " SELECT CASE WHEN TRUE THEN 1 END; END"
                ),
                "X",
            ],
            id="BEGIN ATOMIC",
        ),
        pytest.param("BEGIN; SELECT 1; END; X", ["BEGIN", "SELECT 1", "END", "X"], id="BEGIN"),
        pytest.param("SELECT 1); X", ["SELECT 1)", "X"], id="a parenthesis too many"),
        pytest.param("SELECT 1\r\n;\r\nX;\r\n", ["SELECT 1", "X"], id="CRLF"),
    ],
)
def test_divides_into_statements(text: str, expected: list[str]) -> None:
    assert texts(text) == expected
    for statement in script(text).statements:
        assert text[statement.start :].startswith(statement.text)


@pytest.mark.parametrize(
    ("text", "data", "rest"),
    [
        ("COPY t FROM STDIN;\n1\tit's\n;\n\\.\nX;\n", "1\tit's\n;\n", ["X"]),
        ("COPY t FROM STDIN;\r\n1\r\n\\.\r\nX;", "1\r\n", ["X"]),
        ("copy t (a) from stdin with (delimiter ';');\nñ;2\n\\.\n", "ñ;2\n", []),
        ("COPY t FROM STDIN;\n1\n2\n", "1\n2\n", []),
        ("COPY t FROM STDIN;\n1\n2", "1\n2", []),
        ("COPY t FROM STDIN;\n\\.\n", "", []),
        ("COPY t FROM STDIN;\n\\.x\n\\.\n", "\\.x\n", []),
        ("/* data */ COPY t FROM STDIN;\n1\n\\.\n", "1\n", []),
        ('COPY /* a; */ "b;c" -- d;\n FROM\n STDIN -- e\n; -- f;\n1\n\\.\nX', "1\n", ["X"]),
    ],
    ids=[
        "text",
        "CRLF",
        "delimiter",
        "to the end",
        "no last newline",
        "none",
        "not the end",
        "behind a comment",
        "among comments and names",
    ],
)
def test_takes_the_data_of_a_copy(text: str, data: str, rest: list[str]) -> None:
    first, *others = script(text).statements
    assert first.data == data
    assert [statement.text for statement in others] == rest


@pytest.mark.parametrize(
    "text",
    [
        "-- Later: TRUNCATE t; COPY t FROM STDIN;\nSELECT 1",
        "/*\nCOPY t FROM STDIN;\n*/\nSELECT 1",
        "/* a;\nCOPY t FROM STDIN;\n */ SELECT 1",
        "SELECT '\nCOPY t FROM STDIN;\n'",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '\nCOPY t FROM STDIN;\n' $$",
        'SELECT 1 AS "\nCOPY t FROM STDIN;\n"',
        "COPY (SELECT a FROM stdin) TO '/x'",
        "SELECT a FROM stdin",
    ],
)
def test_words_of_a_copy_that_are_none_take_no_data(text: str) -> None:
    (statement, last) = script(f"{text};\nSELECT 2;\n").statements
    assert (statement.data, last.text) == (None, "SELECT 2")
    assert text.endswith(statement.text)


PIECES = st.sampled_from(
    [
        "SELECT 1",
        'SELECT \';\', "a;""b", $$;$$, $x$ $$ ; $x$',
        "SELECT E'it\\'s;', U&'\\0041;', 'it''s;'",
        "SELECT 'año; 日本' -- ;\n, 2",
        "DO $do$ BEGIN PERFORM 1; END; $do$",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT (2))",
        "CREATE FUNCTION f() RETURNS INT BEGIN ATOMIC SELECT CASE WHEN TRUE THEN 1 END; END",
        "BEGIN",
        "END",
        "VALUES (1, 2) /* ; /* ; */ ; */",
    ]
)
BETWEEN = st.lists(
    st.sampled_from([" ", "\n", "\r\n", ";", "-- it's; a comment\n", "/* ; ' $$ \" */"]), max_size=4
).map("".join)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # others use the machine too
@given(st.lists(st.tuples(BETWEEN, PIECES, BETWEEN)))
def test_what_was_put_together_is_taken_apart(parts: list[tuple[str, str, str]]) -> None:
    text = "".join(f"{before}{piece} \n;{after}" for before, piece, after in parts)
    stripped = [piece.partition(" /*")[0] if "VALUES" in piece else piece for _, piece, _ in parts]
    assert texts(text) == stripped
    assert texts(script(text.rstrip("; \n")).for_psql + "SELECT 'last';")[len(parts) :] == [
        "SELECT 'last'"
    ]


@given(st.text(st.sampled_from("aA1 '\"$-/*=:;\n@") | st.characters(), max_size=60))
def test_masking_moves_nothing(text: str) -> None:
    for known in (
        text,
        f"ALTER ROLE x PASSWORD 'pw' {text}",
        f"{text} 'postgres://u:p@h' CONNECTION",
    ):
        masked = redacted(known)
        assert len(masked) == len(known)
        assert [a for a in masked if a == "\n"] == [a for a in known if a == "\n"]
        assert redacted(masked) == masked


def test_a_copy_may_follow_a_statement_on_its_line() -> None:
    first, second = script("SELECT 1; COPY t FROM STDIN;\nit's\n").statements
    assert (first.text, first.data) == ("SELECT 1", None)
    assert (second.text, second.data) == ("COPY t FROM STDIN", "it's\n")


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("COPY t FROM '/tmp/stdin';", False),
        ("COPY t TO STDOUT;", True),
        ("COPY t (a, b, c, d, e, f, g, h) FROM STDIN", True),
        ("COPY t FROM STDIN;\n1\n\\.\n", False),
        ("SELECT 'COPY t TO STDOUT';", False),
    ],
)
def test_knows_a_copy_that_waits_for_its_client(text: str, waits: bool) -> None:
    (statement,) = script(text).statements
    assert statement.copies_with_client is waits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1;\n", "SELECT 1;\n"),
        ("SELECT 1", "SELECT 1\n;\n"),
        ("SELECT 1 -- why", "SELECT 1 -- why\n;\n"),
        ("SELECT 1; -- why", "SELECT 1; -- why\n"),
        ("-- nothing", "-- nothing\n"),
        ("COPY t FROM STDIN;\n1\n\\.\n", "COPY t FROM STDIN;\n1\n\\.\n"),
        ("COPY t FROM STDIN;\n1", "COPY t FROM STDIN;\n1\n\\.\n"),
    ],
)
def test_ends_for_psql_where_another_statement_may_follow(text: str, expected: str) -> None:
    assert script(text).for_psql == expected


@pytest.mark.parametrize(
    ("text", "controls"),
    [
        ("BEGIN", True),
        ("START TRANSACTION", True),
        ("COMMIT", True),
        ("end", True),
        ("ABORT", True),
        ("ROLLBACK", True),
        ("PREPARE TRANSACTION 'x'", True),
        ("COMMIT PREPARED 'x'", True),
        ("ROLLBACK TO SAVEPOINT a", False),
        ("SAVEPOINT a", False),
        ("RELEASE a", False),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", False),
        ("PREPARE p AS SELECT 1", False),
        ("SELECT prepared FROM t", False),
    ],
)
def test_knows_what_controls_the_transaction(text: str, controls: bool) -> None:
    (statement,) = script(text).statements
    assert statement.controls_transaction is controls


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("SET search_path = a", True),
        ("SET SESSION work_mem = '1GB'", True),
        ("SET ROLE x", True),
        ("RESET ALL", True),
        ("SET LOCAL search_path = a", False),
        ("SET CONSTRAINTS ALL DEFERRED", False),
        ("SET TRANSACTION READ ONLY", False),
        ("SELECT set_config('search_path', 'a', false)", False),
    ],
)
def test_knows_what_sets_the_session(text: str, sets: bool) -> None:
    (statement,) = script(text).statements
    assert statement.sets_session is sets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1; SELECT 2", ["1", "2"]),
        ("BEGIN; SELECT 1; SELECT 2; COMMIT; SELECT 3", ["2,3 kept", "5"]),
        ("BEGIN; COMMIT; START TRANSACTION; SELECT 1; END", ["4 kept"]),
        ("BEGIN; SELECT 1; ROLLBACK TO a; ROLLBACK; SELECT 2", ["2,3", "5"]),
        ("BEGIN; SELECT 1; COMMIT AND CHAIN; SELECT 2; COMMIT AND NO CHAIN", ["2 kept", "4 kept"]),
        ("BEGIN; SELECT 1; BEGIN; SELECT 2; ABORT AND CHAIN; SELECT 3", ["2,4", "6 open"]),
        ("BEGIN; SELECT 1; PREPARE TRANSACTION 'x'; COMMIT PREPARED 'x'", ["2", "4"]),
        ("COMMIT; SELECT 1", ["2"]),
        ("", []),
    ],
)
def test_knows_the_transactions_of_a_loose_file(text: str, expected: list[str]) -> None:
    found = [
        ",".join(map(str, block.numbers))
        + (" kept" if block.kept else "" if block.ended else " open")
        if block.together
        else ",".join(map(str, block.numbers))
        for block in Script("x.sql", text, loose=True).blocks
    ]
    assert found == expected


@pytest.mark.parametrize(
    ("text", "loose", "transactional"),
    [
        ("SELECT 1", False, True),
        ("SELECT 1", True, False),
        ("-- ringfence: transaction: one\nSELECT 1", True, True),
        ("-- ringfence: transaction: none\nSELECT 1", False, False),
        ("-- ringfence: backfill key=id\nUPDATE t SET a = 1", False, False),
        ("-- ringfence: lock-timeout: 1s\nSELECT 1", True, False),
    ],
)
def test_a_file_is_one_transaction_where_somebody_says_so(
    text: str, loose: bool, transactional: bool
) -> None:
    text_ = Script("x.sql", text, loose)
    assert text_.transactional is transactional
    assert [b.together for b in text_.blocks] == [transactional]


# Directives


def test_reads_directives_at_the_top() -> None:
    text = "\n-- A note.\n-- ringfence: transaction: none\n--ringfence:lock-timeout 1min\nSELECT 1;"
    assert script(text).directives == {"transaction": "none", "lock-timeout": "1min"}
    assert not script(text).transactional
    assert script("SELECT 1").transactional


def test_a_directive_may_be_in_capitals_and_below_a_block_comment() -> None:
    text = "/* A licence,\n of two lines. */\n-- Ringfence : Phase: contract\nSELECT 1;"
    assert script(text).directives == {"phase": "contract"}
    assert script("/* ringfence: it is nice */ SELECT '-- ringfence: oh'").directives == {}


def test_the_columns_of_a_backfill_are_names_of_sql() -> None:
    said = script(
        '-- ringfence: backfill key="Order ""Id",b,"c d=e" batch=1s\nDELETE FROM t'
    ).backfill
    assert said == {"key": '"Order ""Id",b,"c d=e"', "batch": "1s"}
    assert key_of(said["key"]) == ('Order "Id', "b", "c d=e")


@pytest.mark.parametrize(
    ("text", "message", "hint", "line"),
    [
        (
            "-- ringfence: transactoin: none",
            "unknown directive transactoin",
            "did you mean transaction?",
            1,
        ),
        (
            "-- ringfence: colour: blue",
            "unknown directive colour",
            (
                "known here: transaction, lock-timeout, lock-deadline, statement-timeout, phase,"
                " backfill, supersedes, hazard, allowed, planned-on, interim"
            ),
            1,
        ),
        (
            "\n-- ringfence: transaction: no",
            "transaction is 'no'",
            "it may be one or none",
            2,
        ),
        (
            "-- ringfence: lock-timeout: soon",
            "lock-timeout is 'soon'",
            "write a duration: 500ms, 5s, 2min; or 0 for no limit",
            1,
        ),
        (
            "SELECT 1;\n-- ringfence: transaction: none",
            "transaction is said below the first statement, where nothing heeds it",
            "move the line to the top of the file",
            2,
        ),
        (
            "SELECT 1;\n-- ringfence: transacton: none",
            "unknown directive transacton",
            "did you mean transaction?",
            2,
        ),
    ],
)
def test_refuses_a_wrong_directive(text: str, message: str, hint: str, line: int) -> None:
    with pytest.raises(BadProject) as caught:
        _ = script(text).directives
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert caught.value.span == Span("x.up.sql", line, 1, text.split("\n")[line - 1])


@pytest.mark.parametrize(
    "text",
    [
        "/* ringfence: transaction: none */\nSELECT 1",
        "-- one\n/*\n * Ringfence: transacton: none\n */\nSELECT 1",
        "/*\n-- ringfence: transaction: none\n*/\nSELECT 1",
    ],
)
def test_refuses_a_directive_in_a_block_comment(text: str) -> None:
    with pytest.raises(BadProject) as caught:
        _ = script(text).directives
    assert re.fullmatch(
        r"transact\w+ is said in a block comment, where nothing heeds it", caught.value.message
    )
    assert re.fullmatch(
        r"say it behind two dashes: -- [Rr]ingfence: transact\w+: none", caught.value.hint or ""
    )
    assert caught.value.span is not None
    assert "transact" in text.split("\n")[caught.value.span.line - 1]


# What cannot be divided


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("SELECT 1;\nSELECT 'ñ', 'abc;\n", "unterminated quoted string", "x.up.sql:2:13"),
        ('SELECT "abc', "unterminated quoted identifier", "x.up.sql:1:8"),
        ("DO $a$ BEGIN", "unterminated dollar-quoted string", "x.up.sql:1:4"),
        ("SELECT 1; /* and", "unterminated /* comment", "x.up.sql:1:11"),
        ("SELECT 1;\n  \\i other.sql", "psql's own commands cannot be used here", "x.up.sql:2:3"),
    ],
)
def test_says_where_a_text_cannot_be_divided(text: str, message: str, place: str) -> None:
    with pytest.raises(BadProject) as caught:
        _ = script(text).statements
    assert (caught.value.message, str(caught.value.span)) == (message, place)


def test_a_span_counts_in_characters_and_leaves_the_carriage_return_out() -> None:
    text = "SELECT 1;\r\n\tSELECT 'ñ', oops;\r\n"
    span = script(text).span(text.index("oops"))
    assert span == Span("x.up.sql", 2, 14, "\tSELECT 'ñ', oops;")


def test_a_span_beyond_the_end_is_the_end() -> None:
    assert script("SELECT").span(99) == Span("x.up.sql", 1, 7, "SELECT")


# Files


def test_line_ends_and_a_byte_order_mark_are_no_edit(tmp_path: Path) -> None:
    (tmp_path / "lf").write_bytes(b"SELECT 1;\n")
    (tmp_path / "crlf").write_bytes(b"\xef\xbb\xbfSELECT 1;\r\n")
    lf, crlf = (read(tmp_path / name, name) for name in ("lf", "crlf"))
    assert lf.checksum == crlf.checksum
    assert crlf.text.startswith("SELECT")
    assert checksum(b"SELECT 2;\n") != lf.checksum


@pytest.mark.parametrize(
    ("raw", "message", "place"),
    [
        (b"SELECT 1;\nSELECT 'a\xf1o';", "x.sql is not UTF-8: byte 0xf1", "x.sql:2:10"),
        (b"S\x00E\x00", "x.sql holds a NUL byte: it is not text", None),
    ],
)
def test_refuses_what_is_not_text(
    tmp_path: Path, raw: bytes, message: str, place: str | None
) -> None:
    (tmp_path / "x.sql").write_bytes(raw)
    with pytest.raises(BadProject) as caught:
        read(tmp_path / "x.sql", "x.sql")
    assert caught.value.message == message
    assert (caught.value.span and str(caught.value.span)) == place


def test_says_when_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.sql").mkdir()
    with pytest.raises(BadProject, match=r"^cannot read x.sql: Is a directory$"):
        read(tmp_path / "x.sql", "x.sql")


# Secrets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CREATE ROLE a PASSWORD 'x''y'", "CREATE ROLE a PASSWORD ******"),
        ("ALTER USER a WITH ENCRYPTED PASSWORD E'x\\'y' LOGIN",
         "ALTER USER a WITH ENCRYPTED PASSWORD ******* LOGIN"),
        ("CREATE ROLE a PASSWORD $q$pw$q$", "CREATE ROLE a PASSWORD ********"),
        ('CREATE ROLE a PASSWORD "pw"', "CREATE ROLE a PASSWORD ****"),
        ("CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'u', password 'pw')",
         "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'u', password ****)"),
        ("CREATE SUBSCRIPTION s CONNECTION 'host=h password=pw' PUBLICATION p",
         "CREATE SUBSCRIPTION s CONNECTION ******************** PUBLICATION p"),
        ("SELECT dblink('host=h password=pw user=u')",
         "SELECT dblink('host=h password=** user=u')"),
        ("SELECT dblink('postgresql://u:p@w@h/db')", "SELECT dblink('postgresql://u:***@h/db')"),
        ("DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''pw'''; END $$",
         "DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ******'; END $$"),
        ("DO $$ BEGIN ALTER ROLE a PASSWORD 'pw'; END $$",
         "DO $$ BEGIN ALTER ROLE a PASSWORD ****; END $$"),
        ("-- was PASSWORD 'pw'\nSELECT 1", "-- was PASSWORD ****\nSELECT 1"),
        ("ALTER ROLE a PASSWORD 'p\nw'", "ALTER ROLE a PASSWORD **\n**"),
        ("SET app.api_token = 'pw'", "SET app.api_token = ****"),
        ("SELECT set_config('app.api_token', 'pw', TRUE)",
         "SELECT set_config('app.api_token', ****, TRUE)"),
        ("op.execute(\"ALTER ROLE a PASSWORD 'pw'\")", 'op.execute("ALTER ROLE a PASSWORD ****")'),
        ('x = """\nALTER ROLE a PASSWORD \'pw\'\n"""', 'x = """\nALTER ROLE a PASSWORD ****\n"""'),
    ],
)  # fmt: skip
def test_masks_passwords_in_sql(text: str, expected: str) -> None:
    assert redacted(text) == expected
    assert len(redacted(text)) == len(text)


@pytest.mark.parametrize(
    "text",
    [
        "ALTER ROLE a PASSWORD NULL",
        "CHECK (kind IN ('password', 'secret', 'token'))",
        "INSERT INTO t (password) SELECT crypt(password, salt) FROM u WHERE password = hash",
        "ALTER TABLE t ADD password TEXT, ADD note TEXT DEFAULT 'none'",
        "ALTER ROLE a CONNECTION LIMIT 5 VALID UNTIL '2030-01-01'",
        "COMMENT ON COLUMN t.password IS 'hashed'",
        "SELECT 'it''s no password', 'http://example.com/a@b'",
    ],
)
def test_leaves_sql_without_a_password_as_it_is(text: str) -> None:
    assert redacted(text) == text


def test_masks_in_a_message_what_its_script_hides() -> None:
    sql = "CREATE ROLE a PASSWORD 'hunter2'"
    said = 'syntax error at or near "hunter2" in postgresql://u:pw@h/db'
    expected = 'syntax error at or near "*******" in postgresql://u:**@h/db'
    assert redacted_message(said, sql) == expected


def test_a_name_that_the_script_says_openly_is_none_to_mask() -> None:
    sql = (
        "SELECT json_build_object('type', 'reset_password', 'user_id', t.user_id, 'by', 'hunter2')"
        " FROM t -- hunter2"
    )
    said = 'column "user_id" does not exist, hunter2'
    assert redacted_message(said, sql) == 'column "user_id" does not exist, *******'


def test_statements_that_copy_would_take_for_rows_are_refused() -> None:
    with pytest.raises(BadProject) as caught:
        _ = script("SELECT 1;\nCOPY t FROM STDIN;\nit's\nCREATE TABLE c (id int);\n").statements
    assert described(caught.value).splitlines()[0] == "error: the data of this COPY have no end"
    assert caught.value.span is not None
    assert (caught.value.span.line, caught.value.span.column) == (2, 1)
    assert caught.value.hint == (
        "end them with a line that is \\.: the rest of the file is read as rows"
    )
    assert script("COPY t FROM STDIN;\na;\n\\.\n").statements[0].data == "a;\n"
