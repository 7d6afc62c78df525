"""Fixtures of the tests about banks: a bank to which claims were issued."""

from __future__ import annotations

import pytest
from bank_cases import Bank, new_bank
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool

from touchproof.ledger.store import Ledger
from touchproof.settings import Settings


@pytest.fixture
def bank(settings_with_ledger: Settings) -> Bank:
    """Return a bank with three claims, in a ledger on disk."""
    return new_bank(Ledger.of(settings_with_ledger))


@pytest.fixture(scope="session")
def memory_engine() -> Engine:
    """Return an engine of one in-memory database, fast enough for hundreds of worlds."""
    return create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
