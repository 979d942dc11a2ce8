"""SQL files as people write them: directives at the top, statements with their places, secrets.

PostgreSQL's own scanner (libpg_query) finds the tokens; nothing here understands SQL beyond where a
statement ends. So a file may use syntax newer than the scanner's release.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ringfence.errors import BadProject, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DIRECTIVES = {
    "transaction": ("one", "none"),
    "lock-timeout": None,
    "statement-timeout": None,
    "supersedes": None,
}
"""What `-- ringfence: KEY: VALUE` may say at the top of a migration, and the values allowed."""

_DIRECTIVE = re.compile(r"--\s*ringfence:\s*(?P<key>[\w-]+)\s*:?\s*(?P<value>.*?)\s*\Z")
_COPY_DATA = re.compile(
    r"^(?P<head>\s*COPY\b[^;]*?\bFROM\s+STDIN\b[^;]*;[^\n]*\n)(?P<data>.*?^\\\.[^\S\n]*$)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its semicolon. `start` is its offset in the file, in characters.

    `words` are its first keywords and names in capitals (at most eight): enough to tell a COMMIT
    from a CREATE INDEX CONCURRENTLY.
    """

    text: str
    start: int
    words: tuple[str, ...]
    data: str | None = None
    """What follows a COPY … FROM STDIN, up to the line that ends it."""

    @property
    def controls_transaction(self) -> bool:
        """Whether it would begin or end the transaction that a revision runs in."""
        first, second = (*self.words, "", "")[:2]
        if first == "ROLLBACK":
            return "TO" not in self.words
        return first in {"BEGIN", "COMMIT", "END", "ABORT"} or (first, second) in {
            ("START", "TRANSACTION"),
            ("PREPARE", "TRANSACTION"),
        }


@dataclass(frozen=True)
class Script:
    """A SQL file's text and the path that messages name it by."""

    path: str
    text: str

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the text with its line ends as LF: a checkout on another system is no edit."""
        return checksum(self.text.encode())

    @cached_property
    def directives(self) -> Mapping[str, str]:
        """What the comment lines at the top say to ringfence. Raises `BadProject` on a wrong one."""
        found: dict[str, str] = {}
        for number, line in enumerate(self.text.splitlines(), 1):
            stripped = line.strip()
            if stripped and not stripped.startswith("--"):
                break
            match = _DIRECTIVE.match(stripped)
            if match is None:
                continue
            key, value = match["key"], match["value"]
            span = Span(self.path, number, line.index("--") + 1, line)
            if key not in DIRECTIVES:
                known = ", ".join(DIRECTIVES)
                raise BadProject(f"unknown directive {key}", span=span, hint=f"known here: {known}")
            allowed = DIRECTIVES[key]
            if allowed is not None and value not in allowed:
                raise BadProject(
                    f"{key} is {value!r}", span=span, hint=f"it may be {' or '.join(allowed)}"
                )
            found[key] = value
        return found

    @property
    def transactional(self) -> bool:
        """Whether the file runs in one transaction, which it does unless it says otherwise."""
        return self.directives.get("transaction", "one") == "one"

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The statements, in order. Raises `BadProject` where the text cannot be divided."""
        return tuple(self._split())

    def span(self, offset: int) -> Span:
        """The place `offset` characters into the text, its line shown with secrets masked."""
        offset = max(0, min(offset, len(self.text)))
        shown = redacted(self.text)
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
        copies = {m.end("head"): m["data"] for m in _COPY_DATA.finditer(self.text)}
        for token in self._tokens():
            if token.text == ";" and depth == 0 and blocks == 0:
                if start is not None:
                    data = None
                    if words[:1] == ["COPY"]:
                        data = copies.get(self.text.find("\n", token.end) + 1)
                    yield Statement(
                        self.text[start:end],
                        start,
                        tuple(words),
                        None if data is None else data.removesuffix("\\."),
                    )
                start, words, previous = None, [], ""
                continue
            if start is None:
                start = token.start
                if token.text == "\\":
                    raise BadProject(
                        "psql's own commands cannot be used here",
                        span=self.span(token.start),
                        hint="write it as SQL: ringfence sends the file to the server itself",
                    )
            depth += (token.text == "(") - (token.text == ")")
            upper = token.text.upper()
            if token.word:
                opens = upper == "CASE" if blocks else (previous, upper) == ("BEGIN", "ATOMIC")
                blocks += opens - bool(blocks and upper == "END")
                if len(words) < 8:
                    words.append(upper)
                previous = upper
            end = token.end
        if start is not None:
            yield Statement(self.text[start:end], start, tuple(words))

    def _tokens(self) -> Iterator[_Token]:
        """Every token but comments, with offsets in characters."""
        import postgast

        # The data below a COPY … FROM STDIN is not SQL; blank it out, byte for byte.
        text = _COPY_DATA.sub(lambda m: m["head"] + re.sub(r"[^\n]", " ", m["data"]), self.text)
        if len(text) != len(self.text):
            text = self.text
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
            if token.token in comment:
                continue
            start, end = token.start, token.end
            if not ascii_only:
                seen_chars += len(raw[seen_bytes:start].decode())
                length = len(raw[start:end].decode())
                seen_bytes, start = start, seen_chars
                end = start + length
            word = token.keyword_kind != plain or token.token == ident
            yield _Token(text[start:end], start, end, word)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int
    word: bool


def read(path: Path, shown: str) -> Script:
    """A SQL file. Raises `BadProject` when it cannot be read or is not UTF-8."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadProject(f"cannot read {shown}: {error.strerror}") from None
    try:
        return Script(shown, raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadProject(
            f"{shown} is not UTF-8: byte {raw[error.start]:#04x}",
            span=Span(shown, line, error.start - raw.rfind(b"\n", 0, error.start)),
            hint=f"save it as UTF-8, for instance: iconv -f latin1 -t utf8 {shown}",
        ) from None


def checksum(raw: bytes) -> str:
    """SHA-256, in hexadecimal, of a file's bytes with a leading BOM and CRs at line ends left out."""
    return hashlib.sha256(raw.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")).hexdigest()


_STRING = r"(?:[eE]?'(?:[^'\\]|''|\\.)*'|\$(?P<{0}>\w*)\$.*?\$(?P={0})\$)"
_SECRET = re.compile(
    r"(?P<before>\b(?:password|passwd|passphrase|secret|sslpassword)\b\s*=?\s*)"
    rf"(?P<value>{_STRING.format('tag')})"
    rf"|(?P<before2>\bconnection\s+)(?P<value2>{_STRING.format('tag2')})",
    re.IGNORECASE | re.DOTALL,
)
_CONNINFO_PASSWORD = re.compile(
    r"(?P<before>\bpassword\s*=\s*)(?P<value>(?:\\'|'')(?:(?!\\'|'').)*(?:\\'|'')|[^\s'\"]+)"
    r"|(?P<before2>\w+://[^\s:/@'\"]*:)(?P<value2>[^\s@'\"]+)(?=@)",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The text with every password in it masked by as many asterisks, so that offsets stay right.

    Masked are the string after PASSWORD (roles, user mappings), the string after CONNECTION
    (subscriptions), and passwords inside connection strings.
    """

    def mask(match: re.Match[str]) -> str:
        before = match["before"] or match["before2"] or ""
        return before + re.sub(r"[^\n]", "*", match[0][len(before) :])

    return _CONNINFO_PASSWORD.sub(mask, _SECRET.sub(mask, text))
