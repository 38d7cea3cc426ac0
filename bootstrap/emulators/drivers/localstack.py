"""LocalStack: a container, free without a token up to 4.14.0."""

import re
from collections.abc import Mapping
from typing import Any

from bootstrap.emulators.driver import LAMBDA_INVOKE, EmulatorDriver, ImageRecipe
from bootstrap.errors import RefusedError
from bootstrap.model.stack import Driver

IMAGE = "localstack/localstack:4.14.0"
_PORT = 4566
LAST_FREE = (4, 14, 0)
TOKEN = "LOCALSTACK_AUTH_TOKEN"  # noqa: S105  # the variable's name

EXIT_CODES = {
    55: f"LocalStack ended because it has no valid licence (exit code 55): give {TOKEN}, or use {IMAGE}",
}


def check_image(image: str, environ: Mapping[str, str]) -> None:
    """Return when the image starts without a token, or there is one.

    Raises:
        RefusedError: it is later than 4.14.0, or not known to be free, and the environment has no token.
    """
    if environ.get(TOKEN) or _is_free(image):
        return
    raise RefusedError(
        f"{image} does not start without {TOKEN}: 4.14.0 is the last LocalStack that needs no token",
        fix=f"set emulator.image to {IMAGE}, set {TOKEN}, or use emulator.driver ministack",
    )


def _is_free(image: str) -> bool:
    repository, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    version = re.fullmatch(r"(\d+)\.(\d+)(?:\.(\d+))?(?:-[a-z0-9-]+)?", tag)
    if repository != "localstack" or version is None:
        return False
    major, minor, patch = (int(part or 0) for part in version.groups())
    return (major, minor, patch) <= LAST_FREE


def _identify(health: Mapping[str, Any]) -> str | None:
    ours = (
        isinstance(health.get("services"), Mapping)
        and {"edition", "version"} <= health.keys()
        and "ready_scripts" not in health
    )
    # Floci answers this route too, and says whose edition it was at first.
    return str(health["version"]) if ours and "original_edition" not in health else None


def _services(health: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name, state in health["services"].items() if state != "disabled")


def _listening(published: int) -> Mapping[str, str]:
    ports = dict.fromkeys((published, _PORT))
    return {"GATEWAY_LISTEN": ",".join(f"0.0.0.0:{port}" for port in ports)}


DRIVER = EmulatorDriver(
    name=Driver.LOCALSTACK,
    health="/_localstack/health",
    identify=_identify,
    # A paid edition has the route; the free one is emptied through the API.
    reset="/_localstack/state/reset",
    services=_services,
    services_setting="SERVICES",
    switched_off="Service '{service}' is not enabled",
    restart=("/_localstack/health", b'{"action": "restart"}'),
    start=("/_localstack/info", "session_id"),
    messages="/_aws/sqs/messages?ShowInvisible=true&ShowDelayed=true",
    accounts=frozenset({"000000000000"}),
    capabilities=frozenset({LAMBDA_INVOKE}),
    image=ImageRecipe(
        default=IMAGE,
        port=_PORT,
        check=check_image,
        environment=lambda port, _region: {
            "GATEWAY_LISTEN": f"0.0.0.0:{port}",
            "LAMBDA_IGNORE_ARCHITECTURE": "1",
            # A queue's URL is one that whoever asks can use: a pod by the Service, a program here by the port.
            "SQS_ENDPOINT_STRATEGY": "dynamic",
        },
        # It makes up URLs of the first; pods come by the second, the port of the Service.
        listening=_listening,
        passed=(TOKEN,),
        # Its functions run in containers of their own, named after it and on its network.
        with_socket=lambda network, name: {"LAMBDA_DOCKER_NETWORK": network, "MAIN_CONTAINER_NAME": name},
        by_socket=frozenset({LAMBDA_INVOKE}),
        exit_codes=EXIT_CODES,
    ),
)
