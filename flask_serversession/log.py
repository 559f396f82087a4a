"""What is worth a warning, but not one for each request."""

from __future__ import annotations

import logging
import time

logger: logging.Logger = logging.getLogger("flask_serversession")

#: Seconds between two lines of the same text.
PAUSE = 60.0


class QuietLog:
    """Logs each text at most once a minute, with how often it was due."""

    def __init__(self) -> None:
        #: When a text may be logged again, and how often it was due since the last line.
        self._state: dict[str, tuple[float, int]] = {}

    def warn(self, text: str, *values: object) -> None:
        self._log(logging.WARNING, text, values)

    def error(self, text: str, *values: object) -> None:
        self._log(logging.ERROR, text, values)

    def _log(self, level: int, text: str, values: tuple[object, ...]) -> None:
        now = time.monotonic()
        ends, count = self._state.get(text, (now, 0))
        if now < ends:
            self._state[text] = ends, count + 1
            return
        self._state[text] = now + PAUSE, 0
        if count:
            text, values = f"{text} (%d times since this was last logged)", (*values, count + 1)
        logger.log(level, text, *values)
