"""The ledger: durable state that a rebuild must not lose. `store.Ledger` is its door."""
