"""SQL files as people write them: directives at the top, statements with their places, secrets.

PostgreSQL's own scanner (libpg_query) finds the tokens; nothing here understands SQL beyond where a
statement ends. So a file may use syntax newer than the scanner's release.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ringfence.config import DURATION
from ringfence.errors import BadProject, Span

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

DIRECTIVES = {
    "transaction": ("one", "none"),
    "lock-timeout": None,
    "lock-deadline": None,
    "statement-timeout": None,
    "phase": ("expand", "contract"),
    "backfill": None,
    "supersedes": None,
    "hazard": None,
    "allowed": None,
    "planned-on": None,
    "interim": None,
}
"""What `-- ringfence: KEY: VALUE` may say at the top of a migration, and the values allowed."""

_SEVERAL = ("hazard", "allowed", "planned-on", "interim")
"""What it may say several times."""

BESIDE = ("ignore", "renamed-from", "filled-with")
"""What it may say beside what is made or done."""

_DIRECTIVE = re.compile(
    r"--\s*ringfence\s*:\s*(?P<key>[\w-]+)\s*:?\s*(?P<value>.*?)\s*\Z", re.IGNORECASE
)
_IN_BLOCK = re.compile(
    r"^[^\S\n/*-]*[\t /*-]*(?P<said>ringfence\s*:\s*(?P<key>[\w-]+)[^\n]*?)[\s*/]*$",
    re.IGNORECASE | re.MULTILINE,
)
_TOP = re.compile(r"(?:\s+|--[^\n]*|/\*.*?\*/)*", re.DOTALL)
_FROM_STDIN = re.compile(r"\bFROM(?:\s|--[^\n]*\n|/\*.*?\*/)+STDIN\b", re.IGNORECASE | re.DOTALL)
_NAME = r'(?:"(?:[^"]|"")+"|[^\s=",]+)'
_BACKFILL = re.compile(
    rf"(?=(?:.*\s)?key=)(?:(?:key={_NAME}(?:,{_NAME})*|batch=\d+(?:ms|s|min)|rows=[1-9]\d*"
    r"|policies=bind|lag=\d+(?:ms|s|min))(?:\s+|\Z))+\Z"
)
_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_COLUMN = re.compile(rf"column:(?:{_IDENTIFIER}\.){{2}}{_IDENTIFIER}\Z")
_SETTING = re.compile(rf"(?P<key>\w+)=(?P<value>{_NAME}(?:,{_NAME})*)")
_END_OF_DATA = re.compile(r"^\\\.[^\S\n]*$", re.MULTILINE)
_WORDS = 16
_STATEMENTS_END = re.compile(r";[ \t\r]*$", re.MULTILINE)
_LONGEST_COPY = 20_000  # characters before its data
_SHORT = 20_000  # characters


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its semicolon. `start` is its offset in the file, in characters.

    `words` are its first keywords and names in capitals (at most sixteen): enough to tell a COMMIT
    from a CREATE INDEX CONCURRENTLY.
    """

    text: str
    start: int
    words: tuple[str, ...]
    data: str | None = None
    """What follows a COPY … FROM STDIN, up to the line that ends it."""

    @property
    def verb(self) -> str:
        """What a message calls a statement that controls the transaction."""
        two = self.words[1:2] in (("TRANSACTION",), ("PREPARED",))
        return " ".join(self.words[: 1 + two])

    @property
    def sets_session(self) -> bool:
        """Whether it sets, or resets, something for the rest of the session and does nothing else."""
        first, second = (*self.words, "", "")[:2]
        return first == "RESET" or (
            first == "SET" and second not in {"LOCAL", "TRANSACTION", "CONSTRAINTS"}
        )

    @property
    def lets_others_work(self) -> bool:
        """Whether it says CONCURRENTLY, so that its waiting for a lock keeps no reader or writer."""
        first = self.words[:1]
        return "CONCURRENTLY" in self.words and (
            first == ("REINDEX",)
            or (first in {("CREATE",), ("DROP",)} and "INDEX" in self.words[1:3])
            or (first == ("ALTER",) and "DETACH" in self.words)
        )

    @property
    def takes_long(self) -> bool:
        """Whether it works long under a lock that lets readers and writers be: no limit on its time."""
        first, second = (*self.words, "", "")[:2]
        return (
            self.lets_others_work
            or (first == "VACUUM" and "FULL" not in self.words)
            or first in {"ANALYZE", "ANALYSE"}
            or (first == "ALTER" and second in {"TABLE", "DOMAIN"} and "VALIDATE" in self.words)
            or (first == "REFRESH" and "CONCURRENTLY" in self.words)
        )

    @property
    def outside(self) -> str:
        """The words by which one sees that it cannot run inside a transaction; empty if it may."""
        first, second = (*self.words, "", "")[:2]
        if self.lets_others_work:
            return f"{first} … CONCURRENTLY" if first == "ALTER" else f"{first} INDEX CONCURRENTLY"
        if first == "REINDEX" and {"DATABASE", "SYSTEM", "SCHEMA"}.intersection(self.words[1:4]):
            return f"REINDEX {({'DATABASE', 'SYSTEM', 'SCHEMA'} & set(self.words[1:4])).pop()}"
        if first == "VACUUM" or self.words == ("CLUSTER",):
            return first
        if first in {"CREATE", "DROP"} and second in {"DATABASE", "TABLESPACE"}:
            return f"{first} {second}"
        if (first, second) == ("ALTER", "SYSTEM"):
            return "ALTER SYSTEM"
        return ""

    @property
    def copies_with_client(self) -> bool:
        """Whether it is a COPY whose data its sender has to send or take, and has not."""
        return (
            self.words[:1] == ("COPY",)
            and self.data is None
            and re.search(r"\b(FROM\s+STDIN|TO\s+STDOUT)\b", self.text, re.IGNORECASE) is not None
        )

    @property
    def turn(self) -> Turn:
        """What it does to the transaction around it."""
        first, second = (*self.words, "", "")[:2]
        chain = "CHAIN" in self.words and "NO" not in self.words
        if first == "BEGIN" or (first, second) == ("START", "TRANSACTION"):
            return "begin"
        if (first, second) == ("PREPARE", "TRANSACTION"):
            return "rollback"  # nothing of it is seen before somebody commits it
        if first in {"COMMIT", "END"} and second != "PREPARED":
            return "commit and chain" if chain else "commit"
        if first == "ABORT" or (first == "ROLLBACK" and not {"TO", "PREPARED"} & set(self.words)):
            return "rollback and chain" if chain else "rollback"
        return ""

    @property
    def two_phase(self) -> bool:
        """Whether it prepares a transaction, or ends one that was prepared."""
        return self.words[:2] in {
            ("PREPARE", "TRANSACTION"),
            ("COMMIT", "PREPARED"),
            ("ROLLBACK", "PREPARED"),
        }

    @property
    def controls_transaction(self) -> bool:
        """Whether it would begin or end the transaction that a revision runs in."""
        return bool(self.turn) or self.words[:2] in {
            ("COMMIT", "PREPARED"),
            ("ROLLBACK", "PREPARED"),
        }


Turn = Literal["begin", "commit", "rollback", "commit and chain", "rollback and chain", ""]
"""What a statement does to the transaction around it; most do nothing."""


@dataclass(frozen=True, slots=True)
class Block:
    """Statements of a file that are one transaction, by their numbers from 1.

    `together` is whether something holds them together: else it is one statement by itself, which may
    be one that no transaction takes. `kept` is whether they are committed; `ended` whether the file
    says where they end.
    """

    numbers: tuple[int, ...]
    together: bool = True
    kept: bool = True
    ended: bool = True


def blocks(turns: Iterable[Turn], *, one: bool) -> tuple[Block, ...]:
    """The transactions of a file whose statements do this to them, in order; `one`: the file is one.

    What begins and ends them belongs to none.
    """
    told = list(turns)
    if one:
        numbers = tuple(n for n, turn in enumerate(told, 1) if not turn)
        return (Block(numbers),) if numbers else ()
    found: list[Block] = []
    inside: list[int] | None = None
    for number, turn in enumerate(told, 1):
        if not turn:
            if inside is None:
                found.append(Block((number,), together=False))
            else:
                inside.append(number)
        elif turn != "begin":
            if inside:
                found.append(Block(tuple(inside), kept=turn.startswith("commit")))
            inside = [] if turn.endswith("chain") else None
        elif inside is None:
            inside = []
    if inside:
        found.append(Block(tuple(inside), kept=False, ended=False))
    return tuple(found)


@dataclass(frozen=True)
class Script:
    """A SQL file's text and the path that messages name it by.

    A `loose` one is none that ringfence runs: it stands for what psql would do with it, statement by
    statement, unless it says at its top that all of it is one transaction (`psql -1`). To psql a
    backfill is the statement that it is.
    """

    path: str
    text: str
    loose: bool = False
    origins: tuple[tuple[int, Span], ...] = ()
    """Where that was written which stands at an offset and behind it, for SQL that Python comes to."""

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the text with its line ends as LF: a checkout on another system is no edit."""
        return checksum(self.text.encode())

    @cached_property
    def directives(self) -> Mapping[str, str]:
        """What the comment lines at the top say to ringfence. Raises `BadProject` on a wrong one."""
        found: dict[str, str] = {}
        begins = _TOP.match(self.text)
        assert begins is not None  # it matches nothing, too
        self._refuse_in_blocks(begins.end())
        end = 0
        for number, line in enumerate(self.text.split("\n"), 1):
            start, end = end, end + len(line) + 1
            match = _DIRECTIVE.match(line.strip())
            if match is None:
                continue
            key, value = match["key"].lower(), match["value"]
            if key == "ignore":
                continue  # said to lint
            span = Span(self.path, number, line.index("--") + 1, line.rstrip())
            if start >= begins.end():
                if key in DIRECTIVES:
                    raise BadProject(
                        f"{key} is said below the first statement, where nothing heeds it",
                        span=span,
                        hint="move the line to the top of the file",
                    )
                if key not in BESIDE and meant(key):
                    raise BadProject(f"unknown directive {key}", span=span, hint=_known(key))
                continue
            if key not in DIRECTIVES:
                raise BadProject(f"unknown directive {key}", span=span, hint=_known(key))
            allowed = DIRECTIVES[key]
            if allowed is not None and value not in allowed:
                raise BadProject(
                    f"{key} is {value!r}", span=span, hint=f"it may be {' or '.join(allowed)}"
                )
            timed = key.endswith(("-timeout", "-deadline"))
            if timed and value != "0" and not DURATION.match(value):
                none = "none" if key == "lock-deadline" else "no limit"
                raise BadProject(
                    f"{key} is {value!r}",
                    span=span,
                    hint=f"write a duration: 500ms, 5s, 2min; or 0 for {none}",
                )
            if key == "backfill" and not _BACKFILL.match(value):
                raise BadProject(
                    f"backfill says {value!r}",
                    span=span,
                    hint="write: -- ringfence: backfill key=id batch=200ms",
                )
            if key == "interim" and not _COLUMN.match(value):
                raise BadProject(
                    f"interim says {value!r}, which is no column",
                    span=span,
                    hint="write: -- ringfence: interim: column:shop.orders.total_new",
                )
            several = key in _SEVERAL and key in found
            found[key] = f"{found[key]}\n{value}" if several else value
        return found

    def _refuse_in_blocks(self, end: int) -> None:
        """Raise `BadProject` where a block comment before `end` says what only a line's end says."""
        for block in re.finditer(r"--[^\n]*|(?P<block>/\*.*?\*/)", self.text[:end], re.DOTALL):
            said = in_block(block["block"] or "")
            if said is not None:
                raise BadProject(
                    f"{said['key']} is said in a block comment, where nothing heeds it",
                    span=self.span(block.start() + said.start("said")),
                    hint=f"say it behind two dashes: -- {said['said']}",
                )

    def said(self, key: str) -> tuple[str, ...]:
        """What a directive that may be there several times says, each time."""
        return tuple(self.directives[key].split("\n")) if key in self.directives else ()

    @property
    def transactional(self) -> bool:
        """Whether the whole file runs in one transaction.

        What ringfence runs does unless it says otherwise; a loose file only where it says so.
        """
        said = self.directives.get("transaction", "none" if self.loose else "one")
        return said == "one" and not self.backfill

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The transactions that the file's statements run in, in order."""
        return blocks((s.turn for s in self.statements), one=self.transactional)

    @property
    def backfill(self) -> Mapping[str, str]:
        """What `-- ringfence: backfill key=id batch=200ms` says; empty where the file is none.

        A loose one is none: nobody reads the line, and the statement goes over the whole table.
        """
        if self.loose:
            return {}
        said = _SETTING.finditer(self.directives.get("backfill", ""))
        return {match["key"]: match["value"] for match in said}

    @property
    def phase(self) -> str:
        """Whether it belongs before a deploy (`expand`, as all do unless they say so) or after it."""
        return self.directives.get("phase", "expand")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what the text means: comments, white space and the case of words do not count."""
        marks = hashlib.sha256()
        for token in self.code():
            plain = token.word and not token.text.startswith(('"', "U&", "u&"))
            marks.update((token.text.lower() if plain else token.text).encode() + b"\0")
        for start, end, _ in self._copies:
            marks.update(self.text[start:end].encode() + b"\0")
        return marks.hexdigest()

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The statements, in order. Raises `BadProject` where the text cannot be divided."""
        return tuple(self._split())

    @property
    def for_psql(self) -> str:
        """The text such that another statement may follow it: what ends it is there."""
        text = self.text if self.text.endswith("\n") else self.text + "\n"
        statements = self.statements
        if statements and statements[-1].data is not None:
            return text if re.search(r"^\\\.\s*\Z", text, re.MULTILINE) else text + "\\.\n"
        last = ";"
        for token in self.code():
            last = token.text
        return text if last == ";" else text + ";\n"

    def without(self, done: Collection[int]) -> str:
        """The same, without the statements of these numbers: what is set for the session stays."""
        if not done:
            return self.for_psql
        parts = []
        for number, statement in enumerate(self.statements, 1):
            if number not in done or statement.sets_session:
                data = "" if statement.data is None else f"\n{statement.data}\\."
                parts.append(f"{statement.text};{data}\n")
        return "".join(parts)

    @cached_property
    def _shown(self) -> str:
        return redacted(self.text)

    def span(self, offset: int) -> Span:
        """The place `offset` characters into the text, its line shown with secrets masked."""
        if self.origins:
            known = [place for at, place in self.origins if at <= offset]
            return known[-1] if known else self.origins[0][1]
        offset = max(0, min(offset, len(self.text)))
        shown = self._shown
        before = self.text.rfind("\n", 0, offset) + 1
        after = self.text.find("\n", offset)
        line = shown[before : after if after >= 0 else len(shown)].rstrip("\r")
        return Span(self.path, self.text.count("\n", 0, offset) + 1, offset - before + 1, line)

    def _split(self) -> Iterator[Statement]:
        depth = 0  # of parentheses: CREATE RULE … DO (…; …)
        blocks = 0  # of BEGIN ATOMIC and CASE inside one
        start: int | None = None
        words: list[str] = []
        previous = ""
        end = 0
        copies = {start: self.text[start:end] for start, end, _ in self._copies}
        # psql takes them to the end of the file, with the statements that somebody meant to run.
        endless = {start for start, end, after in self._copies if end == after}
        for token in self.code():
            if token.text == ";" and depth == 0 and blocks == 0:
                if start is not None:
                    data = None
                    if words[:1] == ["COPY"]:
                        first = self.text.find("\n", token.end) + 1
                        data = copies.get(first)
                        if data and first in endless and _STATEMENTS_END.search(data):
                            raise BadProject(
                                "the data of this COPY have no end",
                                span=self.span(start),
                                hint="end them with a line that is \\.: the rest of the file is"
                                " read as rows",
                            )
                    yield Statement(self.text[start:end], start, tuple(words), data)
                start, words, previous = None, [], ""
                continue
            if token.text == "\\":
                raise BadProject(
                    "psql's own commands cannot be used here",
                    span=self.span(token.start),
                    hint="write it as SQL: ringfence sends the file to the server itself",
                )
            if start is None:
                start = token.start
            depth = max(0, depth + (token.text == "(") - (token.text == ")"))
            upper = token.text.upper()
            if token.word:
                opens = upper == "CASE" if blocks else (previous, upper) == ("BEGIN", "ATOMIC")
                blocks += opens - bool(blocks and upper == "END")
                if len(words) < _WORDS:
                    words.append(upper)
                previous = upper
            end = token.end
        if start is not None:
            yield Statement(self.text[start:end], start, tuple(words))

    @cached_property
    def _copies(self) -> tuple[tuple[int, int, int], ...]:
        """Where the data below each COPY … FROM STDIN begin and end, and where what ends them ends.

        As psql has it: they go on to a line that is `\\.`, or to the end of the file.
        """
        found: list[tuple[int, int, int]] = []
        done = 0
        for match in _FROM_STDIN.finditer(self.text):
            if match.start() < done:
                continue  # a line of the data before
            semicolon = self._ends_copy(done, match.end())
            newline = self.text.find("\n", semicolon)
            if semicolon < 0 or newline < 0:
                continue
            mark = _END_OF_DATA.search(self.text, newline + 1)
            end = mark.start() if mark else len(self.text)
            done = mark.end() if mark else len(self.text)
            found.append((newline + 1, end, done))
        return tuple(found)

    def _ends_copy(self, begin: int, at: int) -> int:
        """Where the semicolon is of the COPY whose FROM STDIN ends at `at`; -1 where it is none.

        The words may as well stand in a comment, a string or a body: what is from `begin` on, where
        a statement begins, is asked of the scanner.
        """
        import postgast

        semicolon = at - 1
        while (semicolon := self.text.find(";", semicolon + 1)) >= 0:
            raw = self.text[begin : semicolon + 1].encode()
            try:
                tokens = postgast.scan(raw.decode()).tokens
            except postgast.PgQueryError:
                if semicolon - at > _LONGEST_COPY:
                    return -1
                continue  # inside a string, a comment or a body
            comments = {postgast.pg_query_pb2.SQL_COMMENT, postgast.pg_query_pb2.C_COMMENT}
            words = [raw[t.start : t.end].upper() for t in tokens if t.token not in comments]
            if words[-1:] != [b";"]:
                return -1  # in a comment to the end of the line
            return semicolon if _takes_data(words[:-1]) else -1
        return -1

    def tokens(self) -> tuple[Token, ...]:
        """Every token, comments too, with offsets in characters."""
        return tuple(self._tokens(comments=True))

    def code(self) -> Iterable[Token]:
        """Every token but comments, with offsets in characters; of a short text kept for the next."""
        return self._code if len(self.text) < _SHORT else self._tokens()

    @cached_property
    def _code(self) -> tuple[Token, ...]:
        return tuple(self._tokens())

    def _tokens(self, *, comments: bool = False) -> Iterator[Token]:
        """Every token but comments, with offsets in characters."""
        import postgast

        # The data below a COPY … FROM STDIN is not SQL; blank it out, character for character.
        text = self.text
        for start, _, end in self._copies:
            text = text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
        try:
            scanned = postgast.scan(text)
        except postgast.PgQueryError as error:
            raise BadProject(
                error.message.split(" at or near ")[0],
                span=self.span(max(0, error.cursorpos - 1)),
                hint="close it: the rest of the file is read as part of it",
            ) from None
        raw = text.encode()
        ascii_only = len(raw) == len(text)
        comment = {
            postgast.pg_query_pb2.SQL_COMMENT,
            postgast.pg_query_pb2.C_COMMENT,
        }
        plain = postgast.pg_query_pb2.NO_KEYWORD
        ident = postgast.pg_query_pb2.IDENT
        seen_bytes = seen_chars = 0
        for token in scanned.tokens:
            if token.token in comment and not comments:
                continue
            start, end = token.start, token.end
            if not ascii_only:
                seen_chars += len(raw[seen_bytes:start].decode())
                length = len(raw[start:end].decode())
                seen_bytes, start = start, seen_chars
                end = start + length
            word = token.keyword_kind != plain or token.token == ident
            yield Token(text[start:end], start, end, word)


@dataclass(frozen=True, slots=True)
class Token:
    """One token of SQL; `word` for a keyword or a name."""

    text: str
    start: int
    end: int
    word: bool


def _takes_data(words: list[bytes]) -> bool:
    """Whether the last of these statements is a COPY … FROM STDIN."""
    begin = len(words) - words[::-1].index(b";") if b";" in words else 0
    last = words[begin:]
    depth = 0
    for word, following in zip(last, [*last[1:], b""], strict=True):
        depth += (word == b"(") - (word == b")")
        if depth == 0 and (word, following) == (b"FROM", b"STDIN"):
            return last[0] == b"COPY"
    return False


def read(path: Path, shown: str, *, loose: bool = False) -> Script:
    """A SQL file. Raises `BadProject` when it cannot be read or is not UTF-8."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadProject(f"cannot read {shown}: {error.strerror}") from None
    return decode(raw, shown, loose=loose)


def decode(raw: bytes, shown: str, *, loose: bool = False) -> Script:
    """The bytes of a SQL file. Raises `BadProject` when they are not UTF-8."""
    try:
        text = raw.decode("utf-8-sig")
        if "\0" in text:
            # PostgreSQL would end the text there and say nothing.
            is_utf16 = encoding(raw).startswith("UTF-16")
            raise BadProject(
                f"{shown} holds a NUL byte: it is not text",
                hint=_as_utf8(raw, shown) if is_utf16 else "PostgreSQL takes none in SQL",
            )
        return Script(shown, text, loose)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadProject(
            f"{shown} is not UTF-8: byte {raw[error.start]:#04x}",
            span=Span(shown, line, error.start - raw.rfind(b"\n", 0, error.start)),
            hint=_as_utf8(raw, shown),
        ) from None


def _as_utf8(raw: bytes, shown: str) -> str:
    name = shlex.quote(shown)
    return f"save it as UTF-8, for instance: iconv -f {encoding(raw)} -t UTF-8 {name} > new.sql"


def encoding(raw: bytes) -> str:
    """What bytes that are no UTF-8 may be, by the name that iconv has for it."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    # Every other byte of Latin letters is zero then: the second in the order of most machines.
    for name, first in (("UTF-16LE", 1), ("UTF-16BE", 0)):
        half = raw[first::2]
        if half and half.count(0) * 2 > len(half):
            return name
    return "ISO-8859-1"


def checksum(raw: bytes) -> str:
    """SHA-256, in hexadecimal, of a file's bytes with a leading BOM and CRs at line ends left out."""
    return hashlib.sha256(raw.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")).hexdigest()


_SECRET_WORDS = {"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "SSLPASSWORD", "CONNECTION"}
_SECRET_ENDS = ("PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "API_KEY", "APIKEY")
_SUSPECT = re.compile("|".join({*_SECRET_WORDS, *_SECRET_ENDS}) + "|://", re.IGNORECASE)
_LEXEME = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*.*?\*/)
    |\$(?P<tag>(?:[^\W\d]\w*)?)\$(?P<body>.*?)\$(?P=tag)\$
    |(?P<string>[eE]'(?:[^'\\]|''|\\.)*'|(?:[uU]&|[nN])?'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")*")
    |(?P<word>[^\W\d][\w$]*)
    |(?P<other>\S)
    """,
    re.VERBOSE | re.DOTALL,
)
# A string that has a place for a secret, ends where one is to come, or is the name of a setting:
# format('… PASSWORD %L', …), '… PASSWORD ' || …, set_config('app.password', …).
_SECRETS = "|".join(_SECRET_WORDS)
_AWAITS = re.compile(
    rf"\b(?:{_SECRETS})\b[\s:='\"]*(?:%|\$\d|:\w)|\b(?:{_SECRETS})[\s:='\"]+\Z"
    rf"|\A\W*\w+(?:\.\w+)*[._](?:{_SECRETS}|{'|'.join(_SECRET_ENDS)})\Z",
    re.IGNORECASE,
)
_CONNINFO = re.compile(
    r"\b(?:ssl)?password\s*=?\s*(?P<quoted>(?P<q>\\'|''|')(?:(?!(?P=q)).)*(?P=q))"
    r"|\b(?:ssl)?password\s*=\s*(?P<bare>[^\s'\"]+)"
    r"|\w+://[^\s:/@'\"]*:(?P<url>[^\s'\"]+)@",
    re.IGNORECASE,
)


_VALUE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|''|\\.)*'|(\$\w*\$)[^\s$]*\1", re.DOTALL)
"""Comments and values, dollar-quoted ones of a single word among them."""


def redacted(text: str) -> str:
    """SQL with every password in it masked by as many asterisks, so that offsets stay right.

    Masked are the string after PASSWORD (roles, user mappings), the string after CONNECTION
    (subscriptions), passwords inside strings and comments that hold connection strings or SQL, and
    every other string that is the same.
    """
    spans = list(_secret_spans(text))
    if not spans:
        return text
    secrets = {_bare(text[start:end]) for start, end in spans}
    text = _masked(text, spans)
    for secret in secrets:
        if len(secret) > 2:
            text = text.replace(f"'{secret}'", f"'{'*' * len(secret)}'")
    return text


def _bare(secret: str) -> str:
    """A string without its quotes."""
    return re.sub(r"\A(?:[eEnN]|[uU]&)?(['\"])(.*)\1\Z", r"\2", secret, flags=re.DOTALL).strip(
        "'\""
    )


def redacted_message(text: str, script: str = "") -> str:
    """The same for what people read: any password in it, and every secret that `script` holds.

    A word of letters that the script says openly, as a name, is none to be kept from who reads of it.
    """
    text = _masked(text, [*_secret_spans(text), *_conninfo_spans(text)])
    spans = list(_secret_spans(script))
    names: set[str] | None = None
    for start, end in spans:
        secret = _bare(script[start:end])
        if len(secret) > 2 and secret in text:
            if names is None:
                names = set(re.findall(r"\b[^\W\d]+\b", _VALUE.sub(" ", _masked(script, spans))))
            if secret not in names:
                text = text.replace(secret, "*" * len(secret))
    return text


_SAID_VALUE = re.compile(r"""\"[^"]*\"|'[^']*'|«[^»]*»|[^\s"',;:()=]*[\d@][^\s"',;:()=]*""")
_LONG_ENOUGH = 4  # characters, to be somebody's


def without_values(message: str, script: str, names: Collection[str] = ()) -> str:
    """A server's message without what it tells of rows: values that neither `script` nor `names` say.

    Numbers, addresses and what stands in quotes; plain words are let be.
    """

    def kept(match: re.Match[str]) -> str:
        found = match[0]
        bare = found.strip("\"'«»")
        if bare in script or bare in names or (bare == found and len(bare) < _LONG_ENOUGH):
            return found
        return "…" if bare == found else f"{found[0]}…{found[-1]}"

    return _SAID_VALUE.sub(kept, message)


def _masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + re.sub(r"[^\n]", "*", text[start:end]) + text[end:]
    return text


def _secret_spans(text: str, at: int = 0) -> Iterator[tuple[int, int]]:
    """Where the secrets of some SQL begin and end, counted from `at`."""
    if not _SUSPECT.search(text):
        return
    armed = masked = awaited = False
    for match in _LEXEME.finditer(text):
        kind, start = match.lastgroup, at + match.start()
        if kind == "word":
            armed, masked = _is_secret(match[0]), False
        elif kind == "comment":
            yield from _secret_spans(match[0][2:], start + 2)
            yield from _conninfo_spans(match[0], start)
        elif kind == "other":
            armed = armed and match[0] in "=:>"
            awaited = awaited and match[0] != ";"
        elif armed and not (masked and kind == "name"):
            # A string goes on in the next one; a name does not.
            masked = True
            yield start, at + match.end()
        elif kind == "name":
            armed, masked = _is_secret(match[0][1:-1]), False
            yield from _secret_spans(match[0][1:-1], start + 1)  # in Python it is a string
        elif kind == "string" and awaited:
            yield start, at + match.end()
        elif kind == "string":
            awaited = _AWAITS.search(match[0][:-1]) is not None
            yield from _conninfo_spans(match[0], start)
        elif awaited:
            yield at + match.start("body"), at + match.end("body")
        else:
            yield from _secret_spans(match["body"], at + match.start("body"))


def _is_secret(name: str) -> bool:
    """Whether what follows a word may be a secret: PASSWORD '…', SET app.api_token = '…'."""
    upper = name.upper()
    return upper in _SECRET_WORDS or upper.endswith(_SECRET_ENDS)


def _conninfo_spans(text: str, at: int = 0) -> Iterator[tuple[int, int]]:
    """Where the passwords of connection strings in some text begin and end, counted from `at`."""
    for match in _CONNINFO.finditer(text):
        group = next(g for g in ("quoted", "bare", "url") if match[g] is not None)
        yield at + match.start(group), at + match.end(group)


def in_block(comment: str) -> re.Match[str] | None:
    """Where a block comment says a word that line comments say to ringfence: as `key` and `said`."""
    found = _IN_BLOCK.finditer(comment)
    return next((m for m in found if meant(m["key"])), None)


def directive(comment: str) -> tuple[str, str] | None:
    """The word that a line's comment says to ringfence, and what follows it."""
    match = _DIRECTIVE.match(comment.strip())
    return (match["key"].lower(), match["value"]) if match is not None else None


def meant(key: str) -> str:
    """The word that somebody meant who wrote another; empty where it is like none."""
    import difflib

    near = difflib.get_close_matches(key.lower(), (*DIRECTIVES, *BESIDE), n=1, cutoff=0.75)
    return near[0] if near else ""


def _known(key: str) -> str:
    near = meant(key)
    return f"did you mean {near}?" if near else f"known here: {', '.join(DIRECTIVES)}"
