"""The locks that a dry run tells, and how somebody in the way is told."""

from __future__ import annotations

import pytest

from ringfence.lockmodes import lock
from ringfence.pg.watch import Blocker, Sight
from ringfence.script import Script


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("ALTER TABLE t ADD COLUMN z INT", "ACCESS EXCLUSIVE"),
        ("ALTER TABLE t VALIDATE CONSTRAINT c", "SHARE UPDATE EXCLUSIVE"),
        ("ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p NOT VALID", "SHARE ROW EXCLUSIVE"),
        ("ALTER TABLE t ALTER a SET STATISTICS 500", "SHARE UPDATE EXCLUSIVE"),
        ("ALTER TABLE p ATTACH PARTITION c DEFAULT", "SHARE UPDATE EXCLUSIVE"),
        ("ALTER TABLE t DISABLE TRIGGER ALL", "SHARE ROW EXCLUSIVE"),
        ("ALTER INDEX i RENAME TO j", "SHARE UPDATE EXCLUSIVE"),
        ("CREATE UNIQUE INDEX i ON t (a)", "SHARE"),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", "SHARE UPDATE EXCLUSIVE"),
        ("CREATE OR REPLACE TRIGGER g BEFORE UPDATE ON t EXECUTE FUNCTION f()", "SHARE ROW EXCLUSIVE"),
        ("CREATE POLICY p ON t USING (TRUE)", "ACCESS EXCLUSIVE"),
        ("CREATE TABLE n (id INT)", ""),
        ("CREATE TABLE n (id INT REFERENCES p)", "SHARE ROW EXCLUSIVE"),
        ("CREATE TABLE n PARTITION OF p DEFAULT", "ACCESS EXCLUSIVE"),
        ("CREATE FUNCTION f() RETURNS INT LANGUAGE SQL AS 'SELECT 1'", ""),
        ("DROP INDEX i", "ACCESS EXCLUSIVE"),
        ("DROP INDEX CONCURRENTLY i", "SHARE UPDATE EXCLUSIVE"),
        ("DROP FUNCTION f", ""),
        ("REFRESH MATERIALIZED VIEW m", "ACCESS EXCLUSIVE"),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY m", "EXCLUSIVE"),
        ("VACUUM t", "SHARE UPDATE EXCLUSIVE"),
        ("VACUUM FULL t", "ACCESS EXCLUSIVE"),
        ("UPDATE t SET a = 1", "ROW EXCLUSIVE"),
        ("GRANT SELECT ON t TO r", ""),
    ],
)  # fmt: skip
def test_the_lock_of_a_statement(text: str, mode: str) -> None:
    (statement,) = Script("x.sql", text).statements
    assert lock(statement) == mode


def test_who_is_in_the_way() -> None:
    somebody = Blocker(7, "u", "app", "00:00:03", "idle in transaction", "SELECT 1")
    autovacuum = Blocker(
        8, "", "", "01:00:00", "active", "autovacuum: VACUUM t (to prevent wraparound)",
        "autovacuum worker",
    )  # fmt: skip
    assert Sight((somebody, autovacuum), "building index", 1, 4).shown == (
        "building index 25 %; waits for pid 7, user u, app, idle in transaction in a transaction"
        " since 00:00:03: SELECT 1; waits for autovacuum (pid 8) to prevent wraparound: let it end,"
        " active since 01:00:00: autovacuum: VACUUM t (to prevent wraparound)"
    )
