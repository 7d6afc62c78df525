"""Whatever is done to a pack or a chain after the issue is found, and said where."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from touchproof.errors import BadInputError
from touchproof.evidence import pack_format as form
from touchproof.evidence.verify import verify

if TYPE_CHECKING:
    from .conftest import EvidenceWorld
else:
    EvidenceWorld = Any

FILES = (*form.FILES, form.MANIFEST, form.SIGNATURE)


@pytest.fixture
def bank(chain: EvidenceWorld, tmp_path: Path) -> Path:
    """Return a copy of a bank's folder with three packs and the keys, as an auditor holds it.

    Beside it lies the true private key, for forgers who have it.
    """
    shutil.copy(chain.settings.paths.sandbox_evidence_key, tmp_path / "key.pem")
    shutil.copytree(chain.settings.paths.public_keys, tmp_path / "audit" / "public_keys")
    return Path(shutil.copytree(chain.pack(1).parent, tmp_path / "audit" / "bank_northlake"))


def _write(file: Path, content: bytes) -> None:
    file.unlink(missing_ok=True)
    file.write_bytes(content)


def _sign(pack: Path) -> None:
    """Sign a pack's manifest with the true key."""
    pem = (pack.parent.parent.parent / "key.pem").read_bytes()
    key = load_pem_private_key(pem, password=None)
    assert isinstance(key, Ed25519PrivateKey)
    _write(pack / form.SIGNATURE, key.sign((pack / form.MANIFEST).read_bytes()))


def _edit_manifest(pack: Path, **values: object) -> None:
    """Change a manifest, seal and sign it again, as a forger who has the key would."""
    manifest = json.loads((pack / form.MANIFEST).read_bytes())
    _write(pack / form.MANIFEST, form.manifest_bytes({**manifest, **values}))
    _sign(pack)


def _edit_file(pack: Path, name: str, edit: Callable[[bytes], bytes]) -> None:
    """Change a file and its hash in the manifest."""
    content = edit((pack / name).read_bytes())
    _write(pack / name, content)
    files = json.loads((pack / form.MANIFEST).read_bytes())["files"]
    for file in files:
        if file["name"] == name:
            file |= {"sha256": form.sha256(content), "bytes": len(content)}
    tables = {name: (pack / name).read_bytes() for name in form.COLUMNS}
    number = int(pack.name)
    _edit_manifest(pack, files=files, pack_id=form.pack_id("bank_northlake", number, tables))


def test_a_whole_chain_and_a_whole_pack_are_said_to_be_whole(bank: Path) -> None:
    report = verify(bank)
    assert report.ok
    assert report.sentence == (
        "Packs 0001 to 0003 of bank_northlake are whole and signed: 12 claims over "
        "904.98 USD, 24 contacts."
    )
    assert (report.packs, report.claims, report.touches) == (3, 12, 24)
    assert str(report).splitlines()[:2] == [report.sentence, f"Head: {report.head_sha256}"]
    assert verify(bank / "0002").sentence.startswith("Pack 0002 of bank_northlake is whole")


def test_keys_from_beside_the_packs_are_said_to_be_unchecked(bank: Path, tmp_path: Path) -> None:
    report = verify(bank)
    assert report.is_signed and not report.keys_are_independent
    assert "origin wasn't checked independently" in report.notes[0]
    keys = Path(shutil.copytree(bank.parent / "public_keys", tmp_path / "given"))
    given = verify(bank, public_keys=keys)
    assert given.ok and given.keys_are_independent
    assert given.notes == (
        "SANDBOX: these packs are a pretend world's; they claim nothing from anybody.",
    )
    assert verify(bank / "0002", public_keys=keys).ok
    with pytest.raises(BadInputError, match="folder of keys"):
        verify(bank, public_keys=tmp_path / "nowhere")


def test_a_pack_that_nobody_can_check_isnt_whole(bank: Path, tmp_path: Path) -> None:
    shutil.rmtree(bank.parent / "public_keys")
    assert "there is no issuer's public key" in verify(bank).sentence
    (tmp_path / "none").mkdir()
    assert not verify(bank, public_keys=tmp_path / "none").ok


def test_a_key_counts_only_inside_its_validity(bank: Path) -> None:
    (key,) = (bank.parent / "public_keys").iterdir()
    original = json.loads(key.read_bytes())

    def with_validity(start: str | None, end: str | None) -> bool:
        _write(key, json.dumps(original | {"valid_from": start, "valid_to": end}).encode())
        return verify(bank).ok

    assert with_validity("2026-06-29T05:00:00Z", None)
    assert with_validity(None, "2026-06-29T05:00:01Z")
    assert not with_validity(None, "2026-06-29T05:00:00Z")
    assert not with_validity("2026-06-29T05:00:01Z", None)
    assert "counts only from 2026-06-29T05:00:01Z to further notice" in verify(bank).sentence


@pytest.mark.parametrize(
    "change", [{"role": "bank", "owner": "bank_northlake"}, {"is_sandbox": False}]
)
def test_a_key_of_another_role_or_world_doesnt_count(bank: Path, change: dict[str, object]) -> None:
    (key,) = (bank.parent / "public_keys").iterdir()
    _write(key, json.dumps(json.loads(key.read_bytes()) | change).encode())
    assert len(verify(bank).faults) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[" * 100_000,
        b"\xff",
        b"x" * 70_000,
        b'{"key_id": 1}',
    ],
)
def test_a_key_that_isnt_one_is_bad_input(bank: Path, content: bytes) -> None:
    (key,) = (bank.parent / "public_keys").iterdir()
    _write(key, content)
    with pytest.raises(BadInputError):
        verify(bank)


def test_a_hostile_manifest_is_a_fault_and_no_crash(bank: Path) -> None:
    manifest = bank / "0002" / form.MANIFEST
    original = json.loads(manifest.read_bytes())
    for content in (
        b"",
        b"[" * 200_000,
        b"null",
        b"{" * 9,
        b'{"format": "\\ud800"}',
        b"9" * 10_000,
        json.dumps(original | {"bank_id": "\ud800"}).encode(),
        json.dumps(original | {"files": [{"name": "../../key.pem"}] * 5}).encode(),
    ):
        _write(manifest, content)
        assert not verify(bank).ok


def test_what_is_no_pack_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no such folder"):
        verify(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match="empty"):
        verify(tmp_path / "empty")


def test_any_flipped_byte_is_found(bank: Path) -> None:
    chance = random.Random(7)  # noqa: S311
    tried = 0
    for pack in sorted(bank.iterdir()):
        for name in FILES:
            original = (pack / name).read_bytes()
            for _ in range(8):
                place, bit = chance.randrange(len(original)), 1 << chance.randrange(8)
                changed = bytearray(original)
                changed[place] ^= bit
                _write(pack / name, bytes(changed))
                report = verify(pack)
                assert not report.ok, (name, place, bit)
                assert any(name in fault for fault in report.faults), (name, report.faults)
                assert not verify(bank).ok
                tried += 1
            _write(pack / name, original)
    assert tried == 3 * 7 * 8
    assert verify(bank).ok


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_inserted_cut_or_replaced_stretch_is_found(bank: Path, data: st.DataObject) -> None:
    pack = bank / data.draw(st.sampled_from(["0001", "0002", "0003"]))
    name = data.draw(st.sampled_from(FILES))
    original = (pack / name).read_bytes()
    start = data.draw(st.integers(0, len(original)))
    end = data.draw(st.integers(start, min(len(original), start + 50)))
    changed = original[:start] + data.draw(st.binary(max_size=20)) + original[end:]
    if changed == original:
        return
    _write(pack / name, changed)
    try:
        assert not verify(pack).ok
        assert not verify(bank).ok
    finally:
        _write(pack / name, original)


def _drop_line(content: bytes) -> bytes:
    lines = content.split(b"\r\n")
    return b"\r\n".join(lines[:1] + lines[2:])


def _duplicate_line(content: bytes) -> bytes:
    lines = content.split(b"\r\n")
    return b"\r\n".join([*lines[:2], lines[1], *lines[2:]])


FORGERIES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a claim dropped, hash mended": (
        lambda pack: _edit_file(pack, "claims.csv", _drop_line),
        "0002/claims.csv: has 3 rows, the manifest says 4",
    ),
    "a contact dropped, hash mended": (
        lambda pack: _edit_file(pack, "touches.csv", _drop_line),
        "0002/touches.csv: has 7 rows",
    ),
    "a claim twice, hash mended": (
        lambda pack: _edit_file(pack, "claims.csv", _duplicate_line),
        "is claimed 2 times",
    ),
    "a fee raised, hash mended": (
        lambda pack: _edit_file(pack, "claims.csv", lambda c: c.replace(b",7541,", b",9541,")),
        "other totals than the claims add up to",
    ),
    "a fee that is no number": (
        lambda pack: _edit_file(pack, "claims.csv", lambda c: c.replace(b",7541,", b",x,")),
        "no whole number",
    ),
    "a contact moved behind the opening, hash mended": (
        lambda pack: _edit_file(
            pack, "touches.csv", lambda c: c.replace(b",2,2026-04-0", b",2,2027-04-0", 1)
        ),
        "isn't before the opening",
    ),
    "a first contact that differs, hash mended": (
        lambda pack: _edit_file(
            pack, "touches.csv", lambda c: c.replace(b",1,2026-04-0", b",1,2025-04-0", 1)
        ),
        "another first contact",
    ),
    "a contact of a stranger, hash mended": (
        lambda pack: _edit_file(
            pack, "touches.csv", lambda c: c.replace(b"\r\ncl_", b"\r\nxx_", 1)
        ),
        "names a claim that isn't in claims.csv",
    ),
    "another batch, hash mended": (
        lambda pack: _edit_file(
            pack, "touches.csv", lambda c: c.replace(b"abababababab", b"cdcdcdcdcdcd", 1)
        ),
        "other landed batches than the trail",
    ),
    "another header": (
        lambda pack: _edit_file(pack, "claims.csv", lambda c: c.replace(b"fee_cents", b"fee", 1)),
        "another header",
    ),
    "a ragged row": (
        lambda pack: _edit_file(pack, "claims.csv", lambda c: c.replace(b",7541,", b",", 1)),
        "row 2 has 14 cells",
    ),
    "a file added": (lambda pack: (pack / "more.txt").write_text("x"), "more.txt: isn't part"),
    "a folder added": (lambda pack: (pack / "more").mkdir(), "more: isn't a plain file"),
    "a signature that nobody made": (
        lambda pack: (pack / "manifest.sig").write_bytes(b"x" * 64),
        "manifest.sig: isn't that of the key",
    ),
    "a file removed": (lambda pack: (pack / "touches.csv").unlink(), "touches.csv: is missing"),
    "the manifest removed": (
        lambda pack: (pack / "manifest.json").unlink(),
        "manifest.json: is missing",
    ),
    "a file replaced by a link": (
        lambda pack: (
            (pack / "claims.csv").rename(pack.parent.parent / "claims.csv"),
            (pack / "claims.csv").symlink_to(pack.parent.parent / "claims.csv"),
        ),
        "claims.csv: isn't a plain file",
    ),
    "another bank's name, sealed again": (
        lambda pack: _edit_manifest(pack, bank_id="bank_other"),
        "0002: belongs to bank_other, 0001 to bank_northlake",
    ),
    "a contact before the window, hash mended": (
        lambda pack: _edit_file(
            pack,
            "claims.csv",
            lambda c: c.replace(b",90,", b",1,", 1),
        ),
        "has a contact before its window",
    ),
    "other terms, sealed again": (
        lambda pack: _edit_manifest(pack, terms=[]),
        "holds no terms for the claim",
    ),
    "another pack id, sealed again": (
        lambda pack: _edit_manifest(pack, pack_id="0" * 16),
        "another pack id than its lines give",
    ),
    "another kind, sealed again": (
        lambda pack: _edit_manifest(pack, kind="adjustment"),
        "says kind adjustment, there are 4 claims",
    ),
    "the sandbox's mark taken off, sealed again": (
        lambda pack: _edit_manifest(pack, is_sandbox=False),
        "isn't marked as what it is",
    ),
    "another number, sealed again": (
        lambda pack: _edit_manifest(pack, pack_number=7),
        "0002: holds pack 0007",
    ),
    "another moment, sealed again": (
        lambda pack: _edit_manifest(pack, issued_at="2020-01-01T00:00:00Z"),
        "0002: was issued before 0001",
    ),
    "another period, sealed again": (
        lambda pack: _edit_manifest(pack, period="2026-01"),
        "0002: its period isn't after that of 0001",
    ),
    "a manifest that isn't one": (
        lambda pack: _write(pack / "manifest.json", b'{"format": []}'),
        "isn't the manifest of a pack",
    ),
    "a manifest with a missing file list, sealed again": (
        lambda pack: _edit_manifest(pack, files=[]),
        "isn't the manifest of a pack",
    ),
    "a manifest of odd types, sealed again": (
        lambda pack: _edit_manifest(pack, files=[None], landed_batches=3, totals="x"),
        "isn't the manifest of a pack",
    ),
    "a batch with another hash, sealed again": (
        lambda pack: _edit_manifest(
            pack, landed_batches=[{"batch": "ab" * 6, "content_sha256": "cd" * 32}]
        ),
        "another content's hash",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_pack_is_found_and_named(bank: Path, name: str) -> None:
    forge, expected = FORGERIES[name]
    forge(bank / "0002")
    report = verify(bank)
    assert not report.ok
    assert any(expected in fault for fault in report.faults), report.faults
    assert report.sentence.startswith(report.faults[0])


def test_a_pack_changed_with_all_its_hashes_breaks_the_chain(bank: Path) -> None:
    _edit_manifest(bank / "0002", night="2026-01-01")
    assert verify(bank / "0002").ok
    report = verify(bank)
    assert report.faults == (
        "0003: the previous pack's hash isn't that of 0002, so one of both was changed, "
        "swapped or replaced",
    )


def test_two_swapped_packs_are_found(bank: Path) -> None:
    (bank / "0001").rename(bank / "x")
    (bank / "0002").rename(bank / "0001")
    (bank / "x").rename(bank / "0002")
    report = verify(bank)
    assert "0001: holds pack 0002" in report.faults
    assert not verify(bank / "0001").ok


def test_a_pack_of_another_bank_in_the_chain_is_found(chain: EvidenceWorld, bank: Path) -> None:
    shutil.rmtree(bank / "0001")
    shutil.copytree(chain.pack(1, "bank_maple"), bank / "0001")
    report = verify(bank)
    assert "0002: belongs to bank_northlake, 0001 to bank_maple" in report.faults


@pytest.mark.parametrize("number", ["0001", "0002"])
def test_a_removed_pack_is_found(bank: Path, number: str) -> None:
    shutil.rmtree(bank / number)
    report = verify(bank)
    assert f"{number}: the pack is missing from the chain" in report.faults


def _renumber(pack: Path, number: int, **values: object) -> None:
    tables = {name: (pack / name).read_bytes() for name in form.COLUMNS}
    pack_id = form.pack_id("bank_northlake", number, tables)
    _edit_manifest(pack, pack_number=number, pack_id=pack_id, **values)


def test_packs_renumbered_over_a_removed_one_are_found(bank: Path) -> None:
    shutil.rmtree(bank / "0002")
    (bank / "0003").rename(bank / "0002")
    _renumber(bank / "0002", 2)
    report = verify(bank)
    assert len(report.faults) == 1
    assert "previous pack's hash" in report.faults[0]


def test_a_chain_without_its_beginning_is_found_even_if_renumbered(bank: Path) -> None:
    shutil.rmtree(bank / "0001")
    for number in (2, 3):
        (bank / f"000{number}").rename(bank / f"000{number - 1}")
        _renumber(bank / f"000{number - 1}", number - 1)
    assert any("names a previous one" in fault for fault in verify(bank).faults)


def test_the_removed_or_remade_head_is_found_by_the_expected_head(bank: Path) -> None:
    head = verify(bank).head_sha256
    assert head is not None
    assert verify(bank, expect_head=head.upper()).ok
    _edit_manifest(bank / "0003", night="2026-01-01")
    assert verify(bank).ok
    assert "the head is" in verify(bank, expect_head=head).sentence
    shutil.rmtree(bank / "0003")
    assert verify(bank).ok
    assert not verify(bank, expect_head=head).ok


def test_a_claim_in_two_packs_is_found(bank: Path) -> None:
    shutil.rmtree(bank / "0003")
    shutil.copytree(bank / "0002", bank / "0003")
    previous = form.sha256((bank / "0002" / form.MANIFEST).read_bytes())
    _renumber(bank / "0003", 3, period="2026-05", previous_manifest_sha256=previous)
    report = verify(bank)
    assert len(report.faults) == 4
    assert all("was claimed in 0002 already" in fault for fault in report.faults)


def test_a_stranger_in_the_banks_folder_is_found(bank: Path) -> None:
    (bank / "0004.zip").write_bytes(b"x")
    assert verify(bank).faults == ("0004.zip: doesn't belong to a bank's folder",)


def test_verifying_needs_neither_warehouse_nor_ledger_nor_their_libraries(bank: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from touchproof.evidence.verify import verify;"
        "print(verify(Path(sys.argv[1])).ok);"
        "heavy = {'duckdb', 'pyarrow', 'sqlalchemy', 'pandas', 'reportlab', 'xlsxwriter'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(bank)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["True", "[]"]
