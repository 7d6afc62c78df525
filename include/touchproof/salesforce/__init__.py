"""The salesforce part of touchproof."""
