"""The pages that the Airflow plugin serves, each behind Airflow's own login.

Belongs here: routes, who may see them, headers, and turning a status into HTML. Doesn't belong
here: collecting the status (touchproof.status), registering the plugin (plugins/).

A plugin's app inherits none of Airflow's authentication, so every route here depends on
`signed_in`. Values are escaped by the template; the policy allows no script and nothing foreign.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from touchproof.errors import TouchproofError
from touchproof.settings import Settings
from touchproof.status import StatusReport, collect_status, status_json

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).with_name("templates")
RESOURCE = "touchproof"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; frame-ancestors 'self'; "
        "base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


async def signed_in(request: Request) -> None:
    """Let through who is signed in to Airflow and may see this page.

    Raises:
        HTTPException: 401 without a valid login, 403 without the right.
    """
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user

    user = await get_user(request, None, await bearer_scheme(request))
    if not get_auth_manager().is_authorized_custom_view(
        method="GET", resource_name=RESOURCE, user=user
    ):
        raise HTTPException(403, "You may not see this page.")


def build_app() -> FastAPI:
    """Return the app; it has no documentation routes, since those would be open to anyone."""
    app = FastAPI(
        title="touchproof",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(signed_in)],
    )
    app.add_api_route("/", status_page, response_class=HTMLResponse)
    app.add_api_route("/status.json", status_data, response_class=JSONResponse)
    app.add_api_route("/style.css", style, response_class=Response)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(TouchproofError, broken)
    return app


def status_page() -> HTMLResponse:
    """Show how the newest night stands."""
    return HTMLResponse(render_status(collect_status(Settings())), headers=HEADERS)


def status_data() -> JSONResponse:
    """Return what `touchproof status --json` prints."""
    return JSONResponse(status_json(collect_status(Settings())), headers=HEADERS)


def style() -> Response:
    """Return the page's style."""
    content = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    return Response(content, media_type="text/css", headers=HEADERS)


def render_status(status: StatusReport) -> str:
    """Return the page of one status; every value is escaped."""
    return _template("status.html").render(status=status)


async def refused(_request: Request, error: Exception) -> HTMLResponse:
    """Say that the page is refused and where the login is."""
    code = getattr(error, "status_code", 401)
    page = _template("refused.html").render(is_signed_in=code == 403)
    return HTMLResponse(page, status_code=code, headers=HEADERS)


async def broken(_request: Request, error: Exception) -> HTMLResponse:
    """Say in our own words why there is no status; they hold no values."""
    page = _template("broken.html").render(problem=str(error))
    return HTMLResponse(page, status_code=503, headers=HEADERS)


@cache
def _template(name: str) -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["count"] = _count
    environment.filters["words"] = lambda text: str(text).replace("_", " ")
    return environment.get_template(name)


def _count(value: Any) -> str:
    return f"{value:,}" if value else "·"
