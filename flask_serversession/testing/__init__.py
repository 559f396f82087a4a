"""The test suite that every store must pass, also your own. Needs pytest and hypothesis.

.. code-block:: python

    from flask_serversession.testing import KeysContract, StoreContract, store_machine

    class TestMyStore(StoreContract, KeysContract):
        @pytest.fixture
        def store(self):
            return MyStore(...)          # empty

        @pytest.fixture
        def other_store(self):
            return MyStore(...)          # same server, another prefix or table

    TestMyStoreAgainstADict = store_machine(make_my_store).TestCase
"""

import pytest

pytest.register_assert_rewrite(
    "flask_serversession.testing.contract",
    "flask_serversession.testing.locks",
    "flask_serversession.testing.stateful",
    "flask_serversession.testing.users",
)

from .contract import KeysContract as KeysContract  # noqa: E402
from .contract import PingContract as PingContract  # noqa: E402
from .contract import PruneContract as PruneContract  # noqa: E402
from .contract import SetupContract as SetupContract  # noqa: E402
from .contract import StoreContract as StoreContract  # noqa: E402
from .locks import LeaseContract as LeaseContract  # noqa: E402
from .locks import LockContract as LockContract  # noqa: E402
from .locks import LockedSaveContract as LockedSaveContract  # noqa: E402 - rewriting comes first
from .stateful import store_machine as store_machine  # noqa: E402
from .users import EpochsContract as EpochsContract  # noqa: E402
from .users import UsersContract as UsersContract  # noqa: E402
