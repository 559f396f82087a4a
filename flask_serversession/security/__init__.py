"""What makes sessions secure: one list of statements.

``flask sessions check --security`` prints it for a configuration, and a page of the
documentation shows it. The numbers never change, because configurations of CI accept
statements by number.
"""

from __future__ import annotations

from typing import Final

from .at_rest import AT_REST
from .cookie import COOKIE
from .device import DEVICE
from .identifier import IDENTIFIER
from .lifetime import LIFETIME
from .monitoring import MONITORING
from .robustness import ROBUSTNESS
from .rotation import ROTATION
from .statement import Answer as Answer
from .statement import Running as Running
from .statement import Statement as Statement
from .termination import TERMINATION

#: The statements by subject, in the order of their numbers.
SUBJECTS: Final[dict[str, tuple[Statement, ...]]] = {
    "Identifier": IDENTIFIER,
    "Cookie": COOKIE,
    "Lifetime": LIFETIME,
    "Fixation and rotation": ROTATION,
    "Termination": TERMINATION,
    "Step-up and monitoring": MONITORING,
    "Data at rest": AT_REST,
    "Robustness": ROBUSTNESS,
    "Device binding": DEVICE,
}
