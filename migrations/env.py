"""Alembic's entry: everything is in ringfence's guard, so `alembic upgrade head` works as well."""

from alembic import context

from ringfence.history import guard

with guard() as options:
    context.configure(**options)
    with context.begin_transaction():
        context.run_migrations()
