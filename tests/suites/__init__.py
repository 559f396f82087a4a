"""The published test suites of Flask and its extensions, run with the sessions of this package.

``scripts/test-suites`` installs what they need and runs :mod:`.__main__`.
"""
