"""The ledger part of touchproof."""
