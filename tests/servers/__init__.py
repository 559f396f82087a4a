"""Real servers for the tests: one file and one session-scoped fixture per backend.

A fixture returns a URL. It comes from the environment (``TEST_REDIS_URL`` …) or from a server
that the fixture starts on a free loopback port in a temporary folder. Without either, the test
is skipped and the summary says so; with ``--require-servers`` it fails.
"""
