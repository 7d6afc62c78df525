"""The sources part of touchproof."""
