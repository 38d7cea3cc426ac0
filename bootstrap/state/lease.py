"""The lease in the state folder."""

import json
from datetime import datetime, timedelta

from bootstrap.errors import RefusedError
from bootstrap.model.lease import Lease
from bootstrap.model.stack import StatePaths
from bootstrap.system.files import write_whole


def read_lease(state: StatePaths) -> Lease | None:
    """The expiry of the stack; None: it never expires.

    Raises:
        RefusedError: the file is not what `write_lease` writes.
    """
    try:
        document = json.loads(state.lease.read_bytes())
        return Lease(expires=datetime.fromisoformat(document["expires"]), length=timedelta(seconds=document["seconds"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            f"{state.lease} is damaged: {error}",
            fix="give the stack a new expiry: bootstrap up, with --ttl 2h or --ttl never",
        ) from error


def write_lease(state: StatePaths, lease: Lease | None) -> None:
    """Write the lease; an unchanged lease is not written again."""
    if lease is None:
        state.lease.unlink(missing_ok=True)
        return
    content = {"expires": lease.expires.isoformat(), "seconds": lease.length.total_seconds()}
    write_whole(state.lease, json.dumps(content).encode())
