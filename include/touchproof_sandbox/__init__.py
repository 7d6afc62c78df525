"""The pretend world: a generator with planted truth and the loopback servers."""
