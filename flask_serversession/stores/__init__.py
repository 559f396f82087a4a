"""Where sessions are kept. :mod:`.base` is the contract."""
