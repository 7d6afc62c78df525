"""What `make run` shows, and where Airflow's chatter goes."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from touchproof_airflow.console import Progress, chatter_to, open_console


def test_chatter_of_this_process_and_its_children_goes_to_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "logs" / "run.log"
    with chatter_to(log) as console:
        os.write(1, b"chatter\n")
        os.write(2, b"a warning\n")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        console.print("shown")
    os.write(1, b"afterwards\n")
    assert capfd.readouterr().out == "shown\nafterwards\n"
    written = log.read_text()
    assert all(text in written for text in ("chatter", "a warning", "from a child"))
    assert "shown" not in written
    assert log.stat().st_mode & 0o077 == 0


def test_the_streams_come_back_after_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="broken"), chatter_to(tmp_path / "run.log"):
        raise ValueError("broken")
    os.write(1, b"afterwards\n")
    assert capfd.readouterr().out == "afterwards\n"


def test_a_log_gets_one_plain_line_a_phase() -> None:
    out = StringIO()
    with Progress(open_console(out)).phase("extract_ga4") as phase:
        phase.detail("ga4.extract")
        phase.note = "a note"
    line = out.getvalue()
    assert line.startswith("✓ extract_ga4 ") and line.endswith(" s   a note\n")
    assert "\x1b" not in line


def test_a_phase_that_raises_is_red() -> None:
    out = StringIO()
    with pytest.raises(KeyError), Progress(open_console(out)).phase("build"):
        raise KeyError
    assert out.getvalue().startswith("✗ build ")
