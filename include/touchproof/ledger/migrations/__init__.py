"""Alembic migrations of the ledger, run by `touchproof.ledger.engine.migrate`."""
