"""A sound schema with two tenants' rows in it, made once; each test changes it and undoes that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from isolation.support import Sound, roles
from ringfence.config import Tenancy
from ringfence.isolation import prepare, who

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import SomeServer


@pytest.fixture(scope="session")
def _sound(server: SomeServer) -> Iterator[Sound]:
    name = f"isolation_{psycopg.__name__}_{id(server):x}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        roles(admin)
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            with psycopg.connect(server.dsn(name), autocommit=True) as connection:
                text = Path(__file__).with_name("sound.sql").read_text(encoding="utf-8")
                connection.execute(text.encode())
                tenancy = Tenancy()
                found = who(connection, tenancy, ["ringfence"])
                ground = prepare(connection, tenancy, found, ["ringfence"])
                ground.begin()
                yield Sound(ground)
                connection.rollback()
        finally:
            admin.execute(drop)


@pytest.fixture
def sound(_sound: Sound) -> Sound:
    """The sound schema."""
    return _sound
