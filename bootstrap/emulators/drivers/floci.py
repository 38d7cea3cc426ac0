"""Floci: an emulator under the MIT licence that takes LocalStack's place.

Written after its documentation and tried on a stand-in alone: its image could not be had.
"""

from collections.abc import Mapping
from typing import Any

from bootstrap.emulators.driver import LAMBDA_INVOKE, PERSISTENCE, EmulatorDriver, ImageRecipe
from bootstrap.model.stack import Driver

IMAGE = "floci/floci:1.6.0"
"""`floci/floci:VERSION-compat` has the AWS CLI and boto3 for init scripts that run inside."""
NAME = "floci-always-free"
_PORT = 4566


def _identify(health: Mapping[str, Any]) -> str | None:
    # Up to 1.5 the edition itself had this name.
    ours = isinstance(health.get("services"), Mapping) and NAME in {
        health.get("original_edition"),
        health.get("edition"),
    }
    return str(health.get("version") or "?") if ours else None


DRIVER = EmulatorDriver(
    name=Driver.FLOCI,
    health="/_floci/health",
    identify=_identify,
    reset="/_floci/reset",
    # An access key of 12 digits is an account of its own; every other one is this.
    accounts=frozenset({"000000000000"}),
    capabilities=frozenset({LAMBDA_INVOKE, PERSISTENCE}),
    image=ImageRecipe(
        default=IMAGE,
        port=_PORT,
        check=lambda _image, _environ: None,
        environment=lambda port, region: {
            "FLOCI_PORT": str(port),
            "FLOCI_BASE_URL": f"http://localhost:{port}",
            "FLOCI_DEFAULT_REGION": region,
        },
        saving=lambda folder: {
            "FLOCI_STORAGE_MODE": "persistent",
            "FLOCI_STORAGE_PERSISTENT_PATH": f"{folder}/state",
        },
        # Its functions run in containers of their own.
        with_socket=lambda network, _name: {"FLOCI_SERVICES_DOCKER_NETWORK": network},
        by_socket=frozenset({LAMBDA_INVOKE}),
    ),
)
