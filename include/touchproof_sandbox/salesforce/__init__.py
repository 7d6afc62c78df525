"""A Salesforce org on this machine: what the push and the extraction need of it, kept on disk.

Start it with `lifecycle.ensure(folder)`, steer it with `control.Control(url)`. It speaks logins
(SOAP password, OAuth JWT and client credentials), describe, REST records and queries, Collections
upsert, Bulk API 2.0 query and ingest, and `/limits`; it counts calls like the real one. Its rules
follow Salesforce's public documentation; guesses are named where they are made.
"""
