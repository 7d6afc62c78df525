"""The evidence part of touchproof."""
