"""What every route does besides its own work.

Belongs here: checking session and allowance, answering refusals, letting planned faults meet the
call, counting it, adding `Sforce-Limit-Info`. Doesn't belong here: any single route.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from touchproof_sandbox.salesforce.errors import ApiError
from touchproof_sandbox.salesforce.faults import Asked, Fault
from touchproof_sandbox.salesforce.org import TOKEN_KIND, Org
from touchproof_sandbox.salesforce.serving import answer_of, broken, is_received, tells_usage

Handler = Callable[[Org, Request], Awaitable[Response]]

BASE = "/services/data/v{version}"
_BELOW = re.compile(r"^/services/data/v[^/]+/")
_OBJECT = re.compile(rb'"object"\s*:\s*"(\w+)"')
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
        async def work() -> Response:
            try:
                org.require_session(request.headers.get("authorization", ""))
                if kind != "limits":
                    org.require_allowance()
                org.jobs.advance()
                return await handler(org, request)
            except ApiError as error:
                return JSONResponse(error.body, error.status)

        return await answered(org, request, kind, work)

    return Route(BASE + path, endpoint, methods=list(methods))


async def answered(
    org: Org,
    request: Request,
    kind: str,
    work: Callable[[], Awaitable[Response]],
    client: str | None = None,
) -> Response:
    """Let the work of a call meet its fault, and count the call.

    Args:
        org: The org.
        request: The request.
        kind: What the counters book it under.
        work: Does the call's own work.
        client: Name of the client, where the headers don't tell it.
    """
    try:
        fault = await _fault(org, request, kind)
        response = await answer_of(fault, request, work, org.expire_sessions)
    except ClientDisconnect:  # it didn't arrive whole, so nothing was done
        return Response(status_code=400)
    if is_received(fault):
        name = client or client_of(request)
        org.note_call(name, kind, request.method, request.url.path, response.status_code)
    if kind != TOKEN_KIND and tells_usage(fault):
        response.headers["Sforce-Limit-Info"] = org.limit_info
    return broken(fault, response)


async def _fault(org: Org, request: Request, kind: str) -> Fault | None:
    plans = org.faults.plans()
    if not plans:
        return None
    path = _BELOW.sub("", request.url.path)
    needs_object = any(plan.calls.object is not None for plan in plans)
    object_name = await _object(org, request) if needs_object and kind != TOKEN_KIND else None
    return org.faults.meet(Asked(kind, request.method, path, object_name))


async def _object(org: Org, request: Request) -> str | None:
    """Return the object that a request names itself, by its job, or in its body."""
    named = request.path_params.get("object")
    if named is None and "/jobs/" in request.url.path:
        job_id = request.path_params.get("id")
        if job_id is not None:
            return org.jobs.object_of(job_id)
        found = _OBJECT.search(await request.body())
        return found[1].decode() if found else None
    return named


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
