"""What the sessions of an application share, and how the value of a cookie holds one. No I/O."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Final

from ..cookies.signing import Keygrip
from ..encryption import Encryption
from ..errors import PayloadError
from ..sessions.settings import CommonSettings

#: The member of the stored data that says when the session ends, in seconds since 1970.
_END = " end"
_PURPOSE: Final = "cookie"


@dataclass(slots=True, kw_only=True)
class ClientSettings(CommonSettings):
    """What all sessions of an application share that are kept in cookies.

    A *body* is the JSON of a session's data. The cookie's value is that in base64, or encrypted.
    """

    #: Returns the keys that sign and verify. Called when a session is first used, and replaced
    #: with the config.
    keys: Callable[[], Keygrip]
    #: Encrypts cookies; None if anyone with the cookie may read its data.
    encryption: Encryption | None = None

    def body_of(self, value: str) -> tuple[bytes, bool]:
        """Return the body in a cookie's value, and whether it is encrypted as it would be now.

        :raises PayloadError: if there is none.
        """
        plain, is_current = self._decrypted(value)
        if plain is not None:
            return plain, is_current
        try:
            return base64.b64decode(value, validate=True), is_current
        except ValueError as error:
            raise PayloadError("A session's cookie is not base64.") from error

    def value_of(self, body: bytes) -> str:
        """Return the cookie's value for a body."""
        if self.encryption is not None:
            name = self.config.cookie_name
            sealed = self.encryption.encrypt(body, purpose=_PURPOSE, name=name)
            if sealed is not body:
                return sealed.decode()
        return base64.b64encode(body).decode()

    def load(self, body: bytes) -> tuple[dict[str, Any], object]:
        """Return the data of a body, and the end of the session that it names, if any.

        :raises PayloadError: if it is not a session.
        """
        values = self.serializer.loads(body)
        if self.config.profile == "express":
            return values, None
        return values, values.pop(_END, None)

    def dump(self, values: dict[str, Any], *, end: int | None = None) -> bytes:
        """Return the body for these data, with the session's end in ms since 1970."""
        named = values if end is None else {**values, _END: end // 1000}
        return self.serializer.dumps(named)

    def _decrypted(self, value: str) -> tuple[bytes | None, bool]:
        if self.encryption is None:
            return None, True
        sealed = value.encode(errors="surrogatepass")
        name = self.config.cookie_name
        plain, is_current = self.encryption.decrypt(sealed, purpose=_PURPOSE, name=name)
        return None if plain is sealed else plain, is_current
