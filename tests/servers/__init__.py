"""Real servers for the tests: one file a backend, one session-wide fixture each.

A fixture gives a URL. It comes from the environment (``TEST_REDIS_URL`` …) or from a
server that the fixture starts on a free loopback port in a temporary folder and stops
by its own process id. Where neither can be had the test is skipped, and the summary
says so; with ``--require-servers`` it fails instead.
"""
