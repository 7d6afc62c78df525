"""Logging in: SOAP with a password, OAuth with a JWT or with client credentials.

Belongs here: the two token endpoints. Doesn't belong here: what a session may do (routing.py).
"""

from __future__ import annotations

import base64
import binascii
import re
from html import escape, unescape
from urllib.parse import parse_qsl

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from touchproof_sandbox.salesforce.org import TOKEN_KIND, Org
from touchproof_sandbox.salesforce.routing import answered
from touchproof_sandbox.salesforce.schema import INSTANCE_URL, ORG_ID

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES = ["https://login.salesforce.com", "https://test.salesforce.com", INSTANCE_URL]
_USER_ID = "0055e000000TPUSEA2"


def login_routes(org: Org) -> list[Route]:
    """Return the routes of both token endpoints."""

    async def soap(request: Request) -> Response:
        body = (await request.body()).decode("utf-8", "replace")

        async def work() -> Response:
            return _soap_login(org, body, request.path_params["version"])

        return await answered(org, request, TOKEN_KIND, work, _element(body, "client"))

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))

        async def work() -> Response:
            return _token(org, form, request.headers.get("authorization", ""))

        return await answered(org, request, TOKEN_KIND, work)

    return [
        Route("/services/Soap/u/{version}", soap, methods=["POST"]),
        Route("/services/oauth2/token", token, methods=["POST"]),
    ]


def _element(xml: str, name: str) -> str | None:
    found = re.search(rf"<(?:\w+:)?{name}>(.*?)</(?:\w+:)?{name}>", xml, re.S)
    return unescape(found[1]) if found else None


def _soap_login(org: Org, body: str, version: str) -> Response:
    known = org.credentials
    given = (_element(body, "username"), _element(body, "password"))
    if given != (known.username, known.password + known.security_token):
        fault = (
            "<soapenv:Fault><faultcode>INVALID_LOGIN</faultcode><faultstring>INVALID_LOGIN:"
            " Invalid username, password, security token; or user locked out.</faultstring>"
            '<detail><sf:LoginFault xmlns:sf="urn:fault.partner.soap.sforce.com">'
            "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode><sf:exceptionMessage>Invalid"
            " username, password, security token; or user locked out.</sf:exceptionMessage>"
            "</sf:LoginFault></detail></soapenv:Fault>"
        )
        return _envelope(fault, 500)
    server_url = f"{INSTANCE_URL}/services/Soap/u/{version}/{ORG_ID[:15]}"
    return _envelope(
        "<loginResponse><result>"
        f"<metadataServerUrl>{server_url.replace('/u/', '/m/')}</metadataServerUrl>"
        "<passwordExpired>false</passwordExpired><sandbox>true</sandbox>"
        f"<serverUrl>{server_url}</serverUrl><sessionId>{escape(org.open_session())}</sessionId>"
        f"<userId>{_USER_ID}</userId><userInfo><organizationId>{ORG_ID}</organizationId>"
        "</userInfo></result></loginResponse>",
        200,
    )


def _envelope(content: str, status: int) -> Response:
    return Response(
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope'
        ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns="urn:partner.soap.sforce.com"><soapenv:Body>'
        f"{content}</soapenv:Body></soapenv:Envelope>",
        status,
        media_type="text/xml",
    )


def _token(org: Org, form: dict[str, str], authorization: str) -> Response:
    grant = form.get("grant_type")
    if grant == JWT_GRANT:
        return _jwt_login(org, form.get("assertion", ""))
    if grant == "client_credentials":
        given = _basic(authorization) or (form.get("client_id"), form.get("client_secret"))
        if given != (org.credentials.client_id, org.credentials.client_secret):
            return _refused("invalid_client", "invalid client credentials")
        return _granted(org)
    return _refused("unsupported_grant_type", "grant type not supported")


def _basic(authorization: str) -> tuple[str, str] | None:
    if not authorization.startswith("Basic "):
        return None
    try:
        decoded = base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    name, _, secret = decoded.partition(":")
    return name, secret


def _jwt_login(org: Org, assertion: str) -> Response:
    try:
        claims = jwt.decode(
            assertion,
            org.public_key,
            algorithms=["RS256"],
            audience=_AUDIENCES,
            issuer=org.credentials.client_id,
            options={"require": ["exp", "iss", "sub", "aud"]},
        )
    except jwt.ExpiredSignatureError:
        return _refused("invalid_grant", "expired authorization code")
    except jwt.InvalidTokenError:
        return _refused("invalid_grant", "invalid assertion")
    if claims["sub"] != org.credentials.username:
        return _refused("invalid_grant", "user hasn't approved this consumer")
    return _granted(org)


def _granted(org: Org) -> Response:
    return JSONResponse(
        {
            "access_token": org.open_session(),
            "scope": "api",
            "instance_url": INSTANCE_URL,
            "id": f"https://login.salesforce.com/id/{ORG_ID}/{_USER_ID}",
            "token_type": "Bearer",
        }
    )


def _refused(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, 400)
