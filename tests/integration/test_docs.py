"""What the docs tell people to type works: every query and every command of the audience pages."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from nights import Seen, World

from touchproof.cli import run

pytestmark = pytest.mark.timeout(2400)
MAY_BE_EMPTY = "-- Empty while"
"""How a query begins whose answer needs more customers or weeks than the world of the tests has."""
FULL_REFRESH = "touchproof build --full-refresh"
"""It takes as long as a night: test_quiet_nights runs it."""
DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(page.name for page in DOCS.glob("*.md"))


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.S)


def queries() -> list[tuple[str, str]]:
    return [(page, query) for page in PAGES for query in blocks(page, "sql")]


def commands() -> list[tuple[str, str]]:
    lines = [
        (page, line.removeprefix("$ "))
        for page in PAGES
        for block in blocks(page, "console")
        for line in block.splitlines()
        if line.startswith("$ touchproof")
    ]
    return [*dict.fromkeys(lines)]


def test_the_pages_hold_queries_and_commands() -> None:
    assert FULL_REFRESH in [command for _, command in commands()]
    assert len(queries()) >= 5
    assert len(commands()) >= 6


@pytest.fixture
def touchproof(
    nights: dict[str, Seen],
    demo: World,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """Return what runs a command on the nights' world, in this process: a start takes seconds."""
    for name, value in demo.environment.items():
        monkeypatch.setenv(name, value)

    def succeed(*arguments: str) -> str:
        code = run([*arguments])
        printed = capfd.readouterr()
        assert code == 0, printed.out + printed.err
        return printed.out

    return succeed


@pytest.mark.parametrize(("page", "query"), queries())
def test_a_documented_query_runs_and_returns_rows(
    touchproof: Callable[..., str], page: str, query: str
) -> None:
    rows = json.loads(touchproof("sql", query, "--format", "json"))
    assert rows or query.startswith(MAY_BE_EMPTY), query


@pytest.mark.parametrize(("page", "command"), [c for c in commands() if c[1] != FULL_REFRESH])
def test_a_documented_command_succeeds(
    touchproof: Callable[..., str], demo: World, page: str, command: str
) -> None:
    here = command.replace("data/demo", str(demo.settings.paths.root))
    assert touchproof(*shlex.split(here)[1:])
