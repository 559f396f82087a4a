"""``flask sessions …``: inspect, end, prune and set up an application's sessions."""

from . import records as records
from . import upkeep as upkeep
from . import users as users
from .group import sessions as sessions
