"""Wiring that the DAGs share: assets, pools, Cosmos configuration and the runner."""
