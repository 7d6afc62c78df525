"""Alembic's entry: run the migrations on the connection that engine.py hands over."""

from __future__ import annotations

from alembic import context

from touchproof.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
    transactional_ddl=False,  # the caller's transaction holds all of it
    render_as_batch=True,
)
context.run_migrations()
