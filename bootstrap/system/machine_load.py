"""How busy this machine is."""

import os

_PER_PROCESSOR = 1.5


def is_loaded() -> bool:
    """Whether clearly more wants to run than there are processors, by the last minute's average."""
    try:
        load = os.getloadavg()[0]
    except OSError:
        return False
    return load > _PER_PROCESSOR * (os.cpu_count() or 1)
