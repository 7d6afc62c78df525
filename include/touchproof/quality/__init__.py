"""The quality part of touchproof."""
