"""The loopback server as a process: started, found again, ended by its own id.

Belongs here: the process, its `server.json`, its lock, its made-up credentials. Doesn't belong
here: what it answers (app.py).

`server.json` (mode 0600) tells where the server is. It may be older than the server: a server
counts as found only if its process lives and answers with the same `server_id`. Two servers on one
folder are impossible: the process holds a lock on it. A server whose `server.json` is gone, because
somebody deleted the world, ends itself: nobody could find it any more.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import requests
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from touchproof.durable import write_atomically
from touchproof.errors import BadInputError, LockTimeoutError, TouchproofError
from touchproof_sandbox.salesforce.app import build_app
from touchproof_sandbox.salesforce.org import Credentials, Org
from touchproof_sandbox.salesforce.schema import ORG_ID
from touchproof_sandbox.salesforce.serving import Protocol

MODULE = "touchproof_sandbox.salesforce"
_INCLUDE = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05
_WATCH_SECONDS = 1.0


@dataclass(frozen=True)
class ServerInfo:
    """Tell where a server is and how to log in to it; secrets stay out of the repr."""

    pid: int
    port: int
    url: str
    server_id: str
    started_at: str
    org_id: str
    username: str
    password: str = field(repr=False)
    security_token: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    private_key_file: str


def ensure(folder: Path) -> ServerInfo:
    """Return the folder's running server, starting one if there is none."""
    return find(folder) or start(folder)


def find(folder: Path) -> ServerInfo | None:
    """Return the folder's server if it lives and answers with its own id."""
    info = _read(folder)
    if info is None or not _is_alive(info.pid) or _identity(info) != info.server_id:
        return None
    return info


def start(folder: Path) -> ServerInfo:
    """Start a server that outlives us, and wait until it answers.

    Raises:
        BadInputError: If the folder has a running server already.
        TouchproofError: If the server doesn't come up.
    """
    if find(folder) is not None:
        raise BadInputError(
            "A loopback Salesforce runs on this folder already",
            where=folder.name,
            todo="Use it, or stop it first.",
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    log_path = folder / "server.log"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(
            part for part in (str(_INCLUDE), os.environ.get("PYTHONPATH", "")) if part
        )
    }
    with log_path.open("ab") as log:
        child = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", MODULE, "--dir", str(folder.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        found = find(folder)
        if found is not None:  # ours, or that of a start at the same moment
            return found
        if child.poll() not in {None, 0}:
            break
        time.sleep(_POLL_SECONDS)
    raise TouchproofError(
        "The loopback Salesforce didn't come up",
        where=folder.name,
        todo="Look into server.log in the world's sandbox/salesforce folder.",
    )


def stop(folder: Path) -> bool:
    """End the folder's server; return whether there was one.

    Only a process that is surely ours is ended: it answers with the id of `server.json`, or its
    command line names our module and this folder.
    """
    info = _read(folder)
    if info is None or not _is_alive(info.pid):
        return False
    if _identity(info) != info.server_id and not _is_our_command(info.pid, folder):
        return False
    os.kill(info.pid, signal.SIGTERM)
    if not _wait_for_end(info.pid):
        os.kill(info.pid, signal.SIGKILL)
        _wait_for_end(info.pid)
    return True


def serve_foreground(folder: Path) -> None:
    """Serve the folder's org in this process until it is ended.

    Raises:
        LockTimeoutError: If another process serves this folder.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise LockTimeoutError(
            "Another process serves this folder already",
            where=folder.name,
            todo="Use that server, or stop it first.",
        ) from None
    with _listening(_read(folder)) as listener:
        credentials, key_path = _credentials(folder)
        public_key = key_path.with_suffix(".pub").read_bytes()
        port = listener.getsockname()[1]
        info = ServerInfo(
            pid=os.getpid(),
            port=port,
            url=f"http://127.0.0.1:{port}",
            server_id=uuid.uuid4().hex,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            org_id=ORG_ID,
            private_key_file=str(key_path),
            **asdict(credentials),
        )
        org = Org(folder, info.server_id, credentials, public_key)
        config = uvicorn.Config(
            build_app(org),
            http=Protocol,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        content = json.dumps(asdict(info), indent=1).encode()
        write_atomically(folder / "server.json", content, mode=0o600)
        server = uvicorn.Server(config)
        watch = threading.Thread(
            target=_end_when_forgotten, args=(server, folder, info.server_id), daemon=True
        )
        watch.start()
        try:
            server.run(sockets=[listener])
        finally:
            org.storage.close()
            os.close(lock)


def _end_when_forgotten(server: uvicorn.Server, folder: Path, server_id: str) -> None:
    """End the server once `server.json` no longer tells of it."""
    while not server.should_exit:
        time.sleep(_WATCH_SECONDS)
        told = _read(folder)
        if told is None or told.server_id != server_id:
            server.should_exit = True


def _listening(earlier: ServerInfo | None) -> socket.socket:
    """Return a listening socket: on the port of the server before, if it is free."""
    for port in ([earlier.port] if earlier else []) + [0]:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            continue
        listener.listen(128)
        return listener
    raise TouchproofError("There is no free port on 127.0.0.1", todo="Look at who holds them.")


def _credentials(folder: Path) -> tuple[Credentials, Path]:
    """Return the org's credentials and the private key's place, made at the first start."""
    path = folder / "credentials.json"
    key_path = folder / "jwt.key"
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_atomically(key_path, private, mode=0o600)
        write_atomically(key_path.with_suffix(".pub"), public)
        made = Credentials(
            username="integration@touchproof.sandbox",
            password=secrets.token_urlsafe(12),
            security_token=secrets.token_hex(12),
            client_id=f"3MVG9{secrets.token_hex(20)}",
            client_secret=secrets.token_hex(32),
        )
        write_atomically(path, json.dumps(asdict(made)).encode(), mode=0o600)
    return Credentials(**json.loads(path.read_bytes())), key_path


def _read(folder: Path) -> ServerInfo | None:
    try:
        return ServerInfo(**json.loads((folder / "server.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _identity(info: ServerInfo) -> str | None:
    session = requests.Session()
    session.trust_env = False
    try:
        answer = session.get(f"{info.url}/_control/identity", timeout=(2.0, 30.0)).json()
    except (requests.RequestException, ValueError):
        return None
    return str(answer.get("server_id")) if isinstance(answer, dict) else None


def _is_alive(pid: int) -> bool:
    with suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0] == pid:  # a child of ours that has ended
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # somebody else's process has this number now
    return True


def _is_our_command(pid: int, folder: Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except (OSError, UnicodeDecodeError):
        return False
    return MODULE in words and str(folder.resolve()) in words


def _wait_for_end(pid: int) -> bool:
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        if not _is_alive(pid):
            return True
        time.sleep(_POLL_SECONDS)
    return False
