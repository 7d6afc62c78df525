"""What every route does besides its own work.

Belongs here: checking session and allowance, answering refusals, counting the call, adding
`Sforce-Limit-Info`. Doesn't belong here: any single route.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from touchproof_sandbox.salesforce.errors import ApiError
from touchproof_sandbox.salesforce.org import Org

Handler = Callable[[Org, Request], Awaitable[Response]]

BASE = "/services/data/v{version}"
_CLIENT = re.compile(r"(?:^|[,;\s])client=([^,;\s]+)")


def call(org: Org, path: str, methods: Sequence[str], kind: str, handler: Handler) -> Route:
    """Return the route of a counted call that needs a session.

    Args:
        org: The org.
        path: Path below `/services/data/vXX.X`.
        methods: HTTP methods.
        kind: What the counters book it under.
        handler: Does the route's own work.
    """

    async def endpoint(request: Request) -> Response:
        try:
            org.require_session(request.headers.get("authorization", ""))
            if kind != "limits":
                org.require_allowance()
            org.jobs.advance()
            response = await handler(org, request)
        except ApiError as error:
            response = JSONResponse(error.body, error.status)
        org.note_call(
            client_of(request), kind, request.method, request.url.path, response.status_code
        )
        response.headers["Sforce-Limit-Info"] = org.limit_info
        return response

    return Route(BASE + path, endpoint, methods=list(methods))


def client_of(request: Request) -> str:
    """Return the name that the client gave itself, else the first word of its user agent."""
    found = _CLIENT.search(request.headers.get("sforce-call-options", ""))
    if found:
        return found[1]
    return request.headers.get("user-agent", "unknown").split("/")[0]


async def json_object(request: Request) -> dict[str, Any]:
    """Return the request's JSON object.

    Raises:
        ApiError: 400 JSON_PARSER_ERROR.
    """
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "JSON_PARSER_ERROR", "The request body isn't a JSON object")
    return body
