"""The web application of the loopback server: all routes of one org.

Belongs here: putting the routes together. Doesn't belong here: any route, any process.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse

from touchproof_sandbox.salesforce.event_logs import log_routes
from touchproof_sandbox.salesforce.org import Org
from touchproof_sandbox.salesforce.routes_bulk import bulk_routes
from touchproof_sandbox.salesforce.routes_control import control_routes
from touchproof_sandbox.salesforce.routes_login import login_routes
from touchproof_sandbox.salesforce.routes_rest import rest_routes

_NOT_FOUND = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
_NOT_ALLOWED = [{"errorCode": "METHOD_NOT_ALLOWED", "message": "HTTP Method not allowed"}]


async def _not_found(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse(_NOT_FOUND, 404)


async def _not_allowed(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse(_NOT_ALLOWED, 405)


def build_app(org: Org) -> Starlette:
    """Return the application that serves one org."""
    return Starlette(
        routes=[
            *control_routes(org),
            *login_routes(org),
            *bulk_routes(org),
            *log_routes(org),
            *rest_routes(org),
        ],
        exception_handlers={404: _not_found, 405: _not_allowed},
    )
