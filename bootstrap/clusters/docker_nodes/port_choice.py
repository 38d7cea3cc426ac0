"""Ports that were chosen for a stack because its own were in use, and are its own from then on."""

import json
import zlib
from collections.abc import Callable

from bootstrap.errors import RefusedError
from bootstrap.model.stack import HostPorts, StatePaths
from bootstrap.system.files import write_whole
from bootstrap.system.sockets import is_free

_TRIED = 200
_FIRST_APART, _APART = 10_000, 9_000
"""Where those of instances with a name are looked for: below what Linux gives to outgoing connections."""


def remembered_ports(declared: HostPorts, state: StatePaths) -> HostPorts:
    """Those that were chosen for these, else these; nobody knows which were, if the file is damaged."""
    try:
        noted = json.loads((state.folder / "ports.json").read_text())
        # Whoever declares others means those.
        same = noted["declared"] == [declared.http, declared.https]
        return HostPorts(http=noted["chosen"][0], https=noted["chosen"][1]) if same else declared
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError):
        return declared


def choose_ports(
    declared: HostPorts, state: StatePaths, *, apart: bool = False, free: Callable[[int], bool] = is_free
) -> HostPorts:
    """Free ports, from the declared ones upwards, recorded for every later run; those of an existing cluster stay.

    With `apart` they are looked for at a place of this state folder's own: of several that are brought up at the same
    moment, none has taken its ports yet, and all would see the declared ones free.

    Raises:
        RefusedError: all of the next ones are in use.
    """
    remembered = remembered_ports(declared, state)
    if remembered != declared or state.cluster.exists():
        return remembered
    place = _FIRST_APART + zlib.crc32(state.folder.name.encode()) % _APART
    http = _first_free(place if apart else declared.http, free, but=0)
    https = _first_free(http if apart else declared.https, free, but=http)
    noted = {"declared": [declared.http, declared.https], "chosen": [http, https]}
    write_whole(state.folder / "ports.json", json.dumps(noted).encode())
    return HostPorts(http=http, https=https)


def _first_free(first: int, free: Callable[[int], bool], *, but: int) -> int:
    candidate = next((port for port in range(first, first + _TRIED) if port != but and free(port)), None)
    if candidate is None:
        raise RefusedError(f"none of the ports {first} to {first + _TRIED - 1} is free on 127.0.0.1")
    return candidate
