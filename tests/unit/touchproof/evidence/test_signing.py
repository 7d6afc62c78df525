"""Only the right key signs, each at its time, and no private key is ever shown."""

from __future__ import annotations

import json
import stat
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from touchproof.cli import app
from touchproof.errors import BadInputError, CheckFailedError, ConfigurationError
from touchproof.evidence import pack_format as form
from touchproof.evidence.keys import end_key, publish_key, read_keys
from touchproof.evidence.signing import signer, signer_of
from touchproof.evidence.verify import verify
from touchproof.settings import Settings

if TYPE_CHECKING:
    from .conftest import EvidenceWorld
else:
    EvidenceWorld = Any

JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def _pem(key: Any) -> str:
    return str(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )


def _production(tmp_path: Path, **values: Any) -> Settings:
    return Settings(data_dir=tmp_path, world="main", **values)


def test_a_pretend_world_makes_its_own_key_once_and_marks_it(settings: Settings) -> None:
    first, second = signer_of(settings), signer_of(settings)
    assert first.public == second.public
    assert first.public.is_sandbox and first.public.key_id.startswith("sandbox-")
    file = settings.paths.sandbox_evidence_key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert file.read_text().split("\n")[1] not in repr(first)


def test_a_pretend_world_never_signs_with_a_real_key(tmp_path: Path) -> None:
    pem = _pem(Ed25519PrivateKey.generate())
    pretend = Settings(
        data_dir=tmp_path, world="demo", evidence_key_id="real", evidence_private_key=pem
    )
    assert signer_of(pretend).public.is_sandbox


def test_the_production_world_refuses_to_sign_without_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="issues no pack without a signing key"):
        signer_of(_production(tmp_path))
    with pytest.raises(ConfigurationError, match="sandbox key can't sign"):
        signer_of(
            _production(
                tmp_path,
                evidence_key_id="sandbox-1",
                evidence_private_key=_pem(Ed25519PrivateKey.generate()),
            )
        )


@pytest.mark.parametrize("kind", ["rsa", "text", "lines as \\n"])
def test_a_key_of_another_kind_is_refused_without_being_shown(tmp_path: Path, kind: str) -> None:
    pem = {
        "rsa": _pem(generate_private_key(65537, 2048)),
        "text": "hunter2",
        "lines as \\n": _pem(Ed25519PrivateKey.generate()).replace("\n", "\\n"),
    }[kind]
    settings = _production(tmp_path, evidence_key_id="key-1", evidence_private_key=pem)
    if kind == "lines as \\n":
        assert signer_of(settings).public.key_id == "key-1"
        return
    with pytest.raises(ConfigurationError, match="isn't an unencrypted Ed25519") as caught:
        signer_of(settings)
    assert pem[:20] not in str(caught.value) + repr(caught.value.__cause__)


def test_packs_of_rotated_keys_are_whole_each_by_its_own(world: EvidenceWorld) -> None:
    old = signer("key-2026a", Ed25519PrivateKey.generate(), None, None)
    new = signer("key-2026b", Ed25519PrivateKey.generate(), JULY, None)
    world.skip(1, date(2026, 5, 9))
    world.publish()
    world.export(signer=old)
    keys = world.settings.paths.public_keys
    end_key(keys, "key-2026a", JULY)
    world.skip(2, date(2026, 6, 9))
    world.publish(date(2026, 6, 30))

    def export(at: datetime, by: Any) -> None:
        world.export(date(2026, 6, 30), clock=lambda: at, signer=by)

    with pytest.raises(CheckFailedError, match="only from ever to 2026-07-01T00:00:00Z"):
        export(JULY, old)
    with pytest.raises(CheckFailedError, match="only from 2026-07-01T00:00:00Z"):
        export(datetime(2026, 6, 30, 23, tzinfo=UTC), new)
    assert len(world.files()) == 7
    export(JULY, new)
    assert verify(world.pack(1).parent).ok
    manifest = json.loads((world.pack(2) / form.MANIFEST).read_bytes())
    assert (manifest["signing_key"]["key_id"], manifest["is_sandbox"]) == ("key-2026b", False)
    assert "SANDBOX" not in verify(world.pack(1).parent).notes[-1]
    (keys / "key-2026a.json").unlink()
    assert verify(world.pack(1).parent).faults == (
        "0001/manifest.sig: can't be checked: there is no issuer's public key key-2026a",
    )


def test_a_key_id_names_one_key_for_ever_and_an_end_never_moves_back(tmp_path: Path) -> None:
    key = signer("key-1", Ed25519PrivateKey.generate(), JUNE, None).public
    other = signer("key-1", Ed25519PrivateKey.generate(), JUNE, None).public
    assert publish_key(tmp_path, key) == key
    with pytest.raises(BadInputError, match="names one key for ever"):
        publish_key(tmp_path, other)
    ended = end_key(tmp_path, "key-1", JULY)
    assert publish_key(tmp_path, key) == ended == read_keys(tmp_path)["key-1"]
    with pytest.raises(BadInputError, match="can't grow"):
        end_key(tmp_path, "key-1", datetime(2026, 8, 1, tzinfo=UTC))
    for wrong in ("../key", "KEY", "none"):
        with pytest.raises(BadInputError):
            end_key(tmp_path, wrong, JULY)
    assert not ended.is_valid_at(JULY) and ended.is_valid_at(JUNE)


def test_the_command_ends_a_key(chain: EvidenceWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOUCHPROOF_DATA_DIR", str(chain.settings.data_dir))
    monkeypatch.setenv("TOUCHPROOF_WORLD", "test")
    (key,) = read_keys(chain.settings.paths.public_keys)
    done = CliRunner().invoke(app, ["evidence", "end-key", key, "--valid-to", "2026-07-01"])
    assert done.output.strip() == (
        f"The key {key} counts from 2020-01-01T00:00:00Z to 2026-07-01T00:00:00Z."
    )
    assert verify(chain.pack(1).parent).ok
    chain.skip(77, date(2026, 6, 3))
    chain.publish(date(2026, 6, 30))
    with pytest.raises(CheckFailedError, match="isn't valid at 2026-07-01T05:00:00Z"):
        chain.export(date(2026, 6, 30), clock=lambda: datetime(2026, 7, 1, 5, tzinfo=UTC))


def test_a_key_in_pem_alone_is_an_issuers_without_dates(
    chain: EvidenceWorld, tmp_path: Path
) -> None:
    (key,) = read_keys(chain.settings.paths.public_keys).values()
    (tmp_path / f"{key.key_id}.pem").write_text(key.public_key_pem)
    (tmp_path / "README.txt").write_text("not a key")
    report = verify(chain.pack(1).parent, public_keys=tmp_path)
    # A real key can't vouch for what says that it is a pretend world's.
    assert len(report.faults) == 3
    assert all("isn't marked as what it is" in fault for fault in report.faults)


def test_no_private_key_is_written_beside_packs_or_into_the_ledger(chain: EvidenceWorld) -> None:
    secret = chain.settings.paths.sandbox_evidence_key.read_text().split("\n")[1].encode()
    root = chain.settings.paths.root
    holders = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and secret in path.read_bytes()
    ]
    assert holders == ["sandbox/evidence_key.pem"]
