"""`make ui`: Airflow, standalone, on the same data, DAGs and pools as `make run`.

Belongs here: starting Airflow as a child process, saying where it is, and stopping all of it.
Doesn't belong here: pages (pages.py), the environment (environment.py).
"""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import requests

from touchproof.durable import write_atomically
from touchproof.errors import BadInputError, TouchproofError
from touchproof.settings import Settings
from touchproof_airflow import environment, preparing, pretend

USER = "admin"
_START_SECONDS = 180.0
_STOP_SECONDS = 20.0
_HEALTH = "api/v2/monitor/health"


class AirflowServer:
    """Run `airflow standalone` for one world; the log goes to `airflow/logs/ui.log`.

    Args:
        settings: The world.
        port: Port on 127.0.0.1; a free one if None.
    """

    def __init__(self, settings: Settings, port: int | None = None) -> None:
        self.settings = settings
        self.port = port or free_port()
        self.log = settings.paths.airflow_home / "logs" / "ui.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the address, ending in a slash."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start Airflow and wait until it answers.

        Raises:
            BadInputError: If the port is taken.
            TouchproofError: If Airflow doesn't come up.
        """
        if not _is_free(self.port):
            raise BadInputError(f"Port {self.port} is taken", todo="Choose another with --port.")
        variables = os.environ | environment.airflow_environment(self.settings)
        variables |= _server_environment(self.port)
        if pretend.is_made(self.settings):
            pretend.start_salesforce(self.settings)
            variables |= pretend.ORG_SETTINGS
        _write_password(self.settings)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            if preparing.start(variables, log).wait():
                raise _not_up(self.log)
            self._child = subprocess.Popen(
                [sys.executable, "-m", "touchproof_airflow", "guard"],
                env=variables,
                stdin=subprocess.PIPE,  # its end tells the guard that we are gone, however we went
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._await_health()

    def password(self) -> str:
        """Return the password of `USER`."""
        return str(json.loads(_passwords(self.settings).read_bytes())[USER])

    def wait(self) -> int:
        """Wait until Airflow ends; return its exit code."""
        return self._child.wait() if self._child else 0

    def stop(self) -> None:
        """End Airflow and every process that it started."""
        if self._child is None:
            return
        if self._child.stdin is not None:
            self._child.stdin.close()
        try:
            self._child.wait(timeout=2 * _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def _await_health(self) -> None:
        session = requests.Session()
        session.trust_env = False
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._child is not None and self._child.poll() is not None:
                break
            with suppress(requests.RequestException, ValueError, KeyError):
                health = session.get(self.url + _HEALTH, timeout=5).json()
                if health["scheduler"]["status"] == "healthy":
                    return
            time.sleep(0.5)
        self.stop()
        raise _not_up(self.log)


def serve(settings: Settings, port: int | None = None) -> int:
    """Serve until Ctrl-C; return the exit code."""
    server = AirflowServer(settings, port)
    print("Starting Airflow …", flush=True)  # noqa: T201 - this is the command line
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        server.start()
        print(_welcome(server), flush=True)  # noqa: T201
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        print("Stopping Airflow …", flush=True)  # noqa: T201
        server.stop()


def guard() -> int:
    """Run `airflow standalone` until it ends or stdin does, then end all that it started.

    It is a process of its own, so that a killed `make ui` leaves no Airflow behind.
    """
    airflow = subprocess.Popen(
        [sys.executable, "-m", "airflow", "standalone"],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    while airflow.poll() is None:
        readable, _, _ = select.select([sys.stdin.fileno()], [], [], 1.0)
        if readable and not os.read(sys.stdin.fileno(), 1):
            break
    _end_group(airflow)
    return airflow.returncode or 0


def _end_group(leader: subprocess.Popen[bytes]) -> None:
    """End a process that leads its own group, and everything in that group."""
    for sign, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, sign)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and _group_lives(leader.pid):
            leader.poll()
            time.sleep(0.1)
    leader.wait()


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _write_password(settings: Settings) -> None:
    passwords = _passwords(settings)
    if not passwords.exists():
        content = json.dumps({USER: secrets.token_urlsafe(12)})
        write_atomically(passwords, content.encode(), mode=0o600)


def _not_up(log: Path) -> TouchproofError:
    return TouchproofError("Airflow didn't come up", where=str(log), todo="The log says why.")


def _server_environment(port: int) -> dict[str, str]:
    here = str(Path(sys.executable).parent)  # standalone calls `airflow` by name
    return {
        "PATH": os.pathsep.join((here, os.environ.get("PATH", os.defpath))),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
    }


def _passwords(settings: Settings) -> Path:
    return settings.paths.airflow_home / "passwords.json"


def _welcome(server: AirflowServer) -> str:
    return (
        f"\n  Airflow   {server.url}\n  user      {USER}\n  password  {server.password()}\n\n"
        f"  World {server.settings.world}; the page touchproof is in the navigation.\n"
        "  The DAGs are paused: unpause and trigger them there. The param `night` picks a night;\n"
        "  the default is the one that is due, in a pretend world its newest.\n"
        "  Ctrl-C stops everything.\n"
    )


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
