"""The pretend world: people, campaigns and days with planted truth.

Belongs here: `generate` (a whole world), `generate_days` (later days), `read_world` and `World`.
Doesn't belong here: the loopback servers and the real data set (hillstrom.py).
"""

from __future__ import annotations

from touchproof_sandbox.world.generate import generate, generate_days, read_world
from touchproof_sandbox.world.writing import GenerationReport, World

__all__ = ["GenerationReport", "World", "generate", "generate_days", "read_world"]
