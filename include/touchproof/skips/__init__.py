"""The skips part of touchproof."""
