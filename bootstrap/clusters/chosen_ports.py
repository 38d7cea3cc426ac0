"""Ports that were chosen for a stack because its own were taken, and are its own from then on."""

import json
from collections.abc import Callable

from bootstrap.clusters.kwok.sockets import is_free
from bootstrap.engine.files import write_whole
from bootstrap.errors import RefusedError
from bootstrap.model.stack import HostPorts, StatePaths

_TRIED = 200


def remembered_ports(declared: HostPorts, state: StatePaths) -> HostPorts:
    """Those that were chosen for these, else these."""
    try:
        noted = json.loads((state.folder / "ports.json").read_text())
    except FileNotFoundError:
        return declared
    # Whoever declares others means those.
    same = noted["declared"] == [declared.http, declared.https]
    return HostPorts(http=noted["chosen"][0], https=noted["chosen"][1]) if same else declared


def choose_ports(declared: HostPorts, state: StatePaths, *, free: Callable[[int], bool] = is_free) -> HostPorts:
    """Free ports, from the declared ones upwards, noted for every later run; those of a cluster that is there stay.

    Raises:
        RefusedError: all of the next ones are taken.
    """
    held = remembered_ports(declared, state)
    if held != declared or state.cluster.exists():
        return held
    http = _first_free(declared.http, free, but=0)
    https = _first_free(declared.https, free, but=http)
    noted = {"declared": [declared.http, declared.https], "chosen": [http, https]}
    write_whole(state.folder / "ports.json", json.dumps(noted).encode())
    return HostPorts(http=http, https=https)


def _first_free(first: int, free: Callable[[int], bool], *, but: int) -> int:
    found = next((port for port in range(first, first + _TRIED) if port != but and free(port)), None)
    if found is None:
        raise RefusedError(f"none of the ports {first} to {first + _TRIED - 1} is free on 127.0.0.1")
    return found
