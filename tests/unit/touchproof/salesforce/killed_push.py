"""Push in a process of its own and die at one point, as `kill -9` does.

Usage: killed_push.py DATA_DIR WORLD NIGHT OWNER.METHOD before|after small|large
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from touchproof.salesforce import budget
from touchproof.salesforce.client import Client
from touchproof.salesforce.outbox import Outbox
from touchproof.salesforce.push import run_push
from touchproof.settings import Settings


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    data_dir, world, night_text, point, moment, size = sys.argv[1:]
    owner_name, method_name = point.split(".")
    owner: Any = {"Client": Client, "Outbox": Outbox}[owner_name]
    method = getattr(owner, method_name)

    def dying(self: Any, *arguments: Any, **options: Any) -> Any:
        if moment == "before":
            die()
        method(self, *arguments, **options)
        die()

    setattr(owner, method_name, dying)
    if size == "large":
        budget.MULTIPART_MAX_CHARACTERS = 0
    night = date.fromisoformat(night_text)
    now = datetime(night.year, night.month, night.day, 2, tzinfo=UTC) + timedelta(days=1)
    settings = Settings(data_dir=Path(data_dir), world=world, max_changed_share=1.0)
    run_push(settings, night, lambda: now, sleep=lambda _: None, jitter=lambda: 0.5)


if __name__ == "__main__":
    main()
