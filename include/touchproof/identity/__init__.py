"""The identity part of touchproof."""
