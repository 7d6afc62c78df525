"""The page in Airflow: seen in a browser behind the login, refused without one."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from touchproof.settings import Settings
from touchproof_airflow.ui import USER

if TYPE_CHECKING:
    from conftest import Ui  # the fixture's type

ROUTES = ("touchproof/", "touchproof/status.json", "touchproof/style.css")


def signed_in_page(browser: Browser, ui: Ui) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(ui.url)
    page.locator("input[name=username]").fill(USER)
    page.locator("input[name=password]").fill(ui.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "login" not in address)
    return page


@pytest.mark.parametrize("route", ROUTES)
def test_no_route_answers_without_a_login(ui: Ui, route: str) -> None:
    answer = requests.get(ui.url + route, timeout=30)
    assert answer.status_code == 401
    assert "2026-06-28" not in answer.text


@pytest.mark.parametrize("route", ROUTES)
def test_a_made_up_token_is_no_login(ui: Ui, route: str) -> None:
    forged = {"_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."}
    answer = requests.get(ui.url + route, cookies=forged, timeout=30)
    assert answer.status_code in (401, 403)
    assert "2026-06-28" not in answer.text


def test_the_app_describes_itself_to_nobody(ui: Ui) -> None:
    for route in ("docs", "redoc", "openapi.json"):
        answer = requests.get(f"{ui.url}touchproof/{route}", timeout=30)
        assert answer.status_code in (401, 404)
        assert "status.json" not in answer.text


def test_ops_see_the_night_in_the_navigation(
    browser: Browser, ui: Ui, world: Settings, tmp_path: Path
) -> None:
    page = signed_in_page(browser, ui)
    page.get_by_role("link", name="touchproof").first.click()
    shown = page.frame_locator("iframe")
    expect(shown.get_by_role("heading", name="Night 2026-06-28")).to_be_visible(timeout=30_000)
    expect(shown.get_by_text("world shown")).to_be_visible()
    expect(shown.get_by_role("row", name="ga4 fresh")).to_be_visible()
    expect(shown.get_by_role("row", name="media stale")).to_be_visible()
    screenshot = tmp_path / "page.png"
    page.screenshot(path=screenshot)
    assert screenshot.stat().st_size > 10_000


def test_the_page_is_styled_runs_no_script_and_asks_nobody_else(browser: Browser, ui: Ui) -> None:
    page = signed_in_page(browser, ui)
    asked: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: problems.append(message.text))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    answer = page.goto(f"{ui.url}touchproof/")
    assert answer is not None and answer.status == 200
    assert "script" not in answer.headers["content-security-policy"]
    assert page.locator("script").count() == 0
    expect(page.get_by_text("<script>alert(1)</script>").first).to_be_visible()
    assert page.locator(".card").first.evaluate("e => getComputedStyle(e).borderRadius") == "8px"
    assert asked and all(url.startswith(ui.url) for url in asked)
    assert problems == []


def test_the_data_is_the_status_command_s(browser: Browser, ui: Ui) -> None:
    page = signed_in_page(browser, ui)
    content = page.request.get(f"{ui.url}touchproof/status.json").json()
    assert content["published"]["night"] == "2026-06-28"
    assert {one["source"]: one["status"] for one in content["sources"]}["media"] == "stale"


def test_a_killed_ui_leaves_no_airflow_behind(ui: Ui, world: Settings) -> None:
    """`kill -9` of the process that started it; the guard ends what is left. The last test here."""
    home = str(world.paths.airflow_home)
    assert processes_of(home)
    ui.process.kill()
    ui.process.wait()
    deadline = time.monotonic() + 60
    while processes_of(home) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(home) == []


def processes_of(home: str) -> list[int]:
    """Return the processes that run with this Airflow home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"AIRFLOW_HOME={home}\0".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found
