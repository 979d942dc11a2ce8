"""Where a value goes: everything that a value may depend on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from ringfence.seed.draw import Draw
from ringfence.seed.lexicon import ES_MX, Lexicon

SHARED = -1
"""The tenant of a row that belongs to nobody."""


def instant(seed: int) -> datetime:
    """The moment a seeded database takes for now: midnight UTC of a day in 2024."""
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=Draw(seed, "instant").below(366))


def ordinal(tenant: int, row: int, tenants: int) -> int:
    """A row's number in its table: every tenant's first row, then every tenant's second."""
    return row if tenant == SHARED else row * tenants + tenant


@lru_cache(maxsize=4096)
def words_of(name: str) -> str:
    """A name's words in small letters, joined and surrounded by underscores.

    >>> words_of("lastSeenAt"), words_of("e-mail 2")
    ('_last_seen_at_', '_e_mail_2_')
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return "_" + "_".join(re.findall(r"[^\W_]+", parted.lower())) + "_"


@dataclass(frozen=True, slots=True)
class Place:
    """A column of a row that is being thought up.

    `table` is the table's full name, `tenant` counts from 0 (`SHARED` for nobody's rows), as does
    `row` among the rows of the tenant. `attempt` is 0 at first and rises when the server rejects
    the row. `key` says that the value, perhaps with others, must be unique; `alone` that it must be
    without the help of another column. `default` is the column's constant default. With `twin` all
    tenants' rows of one number have the same values, but for those that must be unique. `turn`, where it is not -1, is the row's among those that share
    out the choices between them.
    """

    seed: int
    table: str
    column: str
    tenant: int
    row: int
    tenants: int = 1
    attempt: int = 0
    key: bool = False
    alone: bool = False
    default: str | None = None
    lexicon: Lexicon = ES_MX
    twin: bool = False
    turn: int = -1

    @property
    def ordinal(self) -> int:
        """The row's number in its table, all tenants' rows counted in turn."""
        return ordinal(self.tenant, self.row, self.tenants)

    def draw(self) -> Draw:
        """The choices for this value."""
        tenant = 0 if self.twin and self.tenant > 0 else self.tenant
        return Draw(self.seed, tenant, self.table, self.column, self.row, self.attempt)

    def entity(self) -> Draw:
        """The choices that all columns of the row share: who it is about, when it began."""
        tenant = 0 if self.twin and self.tenant > 0 else self.tenant
        return Draw(self.seed, tenant, self.table, self.row)

    @property
    def words(self) -> str:
        """The column's words, as `words_of` gives them."""
        return words_of(self.column)

    @property
    def about(self) -> str:
        """The words of the table's own name."""
        return words_of(self.table.rpartition(".")[2])
