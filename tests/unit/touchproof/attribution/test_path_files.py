"""Path files: what is read, and the sentence about each fault."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from touchproof.attribution import path_files
from touchproof.attribution.path_files import read_path_file
from touchproof.attribution.paths import PathTable
from touchproof.errors import BadInputError


def _read(tmp_path: Path, content: str | bytes, separator: str = ",") -> PathTable:
    file = tmp_path / "paths.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_path_file(file, separator)


def test_only_the_path_is_needed(tmp_path: Path) -> None:
    paths = _read(tmp_path, "path\na > b\nb\n")
    assert paths.channels == ("a", "b")
    assert paths.conversions.tolist() == [1.0, 1.0]
    assert paths.value.tolist() == paths.nulls.tolist() == [0.0, 0.0]


def test_columns_stand_in_any_order_among_others(tmp_path: Path) -> None:
    paths = _read(tmp_path, "nulls, id ,value,path,conversions\n3,x,-2.5,a,.5\n4,,1e3, b , +2 \n")
    assert paths.channels == ("a", "b")
    assert paths.conversions.tolist() == [0.5, 2.0]
    assert paths.value.tolist() == [-2.5, 1000.0]
    assert paths.nulls.tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    ("content", "separator"),
    [
        ("\ufeffpath,value\na>b,1", ","),
        ("path;value\r\na>b;1\r\n", ";"),
        ('"a\nnote",path,value\nx,a>b,1', ","),
        ("path\tvalue\na>b\t1\n", "\t"),
        ("path\tvalue\na>b\t1\n", "tab"),
        ("path\tvalue\na>b\t1\n", "\\t"),
        ('\npath,value\n\n"a>b",1\n\n', ","),
        ('"path","value"\n"a > b","1"\n', ","),
    ],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, content: str, separator: str) -> None:
    paths = _read(tmp_path, content, separator)
    assert paths.channels == ("a", "b")
    assert paths.value.tolist() == [1.0]


def test_quotes_keep_separators_and_quotes_in_names(tmp_path: Path) -> None:
    paths = _read(tmp_path, 'path\n"a, Inc. > ""b"" > 漢字"\n')
    assert paths.channels == ('"b"', "a, Inc.", "漢字")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "There is no column path (paths.csv, line 1)"),
        ("a>b,1\n", "There is no column path (paths.csv, line 1)"),
        ("path;value\na;1\n", "add --sep ';'"),
        ("path\tvalue\na\t1\n", "add --sep tab"),
        ("path,path\na,b\n", "The column path is there twice (paths.csv, line 1)"),
        ("path,nulls,nulls\na,1,1\n", "The column nulls is there twice (paths.csv, line 1)"),
        ("path,value\n", "There is a header but no path below it (paths.csv)"),
        ("path,value\na,1\n\nb,x\n", "This isn't a number (paths.csv, line 4, column value)"),
        ('path,value\n"a",1\nb,nan\n', "This isn't a number (paths.csv, line 3, column value)"),
        ("path,value\na,-inf\n", "This isn't a number (paths.csv, line 2, column value)"),
        ("path,value\na,1_000\n", "This isn't a number (paths.csv, line 2, column value)"),
        ("path,value\na,\n", "The number is missing (paths.csv, line 2, column value)"),
        ("path,value\na,1e300\n", "The number is too large (paths.csv, line 2, column value)"),
        ("path,conversions\na,-1\n", "is negative (paths.csv, line 2, column conversions)"),
        ("path,nulls\na,0\nb,-0.5\n", "is negative (paths.csv, line 3, column nulls)"),
        ("path,value\na,1\n,2\n", "The path is empty (paths.csv, line 3, column path)"),
        ("path,value\na > > b,1\n", "has an empty step (paths.csv, line 2, column path)"),
        ("path\na\n> b\n", "has an empty step (paths.csv, line 3, column path)"),
        ('path\na\n"b > c\nd > e\n', "or a zero byte in it (paths.csv, line 3, column path)"),
        ("path,value\na\n", "Fields in the line: 1, in the header: 2 (paths.csv, line 2)"),
        ("path,value\na,1\nb,1,2\n", "Fields in the line: 3, in the header: 2 (paths.csv, line 3)"),
        (b"path\na\nb\xff\n", "The text isn't UTF-8 (paths.csv, line 3)"),
        ("path\na\n".encode("utf-16"), "The text isn't UTF-8 (paths.csv, line 1)"),
    ],
)
def test_a_fault_is_one_sentence_with_its_line_and_column(
    tmp_path: Path, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(BadInputError) as raised:
        _read(tmp_path, content)
    assert sentence in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("separator", ["", ";;", '"', ">", "\n", "é"])
def test_a_separator_is_one_plain_character(tmp_path: Path, separator: str) -> None:
    with pytest.raises(BadInputError, match="--sep"):
        _read(tmp_path, "path\na\n", separator)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for file in (tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(BadInputError, match=file.name):
            read_path_file(file)


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("path,value\na > b,1\n",))
    writer.start()
    assert read_path_file(pipe).channels == ("a", "b")
    writer.join()


def test_a_file_larger_than_a_block_is_read_in_a_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_files, "_BLOCK_BYTES", 256)
    rows = [f"c{number % 7} > c{number % 5},{number}.25" for number in range(2000)]
    paths = _read(tmp_path, "path,value\n" + "\n".join(rows) + "\n")
    assert len(paths) == 2000
    assert paths.value.sum() == sum(range(2000)) + 500
    with pytest.raises(BadInputError, match=r"line 2002, column value"):
        _read(tmp_path, "path,value\n" + "\n".join([*rows, "c1,x"]) + "\n")
