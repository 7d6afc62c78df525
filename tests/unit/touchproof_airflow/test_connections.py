"""The signing key comes from its connection: in production alone, and only for who signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from touchproof.evidence.signing import signer_of
from touchproof_airflow import connections

PEM = (
    Ed25519PrivateKey.generate()
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)


@dataclass
class Held:
    """Stand for one of Airflow's connections."""

    login: str | None
    password: str | None
    extra: str | None = None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hold one connection; return the names that are asked for."""
    names: list[str] = []

    def connection(name: str) -> Any:
        names.append(name)
        extra = '{"valid_from": "2026-01-01", "valid_to": "2027-01-01"}'
        return Held("key-2026a", PEM, extra) if name == "touchproof_evidence_key" else None

    monkeypatch.setattr(connections, "_connection", connection)
    return names


def test_production_signs_with_the_connections_key(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOUCHPROOF_WORLD", "main")
    settings = connections.settings_with_evidence_key()
    key = signer_of(settings).public
    assert (key.key_id, key.is_sandbox) == ("key-2026a", False)
    assert key.validity == "from 2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z"
    assert PEM.split("\n")[1] not in repr(settings)


def test_a_pretend_world_never_asks_for_the_real_key(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOUCHPROOF_WORLD", "demo")
    assert connections.settings_with_evidence_key().evidence_private_key is None
    assert asked == []


def test_what_doesnt_sign_never_sees_the_key(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOUCHPROOF_WORLD", "main")
    assert connections.settings_for_task().evidence_private_key is None
    assert asked == ["touchproof_salesforce"]


def test_what_the_environment_says_wins(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOUCHPROOF_WORLD", "main")
    monkeypatch.setenv("TOUCHPROOF_EVIDENCE_PRIVATE_KEY", PEM)
    monkeypatch.setenv("TOUCHPROOF_EVIDENCE_KEY_ID", "key-env")
    assert signer_of(connections.settings_with_evidence_key()).public.key_id == "key-env"
    assert asked == []
