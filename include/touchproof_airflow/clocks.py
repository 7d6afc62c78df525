"""The clock that tasks pass to the library.

Belongs here: the system clock, or the pretend world's clock, which `make run` starts at the
morning after the night it runs (TOUCHPROOF_PRETEND_NOW) and which goes on from there. Doesn't
belong here: nights (nights.py).
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta

from touchproof.clock import system_clock

PRETEND_NOW = "TOUCHPROOF_PRETEND_NOW"
_STARTED = time.monotonic()


def task_clock() -> datetime:
    """Return the present moment in UTC: the system's, or the pretend world's."""
    pretended = os.environ.get(PRETEND_NOW)
    if not pretended:
        return system_clock()
    return datetime.fromisoformat(pretended) + timedelta(seconds=time.monotonic() - _STARTED)
