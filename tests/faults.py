"""The faults that a run of migrations must survive, and which test stages which.

A test says `@stages("F1", …)`; what no test can stage here says why in `NOT_STAGED`. The page
docs/reference/faults.md is made from these and from the tests' own first lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

FAULTS = {
    "F1": ("the runner is killed inside a file that runs in a transaction",
           "nothing of the file is left; the next run does it anew; the history says `interrupted`"),
    "F2": ("the runner is killed inside a file that runs statement by statement",
           "the next run goes on at the statement that has no row, and finds out whether it ran"),
    "F3": ("the session is ended by the server, or the server restarts",
           "one new connection, the lock again, the state read again; never a blind repetition"),
    "F4": ("several runners at once",
           "one works, the others wait and say for whom; whoever finds nothing to do takes no lock"),
    "F5": ("the runner that holds the lock dies", "its lock goes with its session"),
    "F6": ("somebody else holds a lock",
           "a short wait, who is in the way, a pause, another try; status 75 at the deadline"),
    "F7": ("a statement timeout during long work",
           "what keeps nobody from working has no limit to its time"),
    "F8": ("CREATE INDEX CONCURRENTLY fails",
           "the invalid index that it left is dropped; the rows in the way are named"),
    "F9": ("an invalid index that somebody else left",
           "reported, never dropped, and IF NOT EXISTS is not taken at its word"),
    "F10": ("CREATE INDEX CONCURRENTLY waits for an old transaction",
            "it says for whom it waits, and how far it is"),
    "F11": ("the disk is full",
            "refused before it begins, where that can be known; else nothing is changed"),
    "F12": ("a deferred constraint fails at the end", "the error points to the file"),
    "F13": ("the connection is cut after COMMIT was sent",
            "the server is asked whether it committed (`pg_xact_status`), and the run goes on"),
    "F14": ("an applied file was edited",
            "refused with a diff against what was applied; a comment alone is a warning"),
    "F15": ("the file of an applied revision is missing",
            "refused, with how to get it back: `repair --restore` writes it from the history"),
    "F16": ("the database is ahead of the files", "refused: who applied it, and when"),
    "F17": ("two branches each add a revision",
            "the integrity file conflicts; two heads are refused; `rebase` puts one after the other"),
    "F18": ("a revision is put between applied ones", "found without a database, and refused"),
    "F19": ("clocks differ", "order is by number, never by time"),
    "F20": ("a pooler in transaction mode", "found out and refused, with a hint"),
    "F21": ("a standby, or a read-only role, as the target", "refused before anything is tried"),
    "F22": ("a privilege is missing", "the error names the object, its owner and the GRANT"),
    "F23": ("the history is of an older or newer version, or not one",
            "the older one is brought up to date; the others are refused"),
    "F24": ("a file leaves settings behind, or the database has its own",
            "each file begins with a session as new; the history says which settings it began with"),
    "F25": ("COMMIT inside a file", "refused before anything runs"),
    "F26": ("Ctrl-C, SIGTERM", "the statement is cancelled, rolled back, and recorded"),
    "F27": ("a role has time limits for idle transactions", "they do not end a run"),
    "F28": ("a firewall drops idle connections",
            "keepalives find out; then it is a connection that was lost"),
    "F29": ("an autovacuum against wraparound holds the table", "it is named as that, not killed"),
    "F30": ("somebody changes the schema between plan and apply",
            "refused, with its name; what was undone or applied meanwhile is seen under the lock"),
    "F31": ("a deadlock", "tried anew like a lock that was not to be had"),
    "F32": ("one of several databases fails", "the others are not touched; run again, each goes on"),
    "F33": ("a backfill is interrupted", "it goes on behind the last batch that was committed"),
    "F34": ("the row of the history cannot be written", "the revision is not applied either"),
}  # fmt: skip
"""Code → what goes wrong, and what must come of it."""

NOT_STAGED: dict[str, str] = {}
"""Code → why no test stages it."""


def stages(*codes: str) -> Callable[[F], F]:
    """Say which faults a test stages."""
    unknown = set(codes) - set(FAULTS)
    assert not unknown, unknown

    def said(test: F) -> F:
        return test

    return said
