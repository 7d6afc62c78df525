"""The attribution part of touchproof."""
