"""The routes by which the pretend world steers the server: `/_control/*`.

Belongs here: identity, clock, seeds, the CRM users' own changes, planted refusals, rules of the
org, planned faults, delays, the allowance, counters, the log of calls. Salesforce has none of
these, they need no session, they count as no call and answer only requests addressed to this
machine. Doesn't belong here: anything that a client of Salesforce may use.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from touchproof_sandbox.salesforce.errors import ApiError
from touchproof_sandbox.salesforce.faults import JOB, Calls
from touchproof_sandbox.salesforce.jobs import JOB_EFFECTS
from touchproof_sandbox.salesforce.org import Org
from touchproof_sandbox.salesforce.org_rules import RULE_KINDS, add_rule, remove_rules
from touchproof_sandbox.salesforce.routing import json_object
from touchproof_sandbox.salesforce.schema import SObject
from touchproof_sandbox.salesforce.seeding import apply_changes, seed_folder
from touchproof_sandbox.salesforce.serving import EFFECTS
from touchproof_sandbox.salesforce.storage import format_moment
from touchproof_sandbox.salesforce.writer import sobject_of

_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})


def control_routes(org: Org) -> list[Route]:
    """Return the control routes."""

    def route(
        name: str, methods: list[str], work: Callable[[Org, Request], Awaitable[Any]]
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            if urlsplit(f"//{request.headers.get('host', '')}").hostname not in _THIS_MACHINE:
                return JSONResponse({"error": "only from this machine"}, 403)
            try:
                return JSONResponse(await work(org, request))
            except ApiError as error:
                return JSONResponse(error.body, error.status)
            except (KeyError, TypeError, ValueError, OSError) as error:
                return JSONResponse([{"errorCode": "BAD_CONTROL", "message": repr(error)}], 400)

        return Route(f"/_control/{name}", endpoint, methods=methods)

    return [
        route("identity", ["GET"], _identity),
        route("clock", ["GET"], _clock),
        route("clock", ["POST"], _set_clock),
        route("seed", ["POST"], _seed),
        route("apply", ["POST"], _apply),
        route("refuse", ["POST"], _refuse),
        route("refuse", ["DELETE"], _stop_refusing),
        route("rules", ["POST"], _add_rule),
        route("rules", ["DELETE"], _remove_rules),
        route("faults", ["GET"], _faults),
        route("faults", ["POST"], _plan_fault),
        route("faults", ["DELETE"], _stop_faults),
        route("settings", ["POST"], _settings),
        route("counters", ["GET"], _counters),
        route("counters/reset", ["POST"], _reset_counters),
        route("calls", ["GET"], _calls),
        route("expire_sessions", ["POST"], _expire_sessions),
        route("wipe", ["POST"], _wipe),
    ]


async def _identity(org: Org, request: Request) -> dict[str, Any]:
    return {"server_id": org.server_id, "pid": os.getpid()}


async def _clock(org: Org, request: Request) -> dict[str, Any]:
    return {"now": format_moment(org.storage.now)}


async def _set_clock(org: Org, request: Request) -> dict[str, Any]:
    moment = datetime.fromisoformat(str((await json_object(request)).get("now")))
    org.storage.set_now(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    org.jobs.forget_old()
    return await _clock(org, request)


async def _seed(org: Org, request: Request) -> dict[str, Any]:
    return seed_folder(org.storage, Path(str((await json_object(request))["folder"])))


async def _apply(org: Org, request: Request) -> dict[str, Any]:
    body = await json_object(request)
    return apply_changes(org.storage, body["changes"], body.get("key"))


async def _refuse(org: Org, request: Request) -> dict[str, Any]:
    rule = await json_object(request)
    org.storage.db.execute(
        "insert into refusals (object, field, value, code, message, fields, times)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (rule["object"], rule["field"], rule["value"], rule["code"], rule.get("message", ""),
         json.dumps(rule.get("fields", [])), rule.get("times")),
    )  # fmt: skip
    return {"planted": True}


async def _stop_refusing(org: Org, request: Request) -> dict[str, Any]:
    org.storage.db.execute("delete from refusals")
    return {"planted": False}


async def _add_rule(org: Org, request: Request) -> dict[str, Any]:
    rule = await json_object(request)
    sobject = sobject_of(rule["object"])
    if rule["kind"] not in RULE_KINDS:
        raise ApiError(400, "UNKNOWN_RULE", f"there is no kind of rule {rule['kind']}")
    options = rule.get("options", {})
    _require_fields(sobject, rule["fields"])
    for name, fields in options.get("among", {}).items():
        _require_fields(sobject_of(name), fields)
    add_rule(org.storage, sobject.name, rule["kind"], rule["fields"], options)
    return {"rules": True}


def _require_fields(sobject: SObject, names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in sobject.by_name]
    if unknown:
        raise ApiError(400, "INVALID_FIELD", f"{sobject.name} has no field {', '.join(unknown)}")


async def _remove_rules(org: Org, request: Request) -> dict[str, Any]:
    remove_rules(org.storage)
    return {"rules": False}


async def _faults(org: Org, request: Request) -> list[dict[str, Any]]:
    return [plan.told() for plan in org.faults.plans()]


async def _plan_fault(org: Org, request: Request) -> dict[str, Any]:
    body = await json_object(request)
    calls, effect = Calls(**body["calls"]), body["effect"]
    known = JOB_EFFECTS if calls.kind == JOB else EFFECTS
    if effect not in known:
        raise ApiError(400, "UNKNOWN_FAULT", f"there is no fault {effect} of these calls")
    return {"number": org.faults.plan(calls, effect, body.get("options", {}))}


async def _stop_faults(org: Org, request: Request) -> list[dict[str, Any]]:
    org.faults.stop()
    return []


_SETTINGS = {
    "processing_seconds": float,
    "processing_polls": int,
    "allowance": int,
    "used_by_others": int,
    "storage_megabytes": int,
}


async def _settings(org: Org, request: Request) -> dict[str, Any]:
    for name, value in (await json_object(request)).items():
        if name not in _SETTINGS:
            raise ApiError(400, "UNKNOWN_SETTING", f"there is no setting {name}")
        org.storage.put(name, _SETTINGS[name](value))
    return {name: org.storage.get(name, None) for name in _SETTINGS}


async def _counters(org: Org, request: Request) -> dict[str, Any]:
    return org.counters()


async def _reset_counters(org: Org, request: Request) -> dict[str, Any]:
    org.reset_counters()
    return org.counters()


async def _calls(org: Org, request: Request) -> list[dict[str, Any]]:
    rows = org.storage.db.execute("select * from calls order by number")
    return [dict(row) for row in rows]


async def _expire_sessions(org: Org, request: Request) -> dict[str, Any]:
    org.expire_sessions()
    return {"expired": True}


async def _wipe(org: Org, request: Request) -> dict[str, Any]:
    org.storage.wipe()
    return {"wiped": True}
