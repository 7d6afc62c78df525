"""Files are unpacked within limits, and each fault has its own name."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from touchproof.sources.faults import StructuralFaultError
from touchproof.sources.unpack import read_unpacked


def fault_of(path: Path, content: bytes, limit: int = 1000) -> str:
    path.write_bytes(content)
    with pytest.raises(StructuralFaultError) as raised:
        read_unpacked(path, limit)
    return raised.value.rule


def test_a_gzip_file_is_unpacked_and_a_plain_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"one") + gzip.compress(b"two"))
    (tmp_path / "a.csv").write_bytes(b"onetwo")
    assert read_unpacked(tmp_path / "a.csv.gz", 1000) == b"onetwo"
    assert read_unpacked(tmp_path / "a.csv", 1000) == b"onetwo"


def test_a_truncated_gzip_is_a_fault(tmp_path: Path) -> None:
    whole = gzip.compress(b"0123456789" * 20)
    for length in (5, 12, len(whole) // 2, len(whole) - 1):
        assert fault_of(tmp_path / "a.gz", whole[:length]) == "truncated_gzip", length


def test_a_file_that_only_claims_to_be_gzip_is_a_fault(tmp_path: Path) -> None:
    assert fault_of(tmp_path / "a.gz", b"date,platform\n") == "damaged_gzip"


def test_a_flipped_byte_in_a_gzip_is_a_fault(tmp_path: Path) -> None:
    damaged = bytearray(gzip.compress(bytes(range(256)), mtime=0))
    damaged[len(damaged) // 2] ^= 0xFF
    assert fault_of(tmp_path / "a.gz", bytes(damaged)) == "damaged_gzip"


def test_a_gzip_bomb_is_a_fault_and_never_unpacked_whole(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    assert fault_of(tmp_path / "a.gz", bomb, limit=10_000) == "too_large_unpacked"


def test_a_file_at_the_limit_passes_and_one_above_it_does_not(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 1000)
    assert len(read_unpacked(tmp_path / "a.csv", 1000)) == 1000
    assert fault_of(tmp_path / "b.csv", b"x" * 1001) == "too_large_unpacked"


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", b""), ("a.gz", gzip.compress(b"", mtime=0))]
)
def test_an_empty_file_is_a_fault(tmp_path: Path, name: str, content: bytes) -> None:
    assert fault_of(tmp_path / name, content) == "empty_file"
