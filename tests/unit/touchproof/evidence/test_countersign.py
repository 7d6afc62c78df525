"""A bank's own signature over a head is kept, checked each time, and never replaced."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select
from typer.testing import CliRunner

from touchproof.cli import app
from touchproof.errors import BadInputError, CheckFailedError
from touchproof.evidence import pack_format as form
from touchproof.evidence.countersign import CountersignReport, countersign
from touchproof.evidence.keys import BANK, read_keys
from touchproof.evidence.verify import verify
from touchproof.ledger import schema
from touchproof.ledger.store import Ledger

if TYPE_CHECKING:
    from .conftest import EvidenceWorld
else:
    EvidenceWorld = Any


def _files(chain: EvidenceWorld, folder: Path, number: int = 3) -> tuple[Path, Path]:
    """Sign a pack's manifest as the bank does; return public key and signature."""
    key = Ed25519PrivateKey.generate()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "bank.pem").write_bytes(pem)
    manifest = (chain.pack(number) / form.MANIFEST).read_bytes()
    (folder / "bank.sig").write_bytes(key.sign(manifest))
    return folder / "bank.pem", folder / "bank.sig"


def _countersign(chain: EvidenceWorld, key: Path, signature: Path) -> CountersignReport:
    return countersign(
        chain.pack(3),
        key,
        signature,
        chain.settings.paths.public_keys,
        lambda: datetime(2026, 7, 1, tzinfo=UTC),
    )


def test_a_countersigned_head_is_named_by_every_verification(
    chain: EvidenceWorld, tmp_path: Path
) -> None:
    report = _countersign(chain, *_files(chain, tmp_path))
    found = verify(chain.pack(3).parent)
    assert found.ok and found.countersigned == ("0003",)
    assert verify(chain.pack(3)).countersigned == ("0003",)
    key = read_keys(chain.settings.paths.public_keys)[report.key_id]
    assert (key.role, key.owner) == (BANK, "bank_northlake")
    assert {one.outcome for one in chain.export()} == {"unchanged"}
    assert _countersign(chain, tmp_path / "bank.pem", tmp_path / "bank.sig") == report


def test_a_signature_over_another_pack_or_by_another_key_is_refused(
    chain: EvidenceWorld, tmp_path: Path
) -> None:
    key, signature = _files(chain, tmp_path, number=2)
    with pytest.raises(CheckFailedError, match="isn't the bank's over this"):
        _countersign(chain, key, signature)
    signature.write_bytes(b"x" * 63)
    with pytest.raises(CheckFailedError, match="64 bytes"):
        _countersign(chain, key, signature)
    key.write_text("x")
    with pytest.raises(BadInputError, match="Ed25519 public key"):
        _countersign(chain, key, signature)
    assert not (chain.pack(3).parent / form.COUNTERSIGNATURES).exists()


def test_a_countersignature_is_never_replaced(chain: EvidenceWorld, tmp_path: Path) -> None:
    _countersign(chain, *_files(chain, tmp_path))
    with pytest.raises(CheckFailedError, match="never replaced"):
        _countersign(chain, *_files(chain, tmp_path))


def test_a_banks_key_signs_no_pack(chain: EvidenceWorld, tmp_path: Path) -> None:
    """Put a key of the bank in the issuer's place: it doesn't count."""
    _countersign(chain, *_files(chain, tmp_path))
    keys = chain.settings.paths.public_keys
    (bank_file,) = keys.glob("bank_northlake-*.json")
    for issuer in keys.glob("sandbox-*.json"):
        issuer.unlink()
    assert bank_file.exists()
    assert "there is no issuer's public key" in verify(chain.pack(3).parent).sentence


def test_the_commands_keep_the_proofs_in_the_ledger_too(
    chain: EvidenceWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence_tsa import Tsa

    monkeypatch.setenv("TOUCHPROOF_DATA_DIR", str(chain.settings.data_dir))
    monkeypatch.setenv("TOUCHPROOF_WORLD", "test")
    key, signature = _files(chain, tmp_path)
    pack = str(chain.pack(3))
    run = CliRunner()
    done = run.invoke(
        app, ["evidence", "countersign", pack, "--key", str(key), "--signature", str(signature)]
    )
    assert done.exit_code == 0, done.output
    assert run.invoke(app, ["evidence", "timestamp", pack]).exit_code == 0
    request = chain.pack(3).parent / form.TIMESTAMPS / "0003.tsq"
    tsa = Tsa()
    (tmp_path / "a.tsr").write_bytes(tsa.answer(request.read_bytes()))
    (tmp_path / "a.pem").write_bytes(tsa.pem)
    files = ["--answer", str(tmp_path / "a.tsr"), "--certificate", str(tmp_path / "a.pem")]
    stamped = run.invoke(app, ["evidence", "timestamp", pack, *files])
    assert "was stamped at 2026-06-29T06:00:00Z" in stamped.output
    head = verify(chain.pack(3)).head_sha256
    with Ledger.of(chain.settings).reading() as connection:
        rows = connection.execute(select(schema.head_proofs)).all()
    assert [(row.kind, row.head_sha256) for row in sorted(rows, key=lambda row: row.kind)] == [
        ("countersignature", head),
        ("timestamp", head),
    ]
