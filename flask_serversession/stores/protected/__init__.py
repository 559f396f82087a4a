"""Protects what another store keeps: it hashes ids, and encrypts payloads.

:mod:`.names` hashes, :mod:`.payloads` encrypts, :mod:`.store` does both for one key,
:mod:`.abilities` for all of them.
"""
