"""Run a tick of the lane in a process of its own and die at one point, as `kill -9` does.

Usage: killed_lane.py DATA_DIR WORLD NOW OWNER.METHOD before|after
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from touchproof.salesforce.client import Client
from touchproof.salesforce.lane import run_lane
from touchproof.salesforce.lane_outbox import LaneOutbox
from touchproof.settings import Settings


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    data_dir, world, now_text, point, moment = sys.argv[1:]
    owner_name, method_name = point.split(".")
    owner: Any = {"Client": Client, "LaneOutbox": LaneOutbox}[owner_name]
    method = getattr(owner, method_name)

    def dying(self: Any, *arguments: Any, **options: Any) -> Any:
        if moment == "before":
            die()
        method(self, *arguments, **options)
        die()

    setattr(owner, method_name, dying)
    settings = Settings(data_dir=Path(data_dir), world=world, max_changed_share=1.0)
    now = datetime.fromisoformat(now_text)
    run_lane(settings, lambda: now, sleep=lambda _: None, jitter=lambda: 0.5)


if __name__ == "__main__":
    main()
