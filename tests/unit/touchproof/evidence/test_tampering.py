"""Several hundred generated alterations of a chain, some by who holds the true key: all found."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from evidence_tsa import Tsa

from touchproof.evidence import pack_format as form
from touchproof.evidence import timestamps
from touchproof.evidence.countersign import countersign
from touchproof.evidence.verify import verify

if TYPE_CHECKING:
    from .conftest import EvidenceWorld
else:
    EvidenceWorld = Any

PACKS = ("0001", "0002", "0003", "0004")
ALL = (*form.FILES, form.MANIFEST, form.SIGNATURE)
FLIPS = 6  # of each file of each pack
Change = Callable[[Path], object]


@dataclass(frozen=True)
class Alteration:
    """Name a change of a bank's folder, and how an auditor would look at the result.

    Args:
        name: What is done.
        change: Does it to a copy of the bank's folder.
        with_head: Whether the auditor knows the head that was handed over.
    """

    name: str
    change: Change
    with_head: bool = False


@pytest.fixture(scope="module")
def bound(long_chain: EvidenceWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the evidence folder with pack 3 countersigned by the bank and pack 2 stamped."""
    folder = tmp_path_factory.mktemp("bank")
    root, keys = long_chain.settings.paths.evidence, long_chain.settings.paths.public_keys
    bank_key = Ed25519PrivateKey.generate()
    manifest = (long_chain.pack(3) / form.MANIFEST).read_bytes()
    (folder / "bank.pem").write_bytes(
        bank_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (folder / "bank.sig").write_bytes(bank_key.sign(manifest))
    countersign(
        long_chain.pack(3),
        folder / "bank.pem",
        folder / "bank.sig",
        keys,
        lambda: datetime(2026, 7, 1, tzinfo=UTC),
    )
    tsa = Tsa()
    timestamps.request(long_chain.pack(2))
    request = long_chain.pack(2).parent / form.TIMESTAMPS / "0002.tsq"
    (folder / "answer.tsr").write_bytes(tsa.answer(request.read_bytes()))
    (folder / "tsa.pem").write_bytes(tsa.pem)
    timestamps.accept(long_chain.pack(2), folder / "answer.tsr", folder / "tsa.pem", keys)
    return root


def _write(file: Path, content: bytes) -> None:
    file.unlink(missing_ok=True)
    file.write_bytes(content)


def _flip(pack: str, name: str, share: float, bit: int) -> Change:
    def change(bank: Path) -> None:
        content = bytearray((bank / pack / name).read_bytes())
        content[int(share * len(content))] ^= 1 << bit
        _write(bank / pack / name, bytes(content))

    return change


def _rewrite(pack: str, name: str, edit: Callable[[bytes], bytes]) -> Change:
    def change(bank: Path) -> None:
        before = (bank / pack / name).read_bytes()
        after = edit(before)
        assert after != before, name
        _write(bank / pack / name, after)

    return change


def _consistently(
    pack: str, name: str, edit: Callable[[bytes], bytes], key: Ed25519PrivateKey | None
) -> Change:
    """Change a table with its hash, length, counts and totals in the manifest; sign if one can."""

    def change(bank: Path) -> None:
        folder = bank / pack
        before = (folder / name).read_bytes()
        after = edit(before)
        assert after != before, name
        _write(folder / name, after)
        _reseal(folder, key)

    return change


def _reseal(folder: Path, key: Ed25519PrivateKey | None, **values: object) -> None:
    manifest = json.loads((folder / form.MANIFEST).read_bytes()) | values
    rows = {n: form.read_csv((folder / n).read_bytes()) for n in form.COLUMNS}
    for file in manifest["files"]:
        content = (folder / file["name"]).read_bytes()
        file |= {"sha256": form.sha256(content), "bytes": len(content)}
        if file["name"] in rows:
            file["rows"] = len(rows[file["name"]]) - 1
    claims = [dict(zip(rows[form.CLAIMS][0], row, strict=True)) for row in rows[form.CLAIMS][1:]]
    manifest["claims"] = len(claims)
    manifest["touches"] = len(rows[form.TOUCHES]) - 1
    manifest["totals"] = [
        {
            "currency": "USD",
            "claims": len(claims),
            "fee_cents": sum(int(claim["fee_cents"]) for claim in claims),
        }
    ]
    tables = {n: (folder / n).read_bytes() for n in form.COLUMNS}
    manifest["pack_id"] = form.pack_id(manifest["bank_id"], manifest["pack_number"], tables)
    _write(folder / form.MANIFEST, form.manifest_bytes(manifest))
    if key is not None:
        _write(folder / form.SIGNATURE, key.sign((folder / form.MANIFEST).read_bytes()))


def _rewrite_chain(bank: Path, key: Ed25519PrivateKey, first: int) -> None:
    """Lower a fee in one pack and make every later pack anew, with the true key."""
    previous = None
    for pack in PACKS:
        folder = bank / pack
        if pack == f"{first:04d}":
            file = folder / form.CLAIMS
            _write(file, file.read_bytes().replace(b",75", b",65", 1))
        if int(pack) >= first:
            _reseal(folder, key, **({"previous_manifest_sha256": previous} if previous else {}))
        previous = form.sha256((folder / form.MANIFEST).read_bytes())
    assert previous is not None


def _drop(number: int) -> Callable[[bytes], bytes]:
    def edit(content: bytes) -> bytes:
        lines = content.split(b"\r\n")
        place = 1 + number % max(1, len(lines) - 2)
        return b"\r\n".join([*lines[:place], *lines[place + 1 :]])

    return edit


def _double(number: int) -> Callable[[bytes], bytes]:
    def edit(content: bytes) -> bytes:
        lines = content.split(b"\r\n")
        place = 1 + number % max(1, len(lines) - 2)
        return b"\r\n".join([*lines[: place + 1], lines[place], *lines[place + 1 :]])

    return edit


def _fee(content: bytes) -> bytes:
    return content.replace(b",75", b",95", 1)


def _swap(one: str, other: str) -> Change:
    def change(bank: Path) -> None:
        (bank / one).rename(bank / "x")
        (bank / other).rename(bank / one)
        (bank / "x").rename(bank / other)

    return change


def _link(name: str) -> Change:
    def change(bank: Path) -> None:
        target = bank.parent / f"{name}.away"
        (bank / "0002" / name).rename(target)
        (bank / "0002" / name).symlink_to(target)

    return change


def _link_pack(bank: Path) -> None:
    (bank / "0002").rename(bank.parent / "away")
    (bank / "0002").symlink_to(bank.parent / "away")


def alterations(true_key: Ed25519PrivateKey) -> Iterator[Alteration]:
    """Generate every alteration, the same ones each time."""
    chance = random.Random(11)  # noqa: S311
    other_key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    for pack in PACKS:
        for name in ALL:
            for _ in range(FLIPS):
                share, bit = chance.random(), chance.randrange(8)
                yield Alteration(f"flip {pack}/{name}", _flip(pack, name, share, bit))
            cut = chance.randrange(1, 40)
            yield Alteration(
                f"truncate {pack}/{name}", _rewrite(pack, name, lambda c, cut=cut: c[:-cut])
            )
            yield Alteration(f"append {pack}/{name}", _rewrite(pack, name, lambda c: c + b"\n"))
            yield Alteration(f"empty {pack}/{name}", _rewrite(pack, name, lambda c: b""))
            yield Alteration(
                f"remove {pack}/{name}", lambda bank, p=pack, n=name: (bank / p / n).unlink()
            )
            yield Alteration(
                f"rename {pack}/{name}",
                lambda bank, p=pack, n=name: (bank / p / n).rename(bank / p / n.upper()),
            )
        for name in (form.CLAIMS, form.TOUCHES):
            for number in range(2):
                yield Alteration(f"drop {pack}/{name}", _rewrite(pack, name, _drop(number)))
                yield Alteration(f"double {pack}/{name}", _rewrite(pack, name, _double(number)))
            for key, who in ((None, "no key"), (other_key, "another key")):
                yield Alteration(
                    f"drop {pack}/{name}, mended, {who}",
                    _consistently(pack, name, _drop(0), key),
                )
            # Whose key it is can drop no row of one table alone, only rewrite all of it.
            yield Alteration(
                f"drop {pack}/{name}, mended, true key",
                _consistently(pack, name, _drop(0), true_key),
            )
            yield Alteration(
                f"double {pack}/{name}, mended, true key",
                _consistently(pack, name, _double(0), true_key),
            )
        for key, who in ((None, "no key"), (other_key, "another key")):
            yield Alteration(
                f"fee {pack}, mended, {who}", _consistently(pack, form.CLAIMS, _fee, key)
            )
        yield Alteration(
            f"sign {pack} anew with another key",
            lambda bank, p=pack: _reseal(bank / p, other_key),
        )
        yield Alteration(
            f"add a file to {pack}", lambda bank, p=pack: (bank / p / "note.txt").write_text("x")
        )
        yield Alteration(
            f"add a hidden file to {pack}", lambda bank, p=pack: (bank / p / ".x").write_text("x")
        )
        yield Alteration(f"add a folder to {pack}", lambda bank, p=pack: (bank / p / "d").mkdir())
        yield Alteration(f"add a pipe to {pack}", lambda bank, p=pack: os.mkfifo(bank / p / "f"))
        yield Alteration(
            f"remove {pack}, head known", lambda bank, p=pack: shutil.rmtree(bank / p), True
        )
    # The true key changes a fee consistently: every earlier pack is bound by the chain.
    for pack in PACKS[:3]:
        yield Alteration(
            f"fee {pack}, mended, true key",
            _consistently(pack, form.CLAIMS, _fee, true_key),
        )
        yield Alteration(
            f"rewrite the chain from {pack}, true key",
            lambda bank, p=pack: _rewrite_chain(bank, true_key, int(p)),
        )
    yield Alteration(
        "fee 0004, mended, true key, head known",
        _consistently("0004", form.CLAIMS, _fee, true_key),
        True,
    )
    for one in PACKS:
        for other in PACKS:
            if one < other:
                yield Alteration(f"swap {one} and {other}", _swap(one, other))
    yield Alteration("remove 0001", lambda bank: shutil.rmtree(bank / "0001"))
    yield Alteration("remove 0002", lambda bank: shutil.rmtree(bank / "0002"))
    yield Alteration("remove 0003", lambda bank: shutil.rmtree(bank / "0003"))
    yield Alteration("copy a pack", lambda bank: shutil.copytree(bank / "0004", bank / "0005"))
    yield Alteration("a file beside", lambda bank: (bank / "0005.zip").write_bytes(b"x"))
    yield Alteration("a folder beside", lambda bank: (bank / "notes").mkdir())
    yield Alteration("a pack as a link", _link_pack)
    yield Alteration(
        "countersignature of another pack",
        lambda bank: (bank / form.COUNTERSIGNATURES / "0003.sig").rename(
            bank / form.COUNTERSIGNATURES / "0002.sig"
        ),
    )
    for place in range(0, 64, 8):
        yield Alteration(
            f"flip the countersignature at {place}",
            _flip(form.COUNTERSIGNATURES, "0003.sig", place / 64, place % 8),
        )
    for name in ALL:
        yield Alteration(f"{name} as a link", _link(name))


def test_none_of_the_generated_alterations_is_missed(
    long_chain: EvidenceWorld, bound: Path, tmp_path: Path
) -> None:
    pem = long_chain.settings.paths.sandbox_evidence_key.read_bytes()
    true_key = load_pem_private_key(pem, password=None)
    assert isinstance(true_key, Ed25519PrivateKey)
    untouched = bound / "bank_northlake"
    whole = verify(untouched, public_keys=bound / "public_keys")
    assert whole.ok, whole.faults
    assert (whole.packs, whole.countersigned, whole.timestamped) == (4, ("0003",), ("0002",))
    missed, tried, without_place = [], 0, []
    for alteration in alterations(true_key):
        copy = tmp_path / f"{tried}" / "bank_northlake"
        shutil.copytree(untouched, copy)
        alteration.change(copy)
        report = verify(
            copy,
            public_keys=bound / "public_keys",
            expect_head=whole.head_sha256 if alteration.with_head else None,
        )
        if report.ok:
            missed.append(alteration.name)
        elif not any(name in report.sentence for name in (*PACKS, "0005", "notes", "sig")):
            without_place.append((alteration.name, report.sentence))
        shutil.rmtree(copy.parent)
        tried += 1
    assert missed == []
    assert without_place == []
    assert tried >= 400
