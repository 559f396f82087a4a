from __future__ import annotations

from hypothesis import settings

# A busy machine is not a bug. A profile chosen on the command line stays as it is.
if settings.get_current_profile_name() == "default":
    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")
