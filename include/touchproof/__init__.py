"""touchproof: marketing attribution, skip-referral evidence and a careful Salesforce push.

The library. It imports neither Airflow nor Cosmos nor the pretend world; DAGs, the command line and
tests call it. Every function takes its night, clock and settings as arguments.
"""

__version__ = "0.1.0"
