"""A database for a module's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import SomeServer


@pytest.fixture(scope="module")
def make_module_database(server: SomeServer) -> Iterator[str]:
    """A fresh database that the module's tests share."""
    name = sql.Identifier(f"behaviour_{uuid4().hex[:12]}")
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
        try:
            yield server.dsn(name.as_string(None).strip('"'))
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
