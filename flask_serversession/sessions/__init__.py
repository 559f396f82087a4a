"""One session during one request. No HTTP, and of Flask only ``SessionMixin``."""
