"""Moves sessions from one store to another while applications use them.

:mod:`.mark` says how, :mod:`.store` does it for one key, :mod:`.abilities` for all of them.
"""
