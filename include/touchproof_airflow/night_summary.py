"""x."""

from __future__ import annotations


def print_summary(settings, plan, state, console):
    console.print(state)
