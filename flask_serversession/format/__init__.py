"""The bytes of a stored session. No I/O, no Flask."""
