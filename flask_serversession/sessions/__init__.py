"""One session during one request. No Flask but its ``SessionMixin``, and no HTTP."""
